"""Hours of ordinary requests, some of them wrong, leave memory, descriptors, threads as they were.

With `--every`, workers are killed and the server reloads all the while; then the
supervisor and the fronts are watched, which go on.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from claims import at_most, conclude, exactly, note
from ledger import PATH, LedgerProcess
from memory import descriptors, resident_mb, slope_per_minute, threads
from raw_http import Connection, request
from running_server import RunningServer, send_signal, serve_faults
from versions import Version

_EVERY_S = 1.0
_SETTLING = 0.25
"""The share of the time that is not judged: pools and caches fill."""
_LARGE = b'{"instances": ["' + b"x" * 3_000_000 + b'"]}'


@dataclass
class Samples:
    """What the processes held, once a second."""

    pids: list[int]
    resident: list[tuple[float, float]] = field(default_factory=list)
    by_process: list[list[float]] = field(default_factory=list)
    opened: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def take(self, elapsed: float) -> None:
        """Add one of each."""
        self.by_process.append([resident_mb([pid]) for pid in self.pids])
        self.resident.append((elapsed, sum(self.by_process[-1])))
        self.opened.append(descriptors(self.pids))
        self.threads.append(threads(self.pids))


def main() -> int:
    """Run clients of both kinds, and fit a line to the memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--growth", type=float, default=0.5, help="percent a minute, at most")
    parser.add_argument("--connections", type=int, default=8, help="of each kind")
    parser.add_argument("--seconds", type=float, default=0.002, help="that each predict takes")
    parser.add_argument("--every", type=float, default=0.0, help="seconds between kills, reloads")
    arguments = parser.parse_args()
    length_s = arguments.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        version = Version(Path(folder))
        with serve_faults("--workers", "2", predictor=version.path) as server:
            family = server.family()
            samples = Samples([server.pid, *(server.fronts() if arguments.every else family)])
            disturbances = _disturbances(server, version)
            clients = {"connections": arguments.connections, "seconds": arguments.seconds}
            with (
                LedgerProcess(server.url, mode="keep-alive", **clients) as kept,
                LedgerProcess(server.url, mode="close", **clients) as closed,
            ):
                start = disturbed = time.monotonic()
                while (elapsed := time.monotonic() - start) < length_s:
                    if elapsed > _SETTLING * length_s:
                        samples.take(elapsed)
                    _some_errors(server)
                    if arguments.every and time.monotonic() - disturbed > arguments.every:
                        disturbed = time.monotonic()
                        next(disturbances)
                    time.sleep(_EVERY_S)
                ledgers = {"keep-alive": kept.finish(), "close": closed.finish()}
            left = server.family()
            is_same = left == family if not arguments.every else len(left) == len(family)
    growth = 100 * slope_per_minute(samples.resident)
    claims = [
        exactly(f"{mode}: lost, and not right", (one.lost, dict(one.wrong)), (0, {}))
        for mode, one in ledgers.items()
    ]
    first, last = samples.resident[0][1], samples.resident[-1][1]
    claims += [
        at_most("memory, growth a minute", growth, arguments.growth, "%"),
        note("memory, first and last", f"{first:.1f} and {last:.1f} MB"),
        at_most("descriptors at the end, more than at first", _mean_change(samples.opened), 2.0),
        at_most("threads at the end, more than at first", _mean_change(samples.threads), 1.0),
        note("of each process", _changes(samples.by_process)),
        note("descriptors, fewest and most", f"{min(samples.opened)} and {max(samples.opened)}"),
        exactly("as many processes as before, and the same unless killed", is_same, True),
        note("requests answered right", sum(one.right for one in ledgers.values())),
    ]
    return conclude(f"soak of {arguments.minutes:g} minutes", claims)


def _disturbances(server: RunningServer, version: Version) -> Iterator[None]:
    """Each step kills a worker, or has the server reload what has been edited."""
    for is_kill in cycle((True, False)):
        if is_kill:
            send_signal(server.workers()[0], signal.SIGKILL)
        else:
            version.next_good()
            send_signal(server.pid, signal.SIGHUP)
        yield


def _some_errors(server: RunningServer) -> None:
    for do in ("raise", "bad_input", "nan"):
        server.predict({"do": do})
    server.get("/metrics")
    server.post("/no/such/route", b"{}")
    server.post(PATH, _LARGE)
    asyncio.run(_abort(server))


async def _abort(server: RunningServer) -> None:
    """Ask, and go away at once; in the middle of a body, and after it."""
    data = request(PATH, _LARGE)
    for size in (len(data) // 2, len(data)):
        connection = await Connection(server.host, server.port).open()
        await connection.send(data[:size])
        connection.reset_on_close()
        connection.close()


def _changes(by_process: list[list[float]]) -> str:
    pairs = zip(by_process[0], by_process[-1], strict=True)
    return ", ".join(f"{first:.1f} to {last:.1f}" for first, last in pairs)


def _mean_change(counts: list[int]) -> float:
    """How much the last quarter's mean is above the first quarter's."""
    quarter = max(1, len(counts) // 4)
    return sum(counts[-quarter:]) / quarter - sum(counts[:quarter]) / quarter


if __name__ == "__main__":
    sys.exit(main())
