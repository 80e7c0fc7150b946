"""A front's connection to one worker: calls out, replies in, and what was open when it ended."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import NamedTuple

from cpr.observe.answered import NO_STAGES, Stages
from cpr.server.frames import (
    ANSWER_PLACE_SIZE,
    ANSWER_SIZE,
    DIALECT_NUMBERS,
    LARGE_BYTES,
    PLACED,
    PLACED_ANSWER,
    REPLY_SIZE,
    pack_place,
    pack_request,
    unpack_answer,
    unpack_answer_place,
    unpack_stages,
)
from cpr.server.front_exchange import Exchange
from cpr.server.passage import FrontPassage
from cpr.server.progress import Progress

# Calls that are worth a wake-up before all that the loop has at hand are read,
# and the longest predict that a worker may have been at for it: a longer one
# is better shared by all of them.
_EARLY_CALLS = 16
_QUICK_NS = 500_000


class Outcome(NamedTuple):
    """What a worker made of an exchange."""

    status: int
    body: bytes | memoryview
    content_type: bytes = b""
    stages: Stages = NO_STAGES


class Link(asyncio.Protocol):
    """The channel to one worker.

    `pending` are the calls that were sent and not answered, in order; some may
    no longer have an owner.

    Args:
        loop: The front's event loop.
        worker: The number of the worker.
        version: Which it serves.
        channel: The end that this front has; the event loop takes it over.
        progress: What it shares of how far it is.
        is_batchable: Whether it predicts several calls together.
    """

    on_reply: Callable[[Exchange, Link, Outcome], None]
    """Called with each reply that somebody waits for."""

    on_room: Callable[[Link], None]
    """Called after replies have come, since it may be sent more."""

    on_lost: Callable[[Link, list[Exchange], list[Exchange]], None]
    """Called at the end, with the calls that it was predicting, and those not begun."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        worker: int,
        version: str,
        channel: socket.socket,
        progress: Progress,
        *,
        is_batchable: bool = True,
    ) -> None:
        self.loop = loop
        self.worker = worker
        self.version = version
        self.channel = channel
        self.progress = progress
        self.pending: dict[int, Exchange] = {}
        self.is_batchable = is_batchable
        self.is_leaving = False
        self.is_slow = False
        self.is_hung = False
        self._passage = FrontPassage(progress.further)
        self._placed: dict[int, int] = {}
        self._received = 0
        self._number = 0
        self._out: list[bytes | bytearray] = []
        self._queued = 0
        self._has_large = False
        self._is_quick = False
        self._chunks: list[bytes] = []
        self._have = 0
        self._need = REPLY_SIZE
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by the event loop."""
        self._transport = transport

    def send(self, exchange: Exchange) -> None:
        """Queue a call; what is queued in one turn of the loop is written in a few pieces.

        A worker that is quick gets the first part while the front reads on, so
        that neither waits for the other; the parts double, so they stay few.
        """
        self._number = number = (self._number + 1) & 0xFFFFFFFF
        self.pending[number] = exchange
        route = exchange.route
        request_id = exchange.request_id.encode()
        body, out = exchange.body, self._out
        size = len(body) if isinstance(body, bytes) else sum(map(len, body))
        if not out:
            self.loop.call_soon(self._flush)
        flags = exchange.flags
        if size > LARGE_BYTES and (place := self._place(number, body, size)):
            flags, body = flags | PLACED, place
        out.append(
            pack_request(
                size,
                number,
                exchange.deadline_ns,
                DIALECT_NUMBERS[route.dialect] if route is not None else 0,
                flags,
                len(request_id),
                len(exchange.content_type),
            )
            + request_id
            + exchange.content_type
        )
        if isinstance(body, bytes):
            out.append(body)
        else:
            out += body
        self._has_large |= size > LARGE_BYTES and not flags & PLACED
        self._queued = queued = self._queued + 1
        if queued >= _EARLY_CALLS and self._is_quick and 2 * queued >= len(self.pending):
            self._write_early()

    def _place(self, number: int, body: bytes | list[bytes | bytearray], size: int) -> bytes:
        """Where a body now lies in the passage; empty if it has to be sent."""
        start = self._passage.put([body] if isinstance(body, bytes) else body, size)
        if start < 0:
            return b""
        self._placed[number] = start
        return pack_place(start)

    def _write_early(self) -> None:
        """Write what is queued now; a transport would write it when the turn is over."""
        transport = self._transport
        if self._has_large or transport is None or transport.get_write_buffer_size():
            return
        data = b"".join(self._out)
        self._out, self._queued = [], 0
        try:
            sent = self.channel.send(data, socket.MSG_DONTWAIT)
        except OSError:
            sent = 0  # it is full, or ends: the transport finds out which
        if sent < len(data):
            transport.write(data[sent:])

    def _flush(self) -> None:
        out, self._out, self._queued = self._out, [], 0
        has_large, self._has_large = self._has_large, False
        if self._transport is None or not out:
            return
        if has_large:
            self._transport.writelines(out)  # what is large is not copied to be joined
        else:
            self._transport.write(b"".join(out))

    def data_received(self, data: bytes) -> None:
        """Called by the event loop with what the worker wrote."""
        if self._chunks:
            self._chunks.append(data)
            self._have += len(data)
            if self._have < self._need:
                return
            data = b"".join(self._chunks)
            self._chunks = []
        pending = self.pending
        raw, stages = b"", NO_STAGES
        start, size, need = 0, len(data), REPLY_SIZE
        while size - start >= REPLY_SIZE:
            length, number, status, type_length = unpack_answer(data, start)
            body_start = start + REPLY_SIZE + type_length
            is_placed = status & PLACED_ANSWER
            end = body_start + (ANSWER_PLACE_SIZE if is_placed else length)
            if size < end:
                need = end - start
                break
            exchange = pending.pop(number)
            self._received += 1
            if self._placed and number in self._placed:
                self._passage.take_back(self._placed.pop(number))
            if is_placed:
                status ^= PLACED_ANSWER
                slot, place = unpack_answer_place(data, body_start)
                view = self._passage.lend(slot, place, length)
            if not pending and not self.is_batchable:
                self.on_room(self)  # the worker may begin another while this one is answered
                self._flush()
            if exchange.owner is not None:
                content_type = data[start + REPLY_SIZE : body_start] if type_length else b""
                if raw != (found := data[start + ANSWER_SIZE : start + REPLY_SIZE]):
                    raw, stages = found, Stages._make(unpack_stages(found))
                    self._is_quick = stages.predict_ns * stages.batch_size < _QUICK_NS
                body: bytes | memoryview
                if is_placed:
                    body = view
                elif length > LARGE_BYTES:
                    body = memoryview(data)[body_start:end]
                else:
                    body = data[body_start:end]
                told = (status, body, content_type, stages)
                self.on_reply(exchange, self, Outcome._make(told))
            start = end
        if start < size:
            self._chunks = [data[start:] if start else data]
            self._have = size - start
            self._need = need
        if self.is_leaving and not self.pending:
            self.close()
        self.on_room(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the event loop when the worker has ended, or the channel is closed."""
        self._transport = None
        self._passage = FrontPassage(memoryview(b""))
        self.on_lost(self, *self._parted())
        self.progress.close()

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport is None

    def close(self) -> None:
        """Tell the worker that nothing more comes from this front."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End the channel now, whatever is still to come from it."""
        if self._transport is not None:
            self._transport.abort()

    def hung_for_ns(self, now_ns: int) -> int:
        """How long it has been at what it is predicting; 0 if it is idle."""
        if not self.pending or self.progress.taken <= self._received:
            return 0
        return now_ns - self.progress.started_ns

    def _parted(self) -> tuple[list[Exchange], list[Exchange]]:
        """The calls that it was predicting when it ended, and those it had not begun."""
        waiting = list(self.pending.values())
        self.pending = {}
        begun = max(self.progress.taken - self._received, 0)
        return waiting[:begun], waiting[begun:]
