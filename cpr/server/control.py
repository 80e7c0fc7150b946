"""Messages between the supervisor and its processes: JSON, and descriptors with them.

Each process has a socket pair of its own with the supervisor, of the kind
that keeps messages apart (SOCK_SEQPACKET): one message is one JSON object, and
the sockets and shared pages that are handed over travel with it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from typing import Any

_LARGEST = 1 << 20
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

    def setblocking(self, is_blocking: bool) -> None:  # noqa: FBT001 - as sockets have it
        """Whether `send` and `receive` wait."""
        self._connection.setblocking(is_blocking)

    def send(self, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send one message; descriptors stay open on this side.

        Raises:
            OSError: The other end is gone, or reads nothing any more.
            ValueError: The message is larger than a message may be.
        """
        data = json.dumps(message).encode("ascii")
        if len(data) > _LARGEST:
            raise ValueError(f"a control message of {len(data)} bytes; at most {_LARGEST}")
        socket.send_fds(self._connection, [data], list(descriptors))

    def receive(self) -> tuple[dict[str, Any], list[int]] | None:
        """The next message with its descriptors; None when the other end is gone.

        Raises:
            BlockingIOError: There is none yet, and this end does not wait.
        """
        try:
            data, descriptors, _, _ = socket.recv_fds(
                self._connection, _LARGEST, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError:
            return None
        if not data:
            return None
        message: dict[str, Any] = json.loads(data)
        return message, descriptors

    def close(self) -> None:
        """Close this end; safe to call twice."""
        self._connection.close()
