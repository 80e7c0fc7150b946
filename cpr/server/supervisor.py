"""The supervisor: binds the socket, starts every process, and decides what each is told.

It never sees a request and never loads user code, so nothing that either
does can end it; every process ends with it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Coroutine
from typing import Any

from cpr.errors import CprError
from cpr.server.fronts import Front, Fronts
from cpr.server.line_up import LineUp
from cpr.server.listening import base_url, listen, raise_descriptor_limit, refuse_new
from cpr.server.options import ServeOptions, admin_path
from cpr.server.samples import samples_of
from cpr.server.screen import ReadyReport, Screen
from cpr.server.served_version import ServedVersion
from cpr.server.workers import Worker

logger = logging.getLogger(__name__)

_LOADING_TOLD_S = 0.5
# A front whose channel broke may know it before the kernel tells of the worker's end.
_LOST_S = 1.0


def run(options: ServeOptions, *, screen: Screen) -> int:
    """Serve until a signal ends it; returns the exit code.

    Called in the main thread. SIGTERM and SIGINT answer what has been taken
    and end with 0; a second one, or one while loading, ends at once with 128
    and its number. SIGHUP reloads, SIGUSR1 opens log files anew.
    """
    try:
        listeners = listen(options.host, options.port, backlog=options.backlog)
    except CprError as error:
        screen.failed(error)
        return error.exit_code
    raise_descriptor_limit()
    try:
        return asyncio.run(Supervisor(options, screen, listeners).serve())
    finally:
        for listener in listeners:
            listener.close()


class Supervisor:
    """One run of the server.

    Args:
        options: What it is told.
        screen: What it tells.
        listeners: The bound sockets.
    """

    def __init__(
        self, options: ServeOptions, screen: Screen, listeners: list[socket.socket]
    ) -> None:
        self._options = options
        self._screen = screen
        self._listeners = listeners
        self._line_up = LineUp(options)
        self._signals: list[int] = []
        self._signalled = asyncio.Event()
        self._fronts = Fronts(options, listeners, on_say=self._hear, on_start=self._introduce)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def serve(self) -> int:
        """Start, serve, drain; returns the exit code. Nothing is left running."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._take_signal, number)
        loop.add_signal_handler(signal.SIGUSR1, self._fronts.tell, {"do": "reopen_logs"})
        try:
            if not await self._until_signalled(self._start()):
                return 128 + self._signals[0]
            await self._signalled.wait()
            self._signalled.clear()
            if not await self._until_signalled(self._drain()):
                return 128 + self._signals[-1]
            return 0
        except CprError as error:
            self._screen.failed(error)
            return error.exit_code
        finally:
            await self._end_everything()

    async def _until_signalled(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do it, unless a signal comes first; says whether it was done."""
        task, came = asyncio.ensure_future(work), asyncio.ensure_future(self._signalled.wait())
        await asyncio.wait([task, came], return_when="FIRST_COMPLETED")
        came.cancel()
        if task.done():
            task.result()
            return True
        task.cancel()
        await asyncio.wait([task])
        return False

    async def _start(self) -> None:
        for source in self._options.versions:
            samples = samples_of(source, self._options.samples)
            number = self._line_up.next_generation(source.name)
            tally = self._line_up.tally(source.name)
            version = ServedVersion(source, number, self._options, samples, tally)
            self._line_up.versions[source.name] = version
        telling = self._spawn(self._tell_loading())
        starting = [asyncio.ensure_future(self._fronts.start())]
        starting += [asyncio.ensure_future(v.start()) for v in self._line_up.versions.values()]
        try:
            await asyncio.gather(*starting)
        finally:
            telling.cancel()
            for one in starting:
                one.cancel()
        for version in self._line_up.versions.values():
            self.admit(version)
        await self.show_table()
        self._screen.ready(self._ready_report())

    def admit(self, version: ServedVersion) -> None:
        """Let every front send requests to a version, from now on."""
        version.on_ready, version.on_crash = self._connect, self._tell_crash
        for worker in version.ready.values():
            for front in self._fronts.alive.values():
                self._connect_to(front, version, worker)

    async def show_table(self) -> None:
        """Tell every front what is served, and return when all know it."""
        self._fronts.tell(self._line_up.table())
        await self._fronts.ask_snapshot()

    async def _drain(self) -> None:
        """Take nothing new, answer all that was taken, end."""
        options = self._options
        self._screen.stopping(signal.Signals(self._signals[0]).name)
        refuse_new(self._listeners)
        is_whole = await self._fronts.drain(options.drain_timeout_s)
        ends = [v.drain(options.drain_timeout_s) for v in self._line_up.versions.values()]
        await asyncio.gather(*ends)
        if not is_whole:
            logger.error(
                "not everything was answered in %g s: the rest was cut off.",
                options.drain_timeout_s,
            )

    async def _end_everything(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._fronts.kill()
        for version in self._line_up.versions.values():
            await version.kill()

    def _take_signal(self, number: int) -> None:
        self._signals.append(number)
        self._signalled.set()

    def _introduce(self, front: Front) -> None:
        """Tell a front that has just started what is served."""
        for version in self._line_up.versions.values():
            for worker in version.ready.values():
                if version.on_ready is not None:
                    self._connect_to(front, version, worker)
        front.child.send(self._line_up.table())

    def _connect(self, version: ServedVersion, worker: Worker) -> None:
        """A worker took the place of one that ended."""
        for front in self._fronts.alive.values():
            self._connect_to(front, version, worker)
        self._fronts.tell(self._line_up.table())

    def _connect_to(self, front: Front, version: ServedVersion, worker: Worker) -> None:
        front.connect(
            worker,
            model=self._options.model_name,
            version=version.name,
            generation=version.generation,
        )

    def _tell_crash(self, version: ServedVersion, worker: Worker, error: CprError) -> None:
        self._screen.crashed(version.name, str(error))
        self._fronts.tell(self._line_up.table())

    def _hear(self, front: Front, message: dict[str, Any]) -> None:
        said = message["say"]
        if said == "hung":
            for worker in self._workers(message["worker"]):
                worker.hang(message["seconds"])
        elif said == "lost":
            for worker in self._workers(message["worker"]):
                asyncio.get_running_loop().call_later(_LOST_S, worker.child.kill)

    def _workers(self, number: int) -> list[Worker]:
        """The worker of this number, if it is alive."""
        versions = self._line_up.versions.values()
        return [version.ready[number] for version in versions if number in version.ready]

    def _ready_report(self) -> ReadyReport:
        scheme = "https" if self._options.tls_cert else "http"
        port = self._listeners[0].getsockname()[1]
        return ReadyReport(
            base_url(self._listeners, scheme=scheme),
            self._options.model_name,
            self._line_up.default,
            self._line_up.reports,
            os.getpid(),
            self._options.admin or str(admin_path(port)),
        )

    async def _tell_loading(self) -> None:
        while True:
            for version in self._line_up.versions.values():
                if version.state == "loading":
                    self._screen.loading(version.name)
            await asyncio.sleep(_LOADING_TOLD_S)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
