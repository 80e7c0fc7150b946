"""The metrics of the whole server: what every front has counted, and the state of it all."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from time import time

from cpr.observe.exposition import exposition
from cpr.observe.gauges import (
    FrontFigures,
    Gauges,
    ProcessFigures,
    VersionFigures,
    front_figures,
)
from cpr.observe.processes import process_figures
from cpr.server.fronts import Fronts
from cpr.server.line_up import LineUp
from cpr.server.options import ServeOptions


class Figures:
    """Gathers the metrics when they are asked for.

    Args:
        options: The server's.
        line_up: What is served.
        fronts: Who counts.
    """

    def __init__(self, options: ServeOptions, line_up: LineUp, fronts: Fronts) -> None:
        self._options = options
        self._line_up = line_up
        self._fronts = fronts
        self._product_version = _installed_version()
        self._started_s = time()

    async def text(self) -> str:
        """All metrics as Prometheus reads them."""
        counted = await self._fronts.ask_snapshot()
        return exposition(counted, self.gauges()).decode()

    def gauges(self) -> Gauges:
        """The state at this moment."""
        last = self._line_up.last_reload
        return Gauges(
            product_version=self._product_version,
            python_version=platform.python_version(),
            started_s=self._started_s,
            processes=self._processes(),
            fronts=self._front_figures(),
            versions=self._versions(),
            reloads=dict(self._line_up.reloads),
            is_last_reload_failed=last.get("result") == "failed",
            last_reload_s=last.get("ended_s", 0.0),
        )

    def _processes(self) -> list[ProcessFigures]:
        named = [("supervisor", os.getpid())]
        named += [(f"front-{slot}", front.child.pid) for slot, front in self._fronts.alive.items()]
        for served in self._line_up.versions.values():
            named += [
                (f"worker-{self._options.model_name}-{served.name}-{slot}", worker.child.pid)
                for slot, worker in enumerate(served.ready.values())
            ]
        figures = [process_figures(name, pid) for name, pid in named]
        return [figure for figure in figures if figure is not None]

    def _front_figures(self) -> list[FrontFigures]:
        snapshots = [front.snapshot.get("front") for front in self._fronts.alive.values()]
        return [front_figures(told) for told in snapshots if told]

    def _versions(self) -> list[VersionFigures]:
        return [
            VersionFigures(
                self._options.model_name,
                served.name,
                is_default=served.name == self._line_up.default,
                workers=self._options.workers,
                ready=len(served.ready),
                restarts=served.tally.restarts,
                crashes=served.tally.crashes,
                hangs=served.tally.hangs,
            )
            for served in self._line_up.versions.values()
        ]


def _installed_version() -> str:
    try:
        return version("cpr")
    except PackageNotFoundError:
        return ""  # a bare checkout on the import path
