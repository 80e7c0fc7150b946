"""The pages behind a front: the Flask app, loaded when somebody first asks for one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from a2wsgi import WSGIMiddleware

from cpr.pages.app import build_app
from cpr.pages.backend import PageReply, Readiness, ServedModel, ServedVersion
from cpr.server.front_exchange import Exchange
from cpr.server.front_reading import Refusal
from cpr.wire.failures import failure
from cpr.wire.routes import Route

if TYPE_CHECKING:
    from cpr.server.front_core import Front

_THREADS = 4
_METRICS_S = 10.0


def mount(front: Front) -> Any:
    """The pages as an ASGI app."""
    options = front.options
    app = build_app(
        FrontBackend(front),
        routes=front.routes,
        aip_health_route=options.aip_health_route,
        body_bytes=options.body_bytes,
    )
    return WSGIMiddleware(app.wsgi_app, workers=_THREADS)  # type: ignore[arg-type]


class _Asker:
    """Waits in a thread of the pages for what a worker answers."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def answer(self, exchange: Exchange, head: bytes, body: bytes | memoryview) -> None:
        """Take the answer."""
        with contextlib.suppress(asyncio.InvalidStateError):  # its page was given up
            self.answered.set_result(bytes(body))


class FrontBackend:
    """What the pages know, asked from their threads of the front's one."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def models(self) -> Sequence[ServedModel]:
        """What is served."""
        return [
            ServedModel(
                name,
                model["default"],
                [
                    ServedVersion(
                        version,
                        known["state"],
                        known.get("description") or {},
                        known.get("problem") or "",
                        known.get("created_s") or 0.0,
                    )
                    for version, known in model["versions"].items()
                ],
            )
            for name, model in self._front.table.models.items()
        ]

    def predict(self, route: Route, body: bytes, headers: Mapping[str, str]) -> PageReply:
        """Have a worker answer, as if the request had come straight to the front."""
        asked = asyncio.run_coroutine_threadsafe(
            self._predict(route, body, headers), self._front.loop
        )
        return asked.result()

    def readiness(self) -> Readiness:
        """Whether a worker is there."""
        front = self._front
        return Readiness(front.is_ready, front.table.details(front.pool.workers()))

    def metrics(self) -> bytes:
        """The metrics of the whole server."""
        return asyncio.run_coroutine_threadsafe(self._metrics(), self._front.loop).result(
            _METRICS_S
        )

    async def _predict(self, route: Route, body: bytes, headers: Mapping[str, str]) -> PageReply:
        front = self._front
        asker = _Asker("")
        fields = {
            name.encode("latin-1"): value.encode("latin-1") for name, value in headers.items()
        }
        exchange = front.exchange(asker, b"POST", b"", fields)
        exchange.route = route
        exchange.body, exchange.received = body, len(body)
        try:
            front.prepare(exchange)
        except Refusal as refusal:
            status, said = failure(route.dialect, refusal.status, refusal.text)
            return PageReply(status, said)
        front.submit(exchange)
        answer = await asker.answered
        return PageReply(exchange.status, answer, headers={"x-request-id": exchange.request_id})

    async def _metrics(self) -> bytes:
        told: asyncio.Future[bytes] = self._front.loop.create_future()
        self._front.ask_metrics(told.set_result)
        return await told
