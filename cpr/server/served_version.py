"""One version of the model at one time: as many workers as were asked for, kept alive."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cpr.errors import CprError, EnvironmentProblem
from cpr.isolated.memory import available_bytes
from cpr.server.aside import run_aside
from cpr.server.backoff import Backoff
from cpr.server.kept_sources import KeptSource
from cpr.server.options import ServeOptions, VersionSource
from cpr.server.screen import VersionReport
from cpr.server.workers import Worker


@dataclass
class Tally:
    """What happened to the workers of a version since it was first served."""

    restarts: int = 0
    crashes: int = 0
    hangs: int = 0


class ServedVersion:
    """The workers of one version; those that end by themselves are replaced.

    `state` is ``loading`` until all are there, then ``ready``, and
    ``draining`` at the end; `problem` says why no worker is there for now.
    `is_admitted` says that fronts send it requests.

    Args:
        source: What is loaded.
        generation: Grows with each load of a version of this name.
        options: The server's.
        samples: The requests to warm up with.
        tally: Counts on from here.
        mark: What its files were when it was loaded.
    """

    def __init__(
        self,
        source: VersionSource,
        generation: int,
        options: ServeOptions,
        samples: Sequence[Mapping[str, Any]],
        tally: Tally,
        mark: tuple[object, ...] = (),
    ) -> None:
        self.source = source
        self.name = source.name
        self.generation = generation
        self.samples = samples
        self.mark = mark
        self.tally = tally
        self.problem = ""
        self.is_admitted = False
        self.description: Mapping[str, Any] = {}
        self.ready: dict[int, Worker] = {}
        self.on_ready: Callable[[ServedVersion, Worker], None] | None = None
        self.on_crash: Callable[[ServedVersion, CprError], None] | None = None
        self.on_end: Callable[[Worker], None] | None = None
        self._options = options
        self._kept = KeptSource(source)
        self._alive: set[Worker] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._is_ending = False

    @property
    def state(self) -> str:
        """As the class says."""
        if self._is_ending:
            return "draining"
        return "ready" if self._keepers else "loading"

    @property
    def report(self) -> VersionReport:
        """What the person who started the server is told of it."""
        loads = [worker.ready["load"] for worker in self.ready.values()]
        return VersionReport(
            self.name,
            self.description,
            load_s=max((load["seconds"] for load in loads), default=0.0),
            memory_bytes=sum(load["rss_bytes"] for load in loads),
            workers=len(loads),
        )

    async def start(self) -> None:
        """Load it in every worker; afterwards keep them.

        Raises:
            CprError: The first failure; no worker of it is left then.
        """
        loads: list[asyncio.Future[None]] = []
        try:
            await self._keep_files()
            workers: list[Worker] = []
            while (missing := self._options.workers - len(workers)) > 0:
                self._check_memory(missing)
                some = [self._spawn() for _ in range(min(missing, os.cpu_count() or 1))]
                loads = [asyncio.ensure_future(self._load(worker)) for worker in some]
                await asyncio.gather(*loads)
                workers += some
        except BaseException:
            for load in loads:
                load.cancel()
            await asyncio.shield(self.kill())
            raise
        self.description = workers[0].ready["describe"]
        self._keepers = [asyncio.ensure_future(self._keep(worker)) for worker in workers]

    def _check_memory(self, missing: int) -> None:
        """Refuse to start more workers than there is memory for, by what the first ones took."""
        sizes = [worker.ready["load"]["rss_bytes"] for worker in self.ready.values()]
        largest, there = max(sizes, default=0), available_bytes()
        if there and largest * missing > there:
            raise EnvironmentProblem(
                f"there is no memory for {self._options.workers} workers of version {self.name}: "
                f"{missing} more of {largest / 1e6:.0f} MB each are to start, and "
                f"{there / 1e6:.0f} MB are free.",
                hint=f"Start no more than --workers {len(self.ready) + there // largest}.",
            )

    async def drain(self, timeout_s: float) -> bool:
        """Have each worker end when the fronts have left it; False if one had to be killed."""
        self._stop_keeping()
        for worker in list(self._alive):
            if worker.number in self.ready:
                worker.child.send({"do": "drain"})
            else:
                worker.child.kill()
        ends = [asyncio.ensure_future(worker.child.wait()) for worker in self._alive]
        late = (await asyncio.wait(ends, timeout=timeout_s))[1] if ends else set()
        await self.kill()
        return not late

    async def kill(self) -> None:
        """End every worker now, and return when they are gone."""
        self._stop_keeping()
        for worker in self._alive:
            worker.child.kill()
        for worker in list(self._alive):
            await worker.child.wait()
        self._alive.clear()
        self.ready.clear()
        self._kept.close()

    async def _keep_files(self) -> None:
        limit_s = self._options.load_timeout_s
        try:
            await asyncio.wait_for(run_aside(self._kept.fill), limit_s or None)
        except asyncio.TimeoutError as error:
            raise EnvironmentProblem(
                f"version {self.name} could not be fetched within {limit_s:g} s.",
                hint="Check the network, or allow more with --load-timeout.",
            ) from error

    def _spawn(self) -> Worker:
        worker = Worker(self._kept.source, self._options, self.samples)
        self._alive.add(worker)
        return worker

    async def _load(self, worker: Worker) -> None:
        await worker.load(self._options.load_timeout_s)
        self.ready[worker.number] = worker

    async def _keep(self, worker: Worker) -> None:
        """See a worker end, and put another in its place; until cancelled."""
        backoff = Backoff()
        while True:
            await worker.child.wait()
            self._alive.discard(worker)
            del self.ready[worker.number]
            if self.on_end is not None:
                self.on_end(worker)
            self.tally.crashes += not worker.hung_s
            self.tally.hangs += bool(worker.hung_s)
            wait_s = backoff.after(was_well=worker.has_answered)
            self._tell_crash(worker.explain(), wait_s)
            await asyncio.sleep(wait_s)
            worker = await self._replace(backoff)
            self.problem = ""
            if self.on_ready is not None:
                self.on_ready(self, worker)

    async def _replace(self, backoff: Backoff) -> Worker:
        while True:
            self.tally.restarts += 1
            try:
                worker = self._spawn()
                try:
                    await self._load(worker)
                    return worker
                except CprError:
                    worker.child.kill()
                    await worker.child.wait()
                    self._alive.discard(worker)
                    raise
            except CprError as error:
                wait_s = backoff.after(was_well=False)
                self._tell_crash(error, wait_s)
            await asyncio.sleep(wait_s)

    def _tell_crash(self, error: CprError, wait_s: float) -> None:
        if wait_s:
            soon = f"Several have ended before they answered anything: the next in {wait_s:g} s."
            error.hint = f"{error.hint}\n{soon}".strip()
        self.problem = "" if self.ready else str(error)
        if self.on_crash is not None:
            self.on_crash(self, error)

    def _stop_keeping(self) -> None:
        self._is_ending = True
        for keeper in self._keepers:
            keeper.cancel()
        self._keepers = []
