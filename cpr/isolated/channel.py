"""Frames between a process and its child: a JSON header and raw blobs.

A frame is a mark, the length of the header, the header, and the blobs, whose
sizes the header tells. Nothing is unpickled, and a frame that the other side
did not finish is never seen.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MARK = b"cpr\x01"
_START = struct.Struct("!4sQ")
_CHUNK = 1 << 20


class ChannelBroken(Exception):
    """The other side is gone, or writes what is no frame."""


@dataclass(frozen=True)
class Message:
    """One frame, read: a JSON object and the blobs that came with it."""

    header: dict[str, Any]
    blobs: tuple[bytes, ...] = ()


def encode(header: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> bytes:
    """Write one frame."""
    sizes = [len(blob) for blob in blobs]
    text = json.dumps({**header, "blobs": sizes}).encode("ascii")
    return b"".join([_START.pack(_MARK, len(text)), text, *blobs])


class FrameReader:
    """Collects bytes as they come and gives whole frames."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._wanted = _START.size

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        self._pending += data

    def take(self) -> Message | None:
        """The next whole frame; None while it is not there yet.

        Raises:
            ChannelBroken: What was read is not a frame.
        """
        # A large frame comes in many pieces: its header is read again only when all is there.
        if len(self._pending) < self._wanted:
            return None
        mark, length = _START.unpack_from(self._pending)
        if mark != _MARK:
            raise ChannelBroken("something else than cpr wrote to the channel")
        end = _START.size + length
        if len(self._pending) < end:
            self._wanted = end
            return None
        header = json.loads(self._pending[_START.size : end])
        sizes = header.pop("blobs")
        self._wanted = end + sum(sizes)
        if len(self._pending) < self._wanted:
            return None
        blobs = []
        for size in sizes:
            blobs.append(bytes(self._pending[end : end + size]))
            end += size
        del self._pending[:end]
        self._wanted = _START.size
        return Message(header, tuple(blobs))


class Channel:
    """The child's side: blocking, one frame at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = FrameReader()

    def receive(self) -> Message | None:
        """The next frame; None when the other side is gone."""
        while (message := self._reader.take()) is None:
            data = self._connection.recv(_CHUNK)
            if not data:
                return None
            self._reader.feed(data)
        return message

    def send(self, header: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> None:
        """Write one frame whole."""
        self._connection.sendall(encode(header, blobs))
