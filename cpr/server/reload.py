"""Reloading: new versions are loaded, tried out and switched to; or nothing changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic, time

from cpr.errors import CprError, EnvironmentProblem
from cpr.server.aside import run_aside
from cpr.server.canary import try_out
from cpr.server.line_up import LineUp
from cpr.server.loading import prepare
from cpr.server.options import ServeOptions
from cpr.server.screen import ReloadReport, Screen
from cpr.server.served_version import ServedVersion
from cpr.server.switchboard import Switchboard
from cpr.server.version_sources import rescan

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a reload ended: the names of the versions that are served, or why nothing changed."""

    loaded: tuple[str, ...]
    served: tuple[str, ...]
    default: str
    seconds: float
    error: CprError | None = None


class Reloader:
    """Carries out reloads, one at a time.

    Args:
        options: The server's.
        line_up: What is served.
        switchboard: Switches the fronts over.
        screen: Where it is told.
    """

    def __init__(
        self, options: ServeOptions, line_up: LineUp, switchboard: Switchboard, screen: Screen
    ) -> None:
        self._options = options
        self._line_up = line_up
        self._switchboard = switchboard
        self._screen = screen
        self._running: asyncio.Task[Outcome] | None = None
        self._next: asyncio.Task[Outcome] | None = None
        self._draining: set[asyncio.Task[None]] = set()

    async def reload(self, reason: str) -> Outcome:
        """Look for versions, load and try out what is new, and serve that.

        While another reload is under way this one waits, and whoever asks
        meanwhile gets its outcome too. It goes on if the caller is cancelled.
        """
        if self._next is None:
            self._next = asyncio.ensure_future(self._after(self._running, reason))
        return await asyncio.shield(self._next)

    async def stop(self) -> None:
        """Give up what is under way; nothing that it started is left."""
        tasks = [task for task in (self._running, self._next, *self._draining) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _after(self, other: asyncio.Task[Outcome] | None, reason: str) -> Outcome:
        if other is not None and not other.done():
            await asyncio.wait([other])
        self._running, self._next = self._next, None
        return await self._reload(reason)

    async def _reload(self, reason: str) -> Outcome:
        self._screen.reloading(reason)
        began, error = monotonic(), None
        fresh: list[ServedVersion] = []
        try:
            found = await run_aside(_look_again, self._options)
            fresh = await prepare(found, self._line_up)
            await self._load(fresh)
            await self._switch(fresh, found)
        except CprError as failed:
            error = failed
        seconds = monotonic() - began
        self._record(reason, seconds, error)
        line_up = self._line_up
        self._screen.reloaded(ReloadReport(reason, line_up.reports, seconds, error))
        loaded = () if error else tuple(version.name for version in fresh)
        return Outcome(loaded, tuple(line_up.versions), line_up.default, seconds, error)

    async def _load(self, fresh: Sequence[ServedVersion]) -> None:
        """Load and try out all of them.

        Raises:
            CprError: The first failure; none of them is left then.
        """
        starting = [asyncio.ensure_future(version.start()) for version in fresh]
        try:
            await asyncio.gather(*starting)
            for version in fresh:
                running = self._line_up.versions.get(version.name) or self._line_up.versions.get(
                    self._line_up.default
                )
                await try_out(version, running, timeout_s=self._options.request_timeout_s)
        except BaseException:
            for one in starting:
                one.cancel()
            await asyncio.gather(*starting, return_exceptions=True)
            for version in fresh:
                await asyncio.shield(version.kill())
            raise

    async def _switch(self, fresh: Sequence[ServedVersion], found: ServeOptions) -> None:
        gone = self._line_up.replace(fresh, found)
        await self._switchboard.switch(fresh, gone)
        for version in gone:
            task = asyncio.ensure_future(self._take_leave(version))
            self._draining.add(task)
            task.add_done_callback(self._draining.discard)

    async def _take_leave(self, version: ServedVersion) -> None:
        if not await version.drain(self._options.drain_timeout_s):
            logger.warning("a worker of the version %s of before had to be killed.", version.name)
        self._line_up.leaving.discard(version)

    def _record(self, reason: str, seconds: float, error: CprError | None) -> None:
        result = "failed" if error else "ok"
        self._line_up.reloads[result] += 1
        self._line_up.last_reload = {
            "result": result,
            "reason": reason,
            "ended_s": round(time(), 3),
            "seconds": round(seconds, 3),
            **({"problem": error.problem} if error else {}),
        }
        self._switchboard.tell_table()


def _look_again(options: ServeOptions) -> ServeOptions:
    try:
        return rescan(options)
    except OSError as error:
        raise EnvironmentProblem(f"the versions cannot be listed: {error}.") from error
