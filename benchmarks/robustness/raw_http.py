"""HTTP/1.1 over plain sockets: what a client sent and what came back, to the byte.

Libraries retry, pool and forgive; these scripts must know whether a request
was sent, and whether its answer was complete.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass

_AT_ONCE = 1 << 16
_LARGEST_HEAD = 1 << 16


class IncompleteAnswer(Exception):
    """The connection ended, or stayed silent, before the answer was whole."""


@dataclass(frozen=True)
class Answer:
    """One response; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ends_connection(self) -> bool:
        """Whether the server said that it takes no further request here."""
        return self.headers.get("connection", "").lower() == "close"


def request(
    path: str, body: bytes = b"", *, method: str = "POST", headers: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of one request."""
    lines = {"Host": "localhost", "Content-Type": "application/json", **(headers or {})}
    if method == "POST":
        lines.setdefault("Content-Length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


class Connection:
    """One TCP connection; requests and answers in order.

    Args:
        receive_buffer: Bytes that the kernel may hold unread, 0 for its own choice.
    """

    def __init__(self, host: str, port: int, *, receive_buffer: int = 0) -> None:
        self._address = (host, port)
        self._pending = bytearray()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)

    async def open(self) -> Connection:
        """Connect; raises ConnectionRefusedError when nobody listens."""
        try:
            await asyncio.get_running_loop().sock_connect(self._socket, self._address)
        except BaseException:
            self._socket.close()
            raise
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def fileno(self) -> int:
        """The descriptor, for an event loop."""
        return self._socket.fileno()

    def is_ended_by_peer(self) -> bool:
        """Whether the server has closed the connection already, as the kernel knows it."""
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def is_answered(self) -> bool:
        """Whether the server has sent something that was not taken yet."""
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def reset_on_close(self) -> None:
        """Have `close` reset the connection instead of ending it in order."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def send(self, data: bytes) -> None:
        """Send everything; raises OSError when the server has hung up."""
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def first_byte(self) -> None:
        """Wait until an answer has begun, and read no more of it than that."""
        self._pending += await asyncio.get_running_loop().sock_recv(self._socket, 1)

    def half_close(self) -> None:
        """Say that no more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    async def answer(self) -> Answer:
        """The next final answer; raises IncompleteAnswer when it does not come whole."""
        while True:
            answer = await self._next_answer()
            if answer.status >= 200:
                return answer

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        while await self._more():
            pass
        taken, self._pending = bytes(self._pending), bytearray()
        return taken

    def unasked(self) -> int:
        """Bytes that came beyond the answers taken so far."""
        return len(self._pending)

    def close(self) -> None:
        """Close; safe to call twice."""
        self._socket.close()

    async def _next_answer(self) -> Answer:
        while (end := self._pending.find(b"\r\n\r\n")) < 0:
            if len(self._pending) > _LARGEST_HEAD or not await self._more():
                raise IncompleteAnswer(bytes(self._pending[:200]))
        status_line, *lines = bytes(self._pending[:end]).decode("latin-1").split("\r\n")
        del self._pending[: end + 4]
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        status = int(status_line.split(" ", 2)[1])
        return Answer(status, headers, await self._body(status, headers))

    async def _body(self, status: int, headers: Mapping[str, str]) -> bytes:
        if status < 200 or status in (204, 304):
            return b""
        if "content-length" in headers:
            return await self._exactly(int(headers["content-length"]))
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return await self._chunks()
        return await self.rest()

    async def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            while (end := self._pending.find(b"\r\n")) < 0:
                if not await self._more():
                    raise IncompleteAnswer("in a chunk's size")
            size = int(bytes(self._pending[:end]), 16)
            del self._pending[: end + 2]
            body += (await self._exactly(size + 2))[:-2]
            if not size:
                return bytes(body)

    async def _exactly(self, count: int) -> bytes:
        while len(self._pending) < count:
            if not await self._more():
                raise IncompleteAnswer(f"{len(self._pending)} bytes of {count}")
        taken = bytes(self._pending[:count])
        del self._pending[:count]
        return taken

    async def _more(self) -> bool:
        try:
            data = await asyncio.get_running_loop().sock_recv(self._socket, _AT_ONCE)
        except OSError:
            return False
        self._pending += data
        return bool(data)


async def ask(host: str, port: int, data: bytes, *, timeout_s: float = 30.0) -> Answer:
    """One request on a connection of its own.

    Raises:
        OSError: It could not be sent.
        IncompleteAnswer: No whole answer came.
    """
    connection = await Connection(host, port).open()
    try:
        await connection.send(data)
        return await asyncio.wait_for(connection.answer(), timeout_s)
    except asyncio.TimeoutError as error:
        raise IncompleteAnswer(f"nothing in {timeout_s:g} s") from error
    finally:
        connection.close()
