"""What a front answers by ASGI: the pages, imported when somebody first asks for one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cpr.server.front_core import Front


class PagesApp:
    """The ASGI app behind a front's connections; the pages with the request's name on them."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._pages: Any = None
        self._loading: asyncio.Future[Any] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, and note it."""
        exchange = scope["state"]["exchange"]
        sent = 0

        async def noted(message: Any) -> None:
            nonlocal sent
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = [*message.get("headers", []), (b"server", b"cpr")]
                headers.append((b"x-request-id", exchange.request_id.encode("latin-1")))
                message = {**message, "headers": headers}
            else:
                sent += len(message.get("body", b""))
            await send(message)

        if self._pages is None:
            self._pages = await self._load()
        try:
            await self._pages(scope, receive, noted)
        finally:
            self._front.notes.note(exchange, exchange.status or 500, sent)

    async def _load(self) -> Any:
        """Import the pages in a thread: predictions go on meanwhile."""
        if self._loading is None:
            self._loading = self._front.loop.run_in_executor(None, self._mount)
        return await self._loading

    def _mount(self) -> Any:
        # Start-up time: Flask is imported when somebody looks at a page.
        from cpr.server.front_pages import mount

        return mount(self._front)
