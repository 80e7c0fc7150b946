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
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

from cpr.errors import CprError, EnvironmentProblem
from cpr.server.admin import AdminSocket
from cpr.server.admin_requests import AdminRequests
from cpr.server.figures import Figures
from cpr.server.fronts import Front, Fronts
from cpr.server.line_up import LineUp
from cpr.server.listening import base_url, listen, raise_descriptor_limit, refuse_new
from cpr.server.loading import prepare
from cpr.server.notify import tell_service_manager
from cpr.server.options import ServeOptions, admin_path
from cpr.server.reload import Outcome, Reloader
from cpr.server.screen import ReadyReport, Screen
from cpr.server.switchboard import Switchboard
from cpr.server.terminal import has_terminal
from cpr.server.watch import changes

logger = logging.getLogger(__name__)

_LOADING_TOLD_S = 0.5
# A front whose channel broke may know it before the kernel tells of the worker's end.
_LOST_S = 1.0
_MARGIN_S = 1.0
# Those who waited for a model that never came are told so; a server that has failed ends soon.
_GIVE_UP_S = 1.5


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
        self._signals: list[int] = []
        self._signalled = asyncio.Event()
        self._has_terminal = has_terminal()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._line_up = LineUp(options)
        self._fronts = Fronts(options, listeners, on_say=self._hear, on_start=self._introduce)
        self._switchboard = Switchboard(options.model_name, self._line_up, self._fronts, screen)
        self._reloader = Reloader(options, self._line_up, self._switchboard, screen)
        self._figures = Figures(options, self._line_up, self._fronts)
        port = listeners[0].getsockname()[1]
        self._admin_path = Path(options.admin) if options.admin else admin_path(port)
        self._admin = AdminSocket(
            self._admin_path, AdminRequests(self._line_up, self._reload).answer
        )
        self._has_started = False

    async def serve(self) -> int:
        """Start, serve, drain; returns the exit code. Nothing is left running."""
        self._take_signals()
        try:
            if not await self._until_signalled(self._start()):
                await self._fronts.give_up("the server was stopped.", _GIVE_UP_S)
                return 128 + self._signals[0]
            await self._signalled.wait()
            self._signalled.clear()
            if not await self._until_signalled(self._drain()):
                return 128 + self._signals[-1]
        except CprError as error:
            self._screen.failed(error)
            refuse_new(self._listeners)
            why = f"the model could not be loaded ({type(error).__name__})."
            await self._fronts.give_up(why, _GIVE_UP_S)
            return error.exit_code
        finally:
            await self._end_everything()
        return 0

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._take_signal, number)
        loop.add_signal_handler(signal.SIGHUP, self._take_hangup)
        loop.add_signal_handler(signal.SIGUSR1, self._fronts.tell, {"do": "reopen_logs"})

    def _take_signal(self, number: int) -> None:
        self._signals.append(number)
        self._signalled.set()

    def _take_hangup(self) -> None:
        if self._has_terminal and not has_terminal():
            self._take_signal(signal.SIGHUP)  # its window was closed: nobody wants it any more
        elif self._has_started and not self._signals:
            self._spawn(self._reload("SIGHUP"))

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
        """Load every version, and accept connections meanwhile.

        Raises:
            CprError: The first failure.
        """
        await self._open_admin()
        changed = changes(self._options) if self._options.watch else None
        versions = await prepare(self._options, self._line_up)
        self._line_up.replace(versions, self._options)
        telling = self._spawn(self._tell_loading())
        starting = [asyncio.ensure_future(self._fronts.start())]
        starting += [asyncio.ensure_future(version.start()) for version in versions]
        try:
            await asyncio.gather(*starting)
        finally:
            telling.cancel()
            for one in starting:
                one.cancel()
            await asyncio.gather(*starting, return_exceptions=True)
        await self._switchboard.switch(versions)
        self._screen.ready(self._ready_report())
        tell_service_manager("READY=1")
        self._has_started = True
        if changed is not None:
            self._spawn(self._watch(changed))

    async def _open_admin(self) -> None:
        """Listen for `cpr reload`; a path that nobody asked for may not be to be had.

        Raises:
            EnvironmentProblem: The path that was asked for is not.
        """
        try:
            await self._admin.open()
        except EnvironmentProblem as error:
            if self._options.admin:
                raise
            logger.warning("cpr reload does not reach this server: %s", error)

    async def _reload(self, reason: str) -> Outcome:
        """Reload, tokens included.

        Raises:
            EnvironmentProblem: There is nothing to reload yet, or no more.
        """
        if not self._has_started or self._signals:
            state = "is ending" if self._signals else "is still loading"
            raise EnvironmentProblem(f"the server {state}.")
        self._fronts.tell({"do": "tokens"})
        return await self._reloader.reload(reason)

    async def _drain(self) -> None:
        """Take nothing new, answer all that was taken, end."""
        limit_s = self._options.drain_timeout_s
        tell_service_manager("STOPPING=1")
        self._screen.stopping(signal.Signals(self._signals[0]).name)
        self._admin.close()
        await self._reloader.stop()
        refuse_new(self._listeners)
        # The fronts keep the limit themselves: what is left then is cut off in order.
        is_whole = await self._fronts.drain(limit_s + _MARGIN_S)
        versions = [*self._line_up.versions.values(), *self._line_up.leaving]
        await asyncio.gather(*(version.drain(limit_s) for version in versions))
        if not is_whole:
            logger.error("a front was still busy after %g s, and was ended.", limit_s)

    async def _end_everything(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._admin.close()
        await self._reloader.stop()
        await self._fronts.kill()
        for version in [*self._line_up.versions.values(), *self._line_up.leaving]:
            await version.kill()

    def _introduce(self, front: Front) -> None:
        self._switchboard.introduce(front)

    def _hear(self, front: Front, message: Mapping[str, Any]) -> None:
        """Obey a front."""
        said = message["say"]
        if said == "ask_metrics":
            self._spawn(self._tell_metrics(front, message["number"]))
        if said not in ("hung", "lost"):
            return
        worker = self._switchboard.worker(message["worker"])
        if worker is None:
            return
        if said == "hung":
            worker.hang(message["seconds"])
        else:
            asyncio.get_running_loop().call_later(_LOST_S, worker.child.kill)

    async def _tell_metrics(self, front: Front, number: int) -> None:
        text = await self._figures.text()
        front.child.send({"do": "metrics_text", "number": number, "text": text})

    def _ready_report(self) -> ReadyReport:
        scheme = "https" if self._options.tls_cert else "http"
        return ReadyReport(
            base_url(self._listeners, scheme=scheme),
            self._options.model_name,
            self._line_up.default,
            self._line_up.reports,
            os.getpid(),
            str(self._admin_path),
        )

    async def _tell_loading(self) -> None:
        while True:
            for version in self._line_up.versions.values():
                if version.state == "loading":
                    self._screen.loading(version.name)
            await asyncio.sleep(_LOADING_TOLD_S)

    async def _watch(self, changed: AsyncGenerator[list[str], None]) -> None:
        async with aclosing(changed):
            async for _ in changed:
                await self._reload("watch")

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a task of the supervisor failed", exc_info=task.exception())
