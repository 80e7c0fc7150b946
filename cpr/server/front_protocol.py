"""One client's connection: uvicorn's protocol, with limits, and a short way to predict.

Requests for predictions never become ASGI: their bodies go to a worker as they
came. Everything else goes on to the app that uvicorn was given. Answers leave
in the order of the requests, whichever way they went.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import httptools

from cpr.server.front_answering import (
    BODY,
    CLOSING,
    HEAD,
    IDLE,
    LINGERING,
    MOST_PIPELINED,
    NEVER,
    SLOWEST,
    AnsweringProtocol,
    stop_page,
)
from cpr.server.front_exchange import Exchange
from cpr.server.front_heads import CONTINUE
from cpr.server.front_reading import PAGE_BODY_BYTES, Refusal, check_head, content_length, path_of
from cpr.server.front_upgrade import parser_after_head

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from cpr.server.front_core import Front

logger = logging.getLogger(__name__)

# Connections over the limit that are told so, at any one time; others are cut off.
_MOST_REFUSED = 32


class FrontProtocol(AnsweringProtocol):
    """A connection of the front.

    Args:
        front: What all connections share.
        config: uvicorn's, for the app that answers what is no prediction.
        server_state: uvicorn's, which knows all connections.
    """

    def __init__(self, front: Front, config: Config, server_state: ServerState) -> None:
        super().__init__(front, config, server_state)
        self.reading: Exchange | None = None
        self.peer = ""
        self._head_bytes = 0
        self._chunk_bytes = 0
        self._upgrading: dict[bytes, bytes] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by the event loop."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        front = self.front
        front.counters.count("connections")
        excess = len(self.connections) - front.options.max_connections
        if excess > 0:
            front.counters.count("connections_refused")
        if excess > _MOST_REFUSED:
            self.phase = CLOSING
            transport.abort()
        elif excess > 0:
            self.refuse(503, "too many connections are open.", "overload")

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the event loop; nobody waits for the answers any more."""
        self._abandon_all()
        self.phase, self.reading = CLOSING, None
        super().connection_lost(error)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Called when the client will send no more; it may still wait for answers."""
        if self.phase in (HEAD, BODY):
            self.refuse(400, "the request ended before it was complete.", "bad_request")
        if not self.exchanges:
            return False
        self.exchanges[-1].is_kept_alive = False
        self._look_for_client()
        return True

    # What the parser finds.

    def data_received(self, data: bytes) -> None:
        """Called by the event loop with what the client sent."""
        if self.phase >= LINGERING:
            return
        self._chunk_bytes = len(data)
        if self.phase == HEAD:
            self._head_bytes += len(data)  # until the next one begins
        try:
            self._feed(data)
        except httptools.HttpParserUpgrade:
            # A CONNECT: what follows cannot be read.
            if self.exchanges:
                self.exchanges[-1].is_kept_alive = False
            self.flow.pause_reading()
        except httptools.HttpParserCallbackError as error:
            self._give_up(error.__context__)
        except httptools.HttpParserError as error:
            self.refuse(400, f"the request is not valid HTTP: {error}.", "bad_request")
        if self.phase == HEAD and self._head_bytes:
            options = self.front.options
            if self._head_bytes > options.header_bytes + options.url_bytes:
                self.refuse(431, "the request's headers are too large.", "too_large")
        if len(self.exchanges) > MOST_PIPELINED:
            self.flow.pause_reading()

    def _give_up(self, error: BaseException | None) -> None:
        """A callback of the parser raised: uvicorn's do so for a target that is no path."""
        if isinstance(error, (UnicodeDecodeError, httptools.HttpParserInvalidURLError)):
            self.refuse(400, "the request's target is not a path.", "bad_request")
            return
        logger.error("a request could not be read", exc_info=error)
        self.refuse(500, "the request could not be read.", "bad_request")

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                if self._upgrading is None or self.phase >= LINGERING:
                    raise
                fields, self._upgrading = self._upgrading, None
                self.parser = parser_after_head(self, fields)
                data = data[upgrade.args[0] :]

    def on_message_begin(self) -> None:
        """Called by the parser at the first byte of a request."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._head_bytes = 0
        if self.phase < LINGERING:
            self.phase = HEAD
            self.deadline = self.loop.time() + self.front.options.header_timeout_s

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser; what follows a body in chunks is not kept, and may be endless."""
        if self.phase == HEAD:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Called by the parser: decide where the request goes, or that it goes nowhere."""
        if self.phase >= LINGERING:
            return
        front = self.front
        parser = self.parser
        if self.url[:1] != b"/":
            self.url = path_of(self.url)
        path, _, query = self.url.partition(b"?")
        method = parser.get_method()
        fields = dict(self.headers)
        exchange = front.exchange(self, method, path, fields)
        exchange.is_kept_alive = parser.should_keep_alive() and not front.is_draining
        self.reading = exchange
        self.exchanges.append(exchange)
        self._upgrading = fields if b"upgrade" in fields and parser.should_upgrade() else None
        self.phase = BODY
        self.deadline = self.loop.time() + front.options.body_timeout_s
        try:
            check_head(
                self.url,
                self.headers,
                fields,
                front.options,
                http_version=parser.get_http_version(),
                arrived_bytes=self._head_bytes + self._chunk_bytes,
            )
            length = content_length(fields)
            if length > (front.options.body_bytes if exchange.route else PAGE_BODY_BYTES):
                raise front.too_large(exchange)
            denied = front.access.check(method, self.url, self.headers)
            if denied is not None:
                raise Refusal(denied.status, denied.text, front.reason(denied), denied.headers)
            if exchange.route is not None:
                front.prepare(exchange)
        except Refusal as refusal:
            self._refuse(exchange, refusal, ends=refusal.ends_connection)
            return
        if exchange.route is not None:
            if b"expect" in fields:
                self._continue(fields[b"expect"])
        elif front.is_quick(exchange):
            exchange.query = query
        else:
            self._begin_page(exchange)

    def on_body(self, body: bytes) -> None:
        """Called by the parser with a piece of the body."""
        exchange = self.reading
        if exchange is None or self.phase >= LINGERING:
            return
        exchange.received += len(body)
        route = exchange.route
        if exchange.received > (self.front.options.body_bytes if route else PAGE_BODY_BYTES):
            self._refuse(exchange, self.front.too_large(exchange), ends=True)
        elif exchange.refusal is not None:
            return
        elif route is None:
            if exchange.cycle is not None:
                super().on_body(body)
        elif not exchange.body:
            exchange.body = body
        else:
            try:
                self.front.extend(exchange, body)
            except Refusal as refusal:
                self._refuse(exchange, refusal, ends=True)

    def on_message_complete(self) -> None:
        """Called by the parser at the end of a request."""
        if self._upgrading is not None:
            return  # its body is still to come
        exchange, self.reading = self.reading, None
        if exchange is None or self.phase >= LINGERING:
            return
        self.phase, self.deadline = IDLE, NEVER
        if exchange.refusal is not None:
            self._answer_refusal(exchange)
        elif exchange.route is not None:
            self.front.submit(exchange)
        elif exchange.cycle is not None:
            super().on_message_complete()
        else:
            self.front.answer_quick(exchange)

    def refuse(self, status: int, text: str, reason: str) -> None:
        """Answer what cannot be read any further, and close the connection; once."""
        if self.phase >= LINGERING:
            return
        exchange = self.reading
        if exchange is None:
            exchange = self.front.exchange(self, b"", b"", {})
            self.exchanges.append(exchange)
        self._refuse(exchange, Refusal(status, text, reason), ends=True)

    def _refuse(self, exchange: Exchange, refusal: Refusal, *, ends: bool) -> None:
        """Answer at once and read no more, or else when the whole request has been read."""
        if exchange.refusal is None:
            exchange.refusal = refusal
        if ends:
            exchange.is_kept_alive = False
            self.reading = None
            self.phase, self.deadline = LINGERING, NEVER
            if stop_page(exchange):
                self._end()
            else:
                self._answer_refusal(exchange)

    def _answer_refusal(self, exchange: Exchange) -> None:
        assert exchange.refusal is not None
        self.front.refused(exchange, exchange.refusal)

    def _continue(self, expected: bytes) -> None:
        if expected.lower() == b"100-continue" and len(self.exchanges) == 1:
            self.transport.write(CONTINUE)

    def _begin_page(self, exchange: Exchange) -> None:
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.scope["state"]["exchange"] = exchange
        self.cycle = None  # type: ignore[assignment]  # ours is the order of answers
        super().on_headers_complete()

    def sweep(self, now: float) -> None:
        """End what takes too long; called for every connection, a few times a second."""
        if self.is_unread(now):
            self.transport.abort()
        elif now <= self.deadline:
            return
        elif self.phase == IDLE:
            self.transport.close()
        elif self.phase == HEAD:
            self.refuse(408, "the request's headers took too long.", "timeout")
        elif self.phase == BODY:
            if self.reading is None or now > self.deadline + self.reading.received / SLOWEST:
                self.refuse(408, "the request's body took too long.", "timeout")
        else:
            self.transport.abort()
