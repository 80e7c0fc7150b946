"""What all connections of a front share: routes, limits, workers, counts and logs."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from cpr.errors import ConfigError
from cpr.observe.access_log import AccessLog
from cpr.observe.answered import NO_STAGES, Stages
from cpr.observe.counters import Counters
from cpr.observe.request_ids import accepted, request_names
from cpr.observe.tracing import Tracer
from cpr.server.access import Access, Denied
from cpr.server.frames import EXPLAIN, GZIP, LARGE_BYTES
from cpr.server.front_exchange import Buffered, Exchange, Held, Owner
from cpr.server.front_heads import JSON, Heads, lines
from cpr.server.front_known_heads import KnownHeads
from cpr.server.front_link import Outcome
from cpr.server.front_notes import Notes, server_timing
from cpr.server.front_pool import Pool
from cpr.server.front_reading import PAGE_BODY_BYTES, Refusal
from cpr.server.front_table import Table
from cpr.server.options import ServeOptions
from cpr.wire.failures import failure
from cpr.wire.routes import Route, Routes

logger = logging.getLogger(__name__)

_MOST_PATHS = 1024
_SMALL_BYTES = 4096
_LONGEST_TYPE = 1024
_REASONS = {401: "auth", 403: "host", 421: "host"}
_TEXT = b"text/plain; version=0.0.4; charset=utf-8"
_OVERLOAD = ((b"retry-after", b"1"),)


class Front:
    """One front process.

    Args:
        options: Of the server.
        loop: The event loop that runs it.
        tell: Sends a message to the supervisor.
        ask_metrics: Calls back with the metrics of the whole server.
        access_log: Where each answer is noted; None for nowhere.
        tracer: Where each answer becomes spans; None for nowhere.
    """

    def __init__(
        self,
        options: ServeOptions,
        loop: asyncio.AbstractEventLoop,
        tell: Callable[[dict[str, Any]], None],
        ask_metrics: Callable[[Callable[[bytes], None]], None],
        *,
        access_log: AccessLog | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.options = options
        self.loop = loop
        self.access = Access.from_options(options)
        self.counters = Counters()
        self.buffered = Buffered()
        self.heads = Heads()
        self.table = Table()
        self.notes = Notes(self.counters, self.table, access_log, tracer, loop.call_soon)
        self.is_draining = False
        self.pool = Pool(
            loop,
            self._finish,
            self._fail,
            tell,
            count=self.counters.count,
            may_retry=options.retry,
            request_timeout_s=options.request_timeout_s,
        )
        self._error_status = options.error_status or None
        self.ask_metrics = ask_metrics
        self.routes = Routes(
            aip_predict_route=options.aip_predict_route, aip_health_route=options.aip_health_route
        )
        self._known_paths: dict[bytes, Route | None] = {}
        self.known_heads = KnownHeads()
        self.new_id = request_names()

    @property
    def is_ready(self) -> bool:
        """Whether a worker of the default version is there, and so has been warmed up."""
        return not self.is_draining and bool(self.pool.workers().get(self.table.default_version))

    def update_table(self, message: Mapping[str, Any]) -> None:
        """Take the supervisor's word for what is served."""
        self.table.update(message)
        self.pool.default_version = self.table.default_version
        self.pool.fail_waiting(self.table.versions, 404, "this version is served no more.")
        self.known_heads.forget()

    def reload_tokens(self) -> None:
        """Read the token file again; what it no longer holds is refused from then on."""
        try:
            self.access.reload()
        except ConfigError as error:
            logger.error("the tokens of before stay in use: %s", error)
        self.known_heads.forget()

    # Called by connections.

    def exchange(
        self, owner: Owner, method: bytes, path: bytes, fields: dict[bytes, bytes]
    ) -> Exchange:
        """A new exchange, with its route and its name."""
        route = None
        if method == b"POST":
            known = self._known_paths
            route = known[path] if path in known else self._look_up(path)
        offered = fields.get(b"x-request-id")
        request_id = (accepted(offered) if offered else None) or self.new_id()
        return Exchange(owner, route, request_id, method, path, fields)

    def prepare(self, exchange: Exchange) -> None:
        """Check what only predictions need, before their body is read.

        Raises:
            Refusal: The body is encoded, or there is no such model.
        """
        fields = exchange.fields
        encoding = fields.get(b"content-encoding")
        if encoding is not None and encoding != b"identity":
            if encoding.lower() not in (b"gzip", b"x-gzip"):
                raise Refusal(
                    415, "the only Content-Encoding that is undone is gzip.", "bad_request"
                )
            exchange.flags |= GZIP
        route = exchange.route
        assert route is not None
        if route.verb == "explain":
            exchange.flags |= EXPLAIN
        if route.dialect == "vertex":
            exchange.content_type = fields.get(b"content-type", b"")[:_LONGEST_TYPE]
        unknown = self.table.unknown(route)
        if unknown:
            raise Refusal(404, unknown, "bad_request")
        if self.pool.in_flight >= self.options.max_pending:
            raise self._overloaded()

    def too_large(self, exchange: Exchange) -> Refusal:
        """The refusal of a body that is over the limit."""
        limit = self.options.body_bytes if exchange.route else PAGE_BODY_BYTES
        return Refusal(413, f"the body is larger than {limit} bytes.", "too_large")

    def reason(self, denied: Denied) -> str:
        """Under which reason a denial is counted."""
        return _REASONS.get(denied.status, "bad_request")

    def extend(self, exchange: Exchange, piece: bytes) -> None:
        """Add a further piece to a body.

        Raises:
            Refusal: The bodies that this front holds are too much for its memory.
        """
        held, body = exchange.held, exchange.body
        if held is None:
            held = exchange.held = Held(self.buffered)
        if isinstance(body, bytes):
            held.grow(len(body))
            body = exchange.body = [body]
        held.grow(len(piece))
        limit = self.options.buffer_bytes
        if limit and self.buffered.bytes > limit:
            exchange.body = b""
            raise self._overloaded()
        last = body[-1]
        if len(piece) > _SMALL_BYTES:
            body.append(piece)
        elif isinstance(last, bytearray) and len(last) < LARGE_BYTES:
            last += piece
        else:
            body.append(bytearray(piece))  # to which others are added: there may be millions

    def submit(self, exchange: Exchange) -> None:
        """Have a prediction made; its owner gets the response."""
        if self.pool.in_flight >= self.options.max_pending:
            self.refused(exchange, self._overloaded())
            return
        self.pool.submit(exchange)

    def abandoned(self, exchange: Exchange) -> None:
        """The client of an exchange has gone before it had its answer."""
        if exchange.owner is None:
            return
        if exchange.is_submitted:
            self.counters.count("abandoned")
            self.pool.abandon(exchange)
            self.notes.note(exchange, 499, 0)
        exchange.owner = None

    def _overloaded(self) -> Refusal:
        return Refusal(503, "the server is overloaded; try again.", "overload", _OVERLOAD)

    def refused(self, exchange: Exchange, refusal: Refusal) -> None:
        """Answer a request that was refused."""
        self.counters.refuse(refusal.reason)
        dialect = self.routes.dialect_of(exchange.path)
        status, body = failure(dialect, refusal.status, refusal.text)
        self._respond(exchange, status, body, extra=lines(refusal.headers))

    def is_quick(self, exchange: Exchange) -> bool:
        """Whether the front itself answers this path."""
        path = exchange.path
        if exchange.method not in (b"GET", b"HEAD"):
            return False
        return self.routes.is_health(path) or path in (b"/readyz", b"/metrics")

    def answer_quick(self, exchange: Exchange) -> None:
        """Answer health, readiness or metrics."""
        path = exchange.path
        if path == b"/metrics":
            self.ask_metrics(lambda text: self._respond(exchange, 200, text, _TEXT))
        elif path == b"/readyz":
            is_ready = self.is_ready
            document: dict[str, Any] = {"ready": is_ready}
            if b"verbose" in exchange.query:
                document.update(self.table.details(self.pool.workers()))
            self._respond(exchange, 200 if is_ready else 503, json.dumps(document).encode())
        else:
            self._respond(exchange, 200, b"{}")

    # Called by the pool.

    def _finish(self, exchange: Exchange, outcome: Outcome) -> None:
        status, body, content_type, stages = outcome
        extra = server_timing(exchange, stages) if b"x-cpr-timing" in exchange.fields else b""
        self._respond(exchange, status, body, content_type or JSON, extra, stages)

    def _fail(self, exchange: Exchange, status: int, text: str) -> None:
        assert exchange.route is not None
        if status == 504:
            self.counters.refuse("timeout")
        status, body = failure(
            exchange.route.dialect, status, text, error_status=self._error_status
        )
        self._respond(exchange, status, body, extra=lines(_OVERLOAD) if status == 503 else b"")

    def _respond(
        self,
        exchange: Exchange,
        status: int,
        body: bytes | memoryview,
        content_type: bytes = JSON,
        extra: bytes = b"",
        stages: Stages = NO_STAGES,
    ) -> None:
        owner = exchange.owner
        if owner is None:
            return
        if not exchange.is_kept_alive:
            extra += b"connection: close\r\n"
        size, version = len(body), exchange.version
        head = self.heads.head(status, size, exchange.request_id, content_type, version, extra)
        exchange.owner = None
        exchange.status = status
        owner.answer(exchange, head, b"" if exchange.method == b"HEAD" else body)
        self.notes.note(exchange, status, size, stages)

    def _look_up(self, path: bytes) -> Route | None:
        if len(self._known_paths) >= _MOST_PATHS:
            self._known_paths.clear()  # names that clients made up
        route = self._known_paths[path] = self.routes.predict_route(path)
        return route
