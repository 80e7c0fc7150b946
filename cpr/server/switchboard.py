"""Connects workers with fronts: who may be sent requests, and who no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from cpr.errors import CprError
from cpr.server.fronts import Front, Fronts
from cpr.server.line_up import LineUp
from cpr.server.screen import Screen
from cpr.server.served_version import ServedVersion
from cpr.server.workers import Worker


class Switchboard:
    """Keeps what fronts know in step with the line-up.

    Args:
        model_name: Under which all versions are served.
        line_up: What is served.
        fronts: Who is told.
        screen: Where crashes are told.
    """

    def __init__(self, model_name: str, line_up: LineUp, fronts: Fronts, screen: Screen) -> None:
        self._model_name = model_name
        self._line_up = line_up
        self._fronts = fronts
        self._screen = screen

    def introduce(self, front: Front) -> None:
        """Tell a front that has just started all that the others know."""
        for version in self._line_up.versions.values():
            if version.is_admitted:
                for worker in version.ready.values():
                    self._connect(front, version, worker)
        front.child.send(self._line_up.table())

    async def switch(
        self, admitted: Iterable[ServedVersion], withdrawn: Sequence[ServedVersion] = ()
    ) -> None:
        """Have every front send requests to some versions, and no longer to others.

        Each front takes it in one turn. Returns when all have; the versions
        that were withdrawn may still have calls to answer.
        """
        for version in admitted:
            version.on_ready, version.on_crash = self._take_replacement, self._tell_crash
            version.on_end = self._tell_end
            version.is_admitted = True
        added = [(v, worker) for v in admitted for worker in v.ready.values()]
        for version in withdrawn:
            version.on_ready = None  # what still takes the place of one that crashes stays aside
        gone = chain.from_iterable(version.ready for version in withdrawn)
        removals = [{"do": "remove", "worker": number} for number in gone]
        table = self._line_up.table()
        for front in self._fronts.alive.values():
            for version, worker in added:
                self._connect(front, version, worker)
            front.child.send(table)
            for removal in removals:
                front.child.send(removal)
        await self._fronts.ask_snapshot()

    def tell_table(self) -> None:
        """Tell every front what is served, and how the last reload ended."""
        self._fronts.tell(self._line_up.table())

    def worker(self, number: int) -> Worker | None:
        """The worker of this number, if it is there to answer."""
        for version in chain(self._line_up.versions.values(), self._line_up.leaving):
            if number in version.ready:
                return version.ready[number]
        return None

    def _tell_end(self, worker: Worker) -> None:
        self._fronts.tell({"do": "ended", "worker": worker.number})

    def _take_replacement(self, version: ServedVersion, worker: Worker) -> None:
        for front in self._fronts.alive.values():
            self._connect(front, version, worker)
        self.tell_table()

    def _connect(self, front: Front, version: ServedVersion, worker: Worker) -> None:
        front.connect(
            worker,
            model=self._model_name,
            version=version.name,
            generation=version.generation,
            is_batchable=worker.ready["load"]["is_batchable"],
        )

    def _tell_crash(self, version: ServedVersion, error: CprError) -> None:
        self._screen.crashed(version.name, str(error))
        self.tell_table()
