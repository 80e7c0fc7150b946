"""A connection that does not look into a head again which it has let through before."""

from __future__ import annotations

from cpr.server.front_answering import IDLE, NEVER
from cpr.server.front_exchange import Exchange
from cpr.server.front_known_heads import KnownHead
from cpr.server.front_protocol import FrontProtocol

_END = b"\r\n\r\n"
_LONGEST = 2048


class RememberingProtocol(FrontProtocol):
    """A connection of the front that takes a short way with known heads.

    Only where nothing is being read or answered, so that the parser is where it
    would be on a new connection, and where the whole request has come at once.
    """

    def data_received(self, data: bytes) -> None:
        """Called by the event loop with what the client sent."""
        if self.phase != IDLE or self.exchanges or self.front.is_draining:
            super().data_received(data)
            return
        end = data.find(_END, 0, _LONGEST) + len(_END)
        head = data[:end]
        known = self.front.known_heads.get(head)
        if known is not None and len(data) - end == known.length:
            self._repeat(known, data[end:])
            return
        super().data_received(data)
        if end > len(_END) and len(self.exchanges) == 1 and self.phase == IDLE:
            self._remember(head, len(data) - end)

    def _repeat(self, known: KnownHead, body: bytes) -> None:
        """Do what `FrontProtocol` does between the first byte of this request and its last."""
        front = self.front
        exchange = Exchange(self, known.route, front.new_id(), b"POST", known.path, known.fields)
        exchange.body = body
        exchange.received = known.length
        exchange.content_type = known.content_type
        exchange.flags = known.flags
        self.exchanges.append(exchange)
        self.deadline = NEVER
        front.submit(exchange)

    def _remember(self, head: bytes, length: int) -> None:
        exchange = self.exchanges[0]
        if exchange.is_submitted and exchange.is_kept_alive and exchange.received == length:
            self.front.known_heads.remember(head, exchange)
