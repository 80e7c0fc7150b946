"""The main of a front process: the event loop, the supervisor's messages, the drain."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from email.utils import formatdate
from pathlib import Path
from time import monotonic
from typing import Any, cast

import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from cpr.isolated.child import end_with_parent, leave_signals_to_the_supervisor, name_process
from cpr.observe.access_log import AccessLog
from cpr.observe.gauges import FrontFigures
from cpr.observe.server_log import configure_logging
from cpr.observe.tracing import start_tracing
from cpr.requirements import installed_version
from cpr.server.control import ControlSocket
from cpr.server.front_answering import IDLE
from cpr.server.front_asgi import PagesApp
from cpr.server.front_core import Front
from cpr.server.front_link import Link
from cpr.server.front_protocol import FrontProtocol
from cpr.server.front_short_way import RememberingProtocol
from cpr.server.kept_memory import keep_freed_blocks
from cpr.server.listening import connections_to_be_had
from cpr.server.options import ServeOptions
from cpr.server.progress import Progress
from cpr.server.tls import ssl_context

logger = logging.getLogger(__name__)

# Connections that are looked at in one go, and sweeps until one that idles is looked at again.
_AT_ONCE, _TURNS = 100, 5
_TICK_S = 0.1
_TICKS_A_SECOND = 10
# How long a connection that idles is left for a last request, once the server drains.
_FAREWELL_S = 1.0


def main(start: Mapping[str, Any]) -> None:
    """Serve connections until the supervisor says to drain, or is gone.

    Args:
        start: What the supervisor passes: `control`, `lifeline` and `listen`
            are descriptors, `parent` its process id, `options` the server's.
    """
    leave_signals_to_the_supervisor()
    name_process("cpr-front")
    for descriptor in (start["control"], start["lifeline"], *start["listen"]):
        os.set_inheritable(descriptor, False)
    end_with_parent(start["parent"], start["lifeline"])
    keep_freed_blocks(16 << 20)
    given = start["options"]
    configure_logging("front", line_format=given["log_format"], level=given["log_level"])
    uvloop.run(_FrontProcess(start).run())


class _FrontProcess:
    """Ties a `Front` to its sockets."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        given = ServeOptions.from_json(start["options"])
        most = connections_to_be_had(given.max_connections)
        self._options = replace(given, max_connections=most)
        self._control = ControlSocket(socket.socket(fileno=start["control"]))
        self._control.setblocking(False)
        self._sockets = [socket.socket(fileno=descriptor) for descriptor in start["listen"]]
        self._unsent: deque[Mapping[str, Any]] = deque()
        self._asked: list[Callable[[bytes], None]] = []
        self._asking: list[Callable[[bytes], None]] = []
        self._drain = asyncio.Event()
        self._state = ServerState()
        self._ticks = 0

    async def run(self) -> None:
        """Accept and serve, until drained."""
        loop = asyncio.get_running_loop()
        self._access_log = self._open_log()
        self._tracer = start_tracing(installed_version("cpr")) if self._options.tracing else None
        self._front = front = Front(
            self._options,
            loop,
            self._tell,
            self._ask_metrics,
            access_log=self._access_log,
            tracer=self._tracer,
        )
        app = PagesApp(front)
        config = Config(
            app,
            ws="none",
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            log_config=None,
            access_log=False,
        )
        config.load()
        loop.add_reader(self._control.fileno(), self._hear)
        front.heads.set_date(formatdate(usegmt=True))
        context = ssl_context(self._options)
        servers = [
            await loop.create_server(
                lambda: RememberingProtocol(front, config, self._state),
                sock=listening,
                ssl=context,
                ssl_handshake_timeout=(self._options.header_timeout_s or None) if context else None,
            )
            for listening in self._sockets
        ]
        clock = asyncio.create_task(self._run_clock())
        self._tell({"say": "listening"})
        await self._drain.wait()
        await self._farewell(servers)
        clock.cancel()
        self._tell({"say": "snapshot", "snapshot": self._snapshot()})
        self._tell({"say": "drained"})
        if self._access_log is not None:
            self._access_log.close()
        if self._tracer is not None:
            self._tracer.close()
        sys.stderr.flush()
        os._exit(0)  # threads of the pages may still be at work for nobody

    def _open_log(self) -> AccessLog | None:
        where = self._options.access_log
        if not where:
            return None
        path = None if where == "-" else Path(where)
        return AccessLog(path, line_format=self._options.access_log_format)

    # The supervisor.

    def _tell(self, message: Mapping[str, Any]) -> None:
        """Tell it, later if it does not listen now."""
        self._unsent.append(message)
        self._tell_on()

    def _tell_on(self) -> None:
        while self._unsent:
            try:
                self._control.send(self._unsent[0])
            except BlockingIOError:
                return  # the clock tries again
            except OSError:
                logger.error("the supervisor is gone")
                os._exit(1)
            self._unsent.popleft()

    def _hear(self) -> None:
        while True:
            try:
                heard = self._control.receive()
            except BlockingIOError:
                return
            if heard is None:
                os._exit(1)  # nobody supervises this process any more
            self._obey(*heard)

    def _obey(self, message: dict[str, Any], descriptors: list[int]) -> None:
        front = self._front
        match message["do"]:
            case "add":
                self._add_worker(message, descriptors)
            case "remove":
                front.pool.remove(message["worker"])
            case "ended":
                front.pool.end(message["worker"])
            case "table":
                front.update_table(message)
            case "metrics":
                self._tell({"say": "metrics", "snapshot": self._snapshot()})
            case "metrics_text":
                self._take_metrics(message["text"].encode())
            case "reopen_logs":
                front.notes.settle()
                if self._access_log is not None:
                    self._access_log.reopen()
            case "tokens":
                front.reload_tokens()
            case "end_waiting":
                front.pool.end_waiting(message["text"])
            case "drain":
                self._drain.set()

    def _add_worker(self, message: Mapping[str, Any], descriptors: list[int]) -> None:
        front = self._front
        connection = socket.socket(fileno=descriptors[0])
        connection.setblocking(False)
        link = Link(
            front.loop,
            message["worker"],
            message["version"],
            connection,
            Progress(descriptors[1]),
            is_batchable=message["is_batchable"],
        )
        task = front.loop.create_task(front.pool.add(link))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def _ask_metrics(self, take: Callable[[bytes], None]) -> None:
        """Ask once for all that want them; who comes later shares the next answer."""
        self._asking.append(take)
        if not self._asked:
            self._asked, self._asking = self._asking, []
            self._tell({"say": "ask_metrics", "number": 0})

    def _take_metrics(self, text: bytes) -> None:
        asked, self._asked = self._asked, []
        asking, self._asking = self._asking, []
        for take in asked:
            take(text)
        for take in asking:
            self._ask_metrics(take)

    def _snapshot(self) -> dict[str, Any]:
        front = self._front
        front.notes.settle()
        if self._access_log is not None:
            front.counters.count("log_lines_dropped", self._access_log.take_dropped())
        return {**front.counters.snapshot(), "front": self._figures()}

    def _figures(self) -> dict[str, Any]:
        pool, table = self._front.pool, self._front.table
        queued = [(table.model_name, version, calls) for version, calls in pool.queued_by_version()]
        return asdict(FrontFigures(len(self._state.connections), pool.in_flight, queued))

    # The clock.

    async def _run_clock(self) -> None:
        front = self._front
        while True:
            await asyncio.sleep(_TICK_S)
            front.pool.sweep()
            front.notes.settle()
            self._tell_on()
            self._ticks += 1
            if self._ticks % 2 == 0:
                await self._sweep_connections()
            if self._ticks % _TICKS_A_SECOND == 0:
                front.heads.set_date(formatdate(usegmt=True))
                if self._access_log is not None:
                    self._access_log.flush()
                if not self._unsent:
                    self._tell({"say": "snapshot", "snapshot": self._snapshot()})

    async def _sweep_connections(self) -> None:
        """Look at every connection; thousands that idle keep no request waiting.

        Those that idle take turns: a second more does no harm there.
        """
        now, present = self._front.loop.time(), self._state.connections
        turn, looked_at = self._ticks // 2 % _TURNS, 0
        for number, connection in enumerate(cast("list[FrontProtocol]", list(present))):
            is_at_rest = connection.phase == IDLE and not connection.has_large_answer
            if is_at_rest and number % _TURNS != turn:
                continue
            if connection in present:
                connection.sweep(now)
            looked_at += 1
            if looked_at % _AT_ONCE == 0:
                await asyncio.sleep(0)

    # The end.

    async def _farewell(self, servers: list[asyncio.Server]) -> None:
        """Accept who is in the queue already, close the door, and let everybody finish.

        A connection that idles may have a request on its way: it is left open
        for a moment, and its next answer is its last.
        """
        front = self._front
        await asyncio.sleep(_TICK_S)  # nobody new can connect by now
        front.is_draining = True
        for server in servers:
            server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        began = monotonic()
        while self._state.connections or self._state.tasks:
            await asyncio.sleep(0.01)
            waited = monotonic() - began
            if waited > self._options.drain_timeout_s:
                return
            if waited > _FAREWELL_S:
                for connection in list(self._state.connections):
                    if isinstance(connection, FrontProtocol) and connection.is_idle:
                        connection.transport.close()
