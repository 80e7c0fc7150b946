"""One server as processes: started, found again, weighed, stopped and ended."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from installing import HERE
from servers import VARIABLES, Server

TICKS = os.sysconf("SC_CLK_TCK")
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "USER")
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


@dataclass(frozen=True)
class Memory:
    """Megabytes over all processes of a server; `pss_mb` counts shared pages once."""

    rss_mb: float
    pss_mb: float
    processes: int


class Running:
    """A server at work, in a session of its own.

    Its processes are known by a variable in their environment, so that
    daemons which leave their parent are counted too, and no others are ended.
    """

    count = 0

    def __init__(self, server: Server, work: str, folder: Path) -> None:
        Running.count += 1
        self.server, self.work = server, work
        self.port = 20_000 + os.getpid() % 100 * 40 + Running.count % 40
        self._mark = f"{os.getpid()}-{Running.count}"
        logs = folder / "logs"
        logs.mkdir(exist_ok=True)
        self.output = logs / f"{server.name}-{work}.txt"
        self._access_log = logs / f"{server.name}-{work}.access.log"
        values = {
            "bin": folder / server.environment / "bin",
            "peers": HERE / "peers",
            "routines": HERE / "routines",
            "models": folder / "models",
            "work": work,
            "port": self.port,
            "processes": server.processes,
            "log": self._access_log,
        }
        words = (*server.command, *server.works[work])
        self._command = [word.format(**values) for word in words]
        self._environ = {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            **VARIABLES,
            "BENCH_WORK": work,
            "BENCH_PORT": str(self.port),
            "BENCH_PROCESSES": str(server.processes),
            "BENCH_MODELS": str(folder / "models"),
            "BENCH_PEERS": str(HERE / "peers"),
            "BENCH_MARK": self._mark,
            **server.variables,
        }

    def start(self, body: bytes, *, limit_s: float = 120.0) -> float:
        """Spawn it and wait until it has answered `body` with 200; gives the seconds.

        Raises:
            RuntimeError: It ended or did not answer in time.
        """
        begin = time.monotonic()
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.output.parent,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        answer = (0, b"")
        while time.monotonic() - begin < limit_s and self._process.poll() is None:
            try:
                answer = self.post(body)
                if answer[0] == 200:
                    seconds = time.monotonic() - begin
                    time.sleep(self.server.settle_s)
                    return seconds
            except (OSError, http.client.HTTPException):
                pass  # not listening yet
            time.sleep(0.02)
        status, content = answer
        said = f" (its last answer: {status} {content[:100]!r})" if status else ""
        raise RuntimeError(f"it did not start, see {self.output}{said}")

    def post(self, body: bytes) -> tuple[int, bytes]:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", self.server.path, body, HEADERS)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def pids(self) -> list[int]:
        """Every process of the server."""
        names = (path.name for path in Path("/proc").iterdir())
        return [int(name) for name in names if name.isdigit() and self._owns(name)]

    def memory(self) -> Memory:
        """What all its processes hold now."""
        totals = {"Rss:": 0, "Pss:": 0}
        pids = self.pids()
        for pid in pids:
            for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
                name, *rest = line.split()
                if name in totals:
                    totals[name] += int(rest[0])
        return Memory(round(totals["Rss:"] / 1024, 1), round(totals["Pss:"] / 1024, 1), len(pids))

    def pause(self) -> None:
        """Keep it from using the processor between its turns, if it is one that does."""
        if self.server.idle == "stopped":
            _signal(sorted(self.pids()), signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`; parents wake last, so that none finds its children silent."""
        if self.server.idle == "stopped":
            _signal(sorted(self.pids(), reverse=True), signal.SIGCONT)

    def stop(self) -> None:
        """End all its processes, and wait until they are gone."""
        self.resume()
        if self._process.poll() is None:  # which ends the others
            self._process.terminate()
            self._wait(10.0)
        for number, wait_s in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0)):
            _signal(self.pids(), number)
            self._wait(wait_s)
        self._access_log.unlink(missing_ok=True)

    def _wait(self, limit_s: float) -> None:
        end = time.monotonic() + limit_s
        while self.pids() and time.monotonic() < end:
            self._process.poll()
            time.sleep(0.05)

    def _owns(self, pid: str) -> bool:
        stat = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        if not stat or stat[0] == "Z":
            return False
        # nginx writes its title over its environment.
        return int(stat[3]) == self._process.pid or f"BENCH_MARK={self._mark}" in _read(
            f"/proc/{pid}/environ"
        ).split("\0")


def spent_s(pids: Iterable[int]) -> float:
    """Processor seconds, user and system, that these processes have used."""
    ticks = 0
    for pid in pids:
        stat = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        ticks += sum(map(int, stat[11:13])) if stat else 0
    return ticks / TICKS


def machine_spent_s() -> float:
    """Processor seconds that the whole machine has used."""
    user, nice, system, _, _, irq, softirq, steal = map(
        int, _read("/proc/stat").splitlines()[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / TICKS


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.kill(pid, number)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""  # the process has ended
