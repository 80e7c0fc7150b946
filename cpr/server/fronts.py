"""The front processes: kept alive, connected to the workers, and told what is served."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

from cpr.errors import CprError, EnvironmentProblem
from cpr.isolated.ending import ending
from cpr.observe.counters import merged
from cpr.server.backoff import Backoff
from cpr.server.options import ServeOptions
from cpr.server.passage import PASSAGE_BYTES
from cpr.server.processes import Child
from cpr.server.progress import make_page
from cpr.server.workers import Worker

logger = logging.getLogger(__name__)

_SYNC_S = 5.0

OnSay = Callable[["Front", dict[str, Any]], None]


class Front:
    """One front process. `slot` counts from 0 and outlives it; `number` is its own."""

    def __init__(
        self,
        slot: int,
        number: int,
        options: ServeOptions,
        listeners: Sequence[int],
        on_say: OnSay,
    ) -> None:
        self.slot = slot
        self.number = number
        self.is_listening = asyncio.Event()
        self.snapshot: dict[str, Any] = {}
        self._asked: list[asyncio.Future[dict[str, Any]]] = []
        self._on_say = on_say
        self.child = Child(
            "cpr.server.front",
            {"options": options.to_json(), "number": number},
            on_message=self._hear,
            listen=listeners,
        )

    def connect(self, worker: Worker, **facts: Any) -> None:
        """Give both ends of a new channel to this front and a worker."""
        ours, theirs = socket.socketpair()
        page = make_page(PASSAGE_BYTES)
        try:
            channel = {"do": "channel", "front": self.number}
            worker.child.send(channel, [theirs.fileno(), page])
            added = {"do": "add", "worker": worker.number, **facts}
            self.child.send(added, [ours.fileno(), page])
        finally:
            ours.close()
            theirs.close()
            os.close(page)

    async def ask_snapshot(self) -> dict[str, Any]:
        """What it has counted so far; the last that it told, if it is gone or busy.

        When it answers it has also done all that it was told before.
        """
        asked: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        self.child.send({"do": "metrics"})
        ended = asyncio.ensure_future(self.child.wait())
        ended.add_done_callback(lambda _: asked.cancel())
        await asyncio.wait([asked], timeout=_SYNC_S)
        ended.cancel()
        return self.snapshot

    def _hear(self, message: dict[str, Any]) -> None:
        if message["say"] in ("metrics", "snapshot"):
            self.snapshot = message["snapshot"]
        if message["say"] == "metrics" and self._asked:
            asked = self._asked.pop(0)
            if not asked.done():
                asked.set_result(self.snapshot)
        if message["say"] == "listening":
            self.is_listening.set()
        self._on_say(self, message)


class Fronts:
    """All front processes; one that ends by itself is replaced at once.

    Args:
        options: The server's.
        listeners: The listening sockets, which all fronts share.
        on_say: Called with what a front says.
        on_start: Called with each front that has started, to tell it what is served.
    """

    def __init__(
        self,
        options: ServeOptions,
        listeners: Sequence[socket.socket],
        *,
        on_say: OnSay,
        on_start: Callable[[Front], None],
    ) -> None:
        self._options = options
        self._listeners = listeners
        self._on_say = on_say
        self._on_start = on_start
        self._numbers = count(1)
        self._keepers: list[asyncio.Task[None]] = []
        self.alive: dict[int, Front] = {}
        self._ended_snapshot: dict[str, Any] = {}

    async def start(self) -> None:
        """Start them, and return when all accept connections.

        Raises:
            EnvironmentProblem: One ended instead.
        """
        fronts = [self._spawn(slot) for slot in range(self._options.fronts)]
        for front in fronts:
            await _until_listening(front)
            if front.child.has_ended:
                raise _explain(front)
        self._keepers = [asyncio.ensure_future(self._keep(front)) for front in fronts]

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send every front the same."""
        for front in self.alive.values():
            front.child.send(message)

    async def ask_snapshot(self) -> dict[str, Any]:
        """What all fronts have counted, those that ended included; see `Front.ask_snapshot`."""
        told = await asyncio.gather(*(front.ask_snapshot() for front in self.alive.values()))
        return merged(filter(None, [self._ended_snapshot, *told]))

    async def drain(self, timeout_s: float) -> bool:
        """Have them answer what they have and end; False if one had to be killed."""
        self._stop_keeping()
        self.tell({"do": "drain"})
        ends = [asyncio.ensure_future(front.child.wait()) for front in self.alive.values()]
        late = (await asyncio.wait(ends, timeout=timeout_s))[1] if ends else set()
        await self.kill()
        return not late

    async def give_up(self, text: str, timeout_s: float) -> None:
        """Answer 503 to all who wait for a worker, since none will come, and end."""
        for front in self.alive.values():
            if not front.is_listening.is_set():
                front.child.kill()
        self.tell({"do": "end_waiting", "text": text})
        await self.drain(timeout_s)

    async def kill(self) -> None:
        """End them now, and return when they are gone."""
        self._stop_keeping()
        for front in self.alive.values():
            front.child.kill()
        for front in list(self.alive.values()):
            await front.child.wait()
        self.alive.clear()

    def _spawn(self, slot: int) -> Front:
        descriptors = [listener.fileno() for listener in self._listeners]
        front = Front(slot, next(self._numbers), self._options, descriptors, self._on_say)
        self.alive[slot] = front
        self._on_start(front)
        return front

    async def _keep(self, front: Front) -> None:
        """See a front end, and put another in its place; until cancelled."""
        backoff = Backoff()
        while True:
            await front.child.wait()
            self._ended_snapshot = merged(filter(None, [self._ended_snapshot, front.snapshot]))
            logger.error("%s Another one is started.", _explain(front))
            await asyncio.sleep(backoff.after(was_well=front.is_listening.is_set()))
            front = await self._replace(front.slot, backoff)

    async def _replace(self, slot: int, backoff: Backoff) -> Front:
        while True:
            try:
                return self._spawn(slot)
            except CprError as error:
                logger.error("no front can be started: %s", error)
            await asyncio.sleep(backoff.after(was_well=False))

    def _stop_keeping(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        self._keepers = []


async def _until_listening(front: Front) -> None:
    waits = [
        asyncio.ensure_future(front.is_listening.wait()),
        asyncio.ensure_future(front.child.wait()),
    ]
    try:
        await asyncio.wait(waits, return_when="FIRST_COMPLETED")
    finally:
        for wait in waits:
            wait.cancel()


def _explain(front: Front) -> EnvironmentProblem:
    assert front.child.code is not None
    said = front.child.tail.strip().rpartition("\n")[2]
    return EnvironmentProblem(f"the front process {ending(front.child.code)}.", hint=said)
