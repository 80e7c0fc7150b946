"""One request and its answer, from the last byte of its headers on."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from cpr.server.front_reading import Refusal
    from cpr.wire.routes import Route


class Owner(Protocol):
    """Who waits for an answer; `peer` is the address of whoever asked."""

    peer: str

    def answer(self, exchange: Exchange, head: bytes, body: bytes | memoryview) -> None:
        """Take the answer, whose status is the exchange's; a view is of what nobody changes."""


class Buffered:
    """How many bytes of bodies a front holds; those that came in one piece are not counted."""

    def __init__(self) -> None:
        self.bytes = 0


class Held:
    """The part of one exchange in what is buffered; given back when the exchange is forgotten."""

    __slots__ = ("_buffered", "_bytes")

    def __init__(self, buffered: Buffered) -> None:
        self._buffered = buffered
        self._bytes = 0

    def grow(self, count: int) -> None:
        """Count further bytes."""
        self._bytes += count
        self._buffered.bytes += count

    def __del__(self) -> None:
        self._buffered.bytes -= self._bytes


class Exchange:
    """A request that a front has begun to read and has not answered yet.

    `owner` takes the answer: the connection, or whoever else asked; None once
    there is one, or nobody waits for it. `route` is None for what the pages
    answer. `attempts` counts workers that ended while they were predicting it.
    `received` counts bytes of the body, which is a list of its pieces where it
    came in several. `refusal` is what it will be answered
    once its body has been read past.
    """

    __slots__ = (
        "attempts", "body", "content_type", "cycle", "deadline_ns", "fields", "flags", "held",
        "is_kept_alive", "is_submitted", "method", "owner", "path", "peer", "query", "received",
        "refusal", "request_id", "response", "route", "started_ns", "status", "version",
    )  # fmt: skip

    def __init__(
        self,
        owner: Owner,
        route: Route | None,
        request_id: str,
        method: bytes,
        path: bytes,
        fields: dict[bytes, bytes],
    ) -> None:
        self.owner: Owner | None = owner
        self.route = route
        self.request_id = request_id
        self.method = method
        self.path = path
        self.fields = fields
        self.peer = owner.peer
        self.started_ns = monotonic_ns()
        self.body: bytes | list[bytes | bytearray] = b""
        self.query = b""
        self.received = 0
        self.content_type = b""
        self.flags = 0
        self.held: Held | None = None
        self.deadline_ns = 0
        self.is_kept_alive = True
        self.is_submitted = False
        self.attempts = 0
        self.version = ""
        self.status = 0
        self.response: bytes | None = None
        self.refusal: Refusal | None = None
        self.cycle: Any = None
