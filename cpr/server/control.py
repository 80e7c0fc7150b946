"""Messages between the supervisor and its processes: JSON, and descriptors with them.

Each process has a socket pair of its own with the supervisor, of the kind
that keeps messages apart (SOCK_SEQPACKET): one message is one JSON object, and
the sockets and shared pages that are handed over travel with it. A text too
long for the kernel to keep in one piece travels as a file in memory.
"""

from __future__ import annotations

import json
import os
import socket
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

# What every system takes in one piece.
_LARGEST = 1 << 16
_IN_A_FILE = b"@"
_MOST_DESCRIPTORS = 8
_BUFFER = 4 << 20


class ControlSocket:
    """One end of a control connection; never blocks where it was made so.

    Args:
        connection: A connected SOCK_SEQPACKET socket, owned from now on.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    @classmethod
    def pair(cls) -> tuple[ControlSocket, ControlSocket]:
        """Two connected ends."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        return cls(ours), cls(theirs)

    def fileno(self) -> int:
        """The descriptor, for a selector or an event loop."""
        return self._connection.fileno()

    def setblocking(self, is_blocking: bool) -> None:
        """Whether `send` and `receive` wait."""
        self._connection.setblocking(is_blocking)

    def send(self, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send one message; descriptors stay open on this side.

        Raises:
            OSError: The other end is gone, or reads nothing any more.
        """
        data = json.dumps(message).encode("ascii")
        if len(data) <= _LARGEST:
            socket.send_fds(self._connection, [data], list(descriptors))
            return
        page = _write_page(data)
        try:
            socket.send_fds(self._connection, [_IN_A_FILE], [*descriptors, page])
        finally:
            os.close(page)

    def receive(self) -> tuple[dict[str, Any], list[int]] | None:
        """The next message with its descriptors; None when the other end is gone.

        Raises:
            BlockingIOError: There is none yet, and this end does not wait.
        """
        try:
            data, descriptors = self._receive()
        except ConnectionResetError:
            # Told once, of an end that closed with messages unread; what it sent is still there.
            data, descriptors = self._receive()
        if not data:
            return None
        if data == _IN_A_FILE:
            data = _read_page(descriptors.pop())
        message: dict[str, Any] = json.loads(data)
        return message, descriptors

    def close(self) -> None:
        """Close this end; safe to call twice."""
        self._connection.close()

    def _receive(self) -> tuple[bytes, list[int]]:
        # Not socket.recv_fds, which drops its flags: what comes would then be inherited by
        # whatever user code starts, and a worker's end go unnoticed while that lives.
        descriptors = array("i")
        space = socket.CMSG_LEN(_MOST_DESCRIPTORS * descriptors.itemsize)
        data, controls, _, _ = self._connection.recvmsg(_LARGEST, space, socket.MSG_CMSG_CLOEXEC)
        for level, kind, content in controls:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(
                    content[: len(content) // descriptors.itemsize * descriptors.itemsize]
                )
        return data, list(descriptors)


def _write_page(data: bytes) -> int:
    page = os.memfd_create("cpr-message", os.MFD_CLOEXEC)
    with open(page, "wb", closefd=False) as file:
        file.write(data)
    return page


def _read_page(page: int) -> bytes:
    with open(page, "rb") as file:
        file.seek(0)
        return file.read()
