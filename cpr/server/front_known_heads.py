"""Heads of requests that were let through, known again byte for byte.

A client sends the same head with every request. What the parser makes of it,
and every check of it, depends on nothing but its bytes, the tokens and what is
served; when the tokens or what is served change, all heads are forgotten.
"""

from __future__ import annotations

from typing import NamedTuple

from cpr.server.front_exchange import Exchange
from cpr.wire.routes import Route

_MOST = 512
# With these, a request is more than its head and its body, or not the same a second time.
_NEVER_KNOWN = frozenset((b"expect", b"transfer-encoding", b"upgrade", b"x-request-id"))


class KnownHead(NamedTuple):
    """What was made of a head; `length` is that of the body which must follow it."""

    length: int
    route: Route
    path: bytes
    fields: dict[bytes, bytes]
    content_type: bytes
    flags: int


class KnownHeads:
    """The heads that one front has let through, in no order and not all of them."""

    def __init__(self) -> None:
        self._heads: dict[bytes, KnownHead] = {}
        self.get = self._heads.get

    def remember(self, head: bytes, exchange: Exchange) -> None:
        """Know a head again, if all of its request is in it and in as many bytes after it."""
        if exchange.route is None or not _NEVER_KNOWN.isdisjoint(exchange.fields):
            return
        if len(self._heads) >= _MOST:
            self._heads.clear()  # clients that never repeat themselves
        self._heads[head] = KnownHead(
            exchange.received,
            exchange.route,
            exchange.path,
            exchange.fields,
            exchange.content_type,
            exchange.flags,
        )

    def forget(self) -> None:
        """Look into every head again: what it is checked against has changed."""
        self._heads.clear()
