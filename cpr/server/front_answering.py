"""How answers leave a connection: in the order of the requests, whoever answered them.

Part of `cpr.server.front_protocol`, which reads the requests.
"""

from __future__ import annotations

import fcntl
import socket
import sys
import termios
from collections import deque
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cpr.server.front_exchange import Exchange
from cpr.server.front_heads import CONTINUE

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from cpr.server.front_core import Front

IDLE, HEAD, BODY, LINGERING, CLOSING = range(5)
NEVER = float("inf")
# A slow but steady client is given a second more for each so many bytes.
SLOWEST = 65_536
# Of requests that a client may send without waiting for answers, before it is left to wait.
MOST_PIPELINED = 64
_LINGER_S = 2.0
_LOOK_AFTER_S = (0.05, 0.5, 2.0)


class AnsweringProtocol(HttpToolsProtocol):
    """A connection with the exchanges that have begun and not ended on it, in order.

    `phase` is what it is doing, and `deadline` until when, by the loop's clock.
    `has_large_answer` says that the client may not have taken in the last one.
    """

    def __init__(self, front: Front, config: Config, server_state: ServerState) -> None:
        super().__init__(config, server_state, {}, front.loop)
        self.front = front
        self.phase = IDLE
        self._keep_alive_s = front.options.keep_alive_s
        self.deadline = front.loop.time() + self._keep_alive_s
        self.exchanges: deque[Exchange] = deque()
        self.has_large_answer = False
        self._written = 0
        self._stalled_since = NEVER
        self._unread = 0
        self._moved = NEVER

    def answer(self, exchange: Exchange, head: bytes, body: bytes | memoryview) -> None:
        """Take the whole answer to a request; it is sent when those before it are."""
        exchanges = self.exchanges
        if not exchanges or exchanges[0] is not exchange:
            exchange.response = b"".join((head, body))
        elif len(exchanges) == 1 and exchange.is_kept_alive and self.phase == IDLE:
            exchanges.clear()
            if isinstance(body, bytes):
                self._write(head + body)
            else:
                self._write(head, body)
            self.deadline = self.loop.time() + self._keep_alive_s
            if self.flow.read_paused:
                self._read_on()
        else:
            exchange.response = b"".join((head, body))
            self._send_answers()

    def _send_answers(self) -> None:
        exchanges = self.exchanges
        out: list[bytes] = []
        is_last = False
        while exchanges and not is_last:
            exchange = exchanges[0]
            if exchange.response is None:
                break
            out.append(exchange.response)
            exchanges.popleft()
            is_last = not exchange.is_kept_alive
        if out:
            self._write(out[0] if len(out) == 1 else b"".join(out))
        if is_last:
            self._end()
        elif exchanges:
            self._start_page(exchanges[0])
        elif self.phase == IDLE:
            self.deadline = self.loop.time() + self._keep_alive_s
        if self.flow.read_paused and not is_last:
            self._read_on()

    def _write(self, data: bytes, more: memoryview | None = None) -> None:
        transport = self.transport
        if transport.is_closing():
            return
        self._written, self._unread = len(data), 0
        if more is None:
            transport.write(data)
        else:
            self._written += len(more)
            transport.writelines([data, more])
        self.has_large_answer = self._written > SLOWEST

    def _read_on(self) -> None:
        if not self.flow.write_paused:
            self.flow.resume_reading()

    def _end(self) -> None:
        """Close once everything is written; a client that is still sending gets time to read."""
        self._abandon_all()
        now = self.loop.time()
        if self.phase == LINGERING and self.transport.can_write_eof():
            self.transport.write_eof()
            self.deadline = now + _LINGER_S
            self.flow.resume_reading()
            return
        self.phase = CLOSING
        self.deadline = now + self.front.options.write_timeout_s + self._written / SLOWEST
        self.transport.close()

    def _abandon_all(self) -> None:
        """Nobody waits for the answers any more."""
        for exchange in self.exchanges:
            stop_page(exchange)
            self.front.abandoned(exchange)
        self.exchanges.clear()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        exchange = self.exchanges[-1]
        exchange.cycle = cycle
        cycle.keep_alive = cycle.keep_alive and exchange.is_kept_alive
        if self.exchanges[0] is exchange:
            self._start_page(exchange)

    def _start_page(self, exchange: Exchange) -> None:
        cycle = exchange.cycle
        if cycle is not None and exchange.response is None:
            exchange.response = b""
            super()._start_asgi_task(cycle, self.app)

    def on_response_complete(self) -> None:
        """Called by uvicorn when the app has answered."""
        if self.transport.is_closing() or not self.exchanges:
            return
        exchange = self.exchanges[0]
        exchange.is_kept_alive = exchange.is_kept_alive and exchange.cycle.keep_alive
        self._send_answers()

    def _look_for_client(self) -> None:
        """Find out whether who sends no more has only ended its side, or is gone altogether.

        Both look alike until something is sent; the system of who is gone then
        refuses it. A client that is there passes over what it has not asked for.
        """
        first = self.exchanges[0]
        # Nothing has been parsed where the head was known; HTTP/1.0 kept alive says so there.
        version = self.parser.get_http_version()
        is_new = version == "1.1" or (version == "0.0" and b"connection" not in first.fields)
        if is_new and first.cycle is None and first.response is None:
            self.transport.write(CONTINUE)
            for delay_s in _LOOK_AFTER_S:
                self.loop.call_later(delay_s, self._end_if_refused)

    def _end_if_refused(self) -> None:
        if not self.transport.is_closing():
            connection = self.transport.get_extra_info("socket")
            if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.transport.abort()

    def shutdown(self) -> None:
        """Let this connection end with the last answer that it waits for."""
        if self.exchanges:
            last = self.exchanges[-1]
            last.is_kept_alive = False
            if last.cycle is not None:
                last.cycle.keep_alive = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being read or answered."""
        return self.phase == IDLE and not self.exchanges

    def is_unread(self, now: float) -> bool:
        """Whether the client has not taken in what it was sent, for too long.

        That is when nothing has moved for a while, or when all of it takes too long.
        """
        options = self.front.options
        if now > self._stalled_since + options.write_timeout_s + self._written / SLOWEST:
            return True
        if not (self.has_large_answer or self.transport.get_write_buffer_size()):
            return False
        unread = self._unacknowledged()
        if not unread:
            self.has_large_answer = False
        if unread != self._unread:
            self._unread, self._moved = unread, now
        return unread > 0 and now > self._moved + options.write_timeout_s

    def _unacknowledged(self) -> int:
        """The bytes that the client's system has not confirmed, here and in the kernel.

        The kernel may hold all of a large answer, and takes more in large steps only.
        """
        connection = self.transport.get_extra_info("socket")
        count = bytearray(4)
        fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, count)
        return self.transport.get_write_buffer_size() + int.from_bytes(count, sys.byteorder)

    def pause_writing(self) -> None:
        """Called by the event loop when the client reads too slowly: it may ask no more."""
        super().pause_writing()
        self._stalled_since = self.loop.time()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """Called by the event loop when the client has caught up."""
        super().resume_writing()
        self._stalled_since = NEVER
        if self.phase < CLOSING and len(self.exchanges) <= MOST_PIPELINED:
            self.flow.resume_reading()


def stop_page(exchange: Exchange) -> bool:
    """Have the app hear and write nothing more, if it answers this; whether it had begun to."""
    cycle = exchange.cycle
    if cycle is None:
        return False
    cycle.disconnected = True
    cycle.message_event.set()
    return bool(cycle.response_started)
