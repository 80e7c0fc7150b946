"""Slow clients of three kinds at once harm nobody else, and are ended in time."""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
import time
from contextlib import ExitStack
from types import TracebackType

from claims import Claim, at_least, at_most, conclude, exactly, note, timed
from crowd import Crowd
from memory import descriptors, forget_peak, peak_mb, resident_mb
from probes import Probes, probe
from running_server import RunningServer, serve_faults

KINDS = ("slow-headers", "slow-bodies", "slow-readers")
_STEP_S = 0.1
_PATIENCE_S = 60.0
# A front looks five times a second, these scripts ten times.
_SLACK_S = 0.5
# Descriptors that a front may have more than before: of probes, and of logs.
_SPARE = 4


def main() -> int:
    """Compare probes without and with the crowds, and see the crowds ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=200, help="clients of each kind")
    parser.add_argument("--seconds", type=float, default=10.0, help="of probing")
    parser.add_argument("--timeout", type=float, help="of headers, bodies and writes; default: its")
    parser.add_argument("--no-latency", action="store_true", help="count only, for busy machines")
    arguments = parser.parse_args()
    flags = []
    for name in ("--header-timeout", "--body-timeout", "--write-timeout"):
        flags += [name, f"{arguments.timeout:g}"] if arguments.timeout else []
    with serve_faults(*flags) as server:
        claims = _claims(server, arguments)
        status, _ = server.predict("still there")
    return conclude("slow clients", [*claims, exactly("a request after them", status, 200)])


def _claims(server: RunningServer, arguments: argparse.Namespace) -> list[Claim]:
    family = server.family()
    before = _probe(server, arguments.seconds)
    resident = resident_mb(family)
    forget_peak(family)
    bound_s = (arguments.timeout or 10.0) + _SLACK_S
    with ExitStack() as stack:
        ends = stack.enter_context(Ends(server))
        crowds = {
            kind: stack.enter_context(Crowd(server.url, kind, arguments.each)) for kind in KINDS
        }
        made_s = ends.seconds()
        during = _probe(server, arguments.seconds)
        ended_s = ends.wait()
        claims = [
            *(exactly(f"{kind}: made", crowds[kind].held, arguments.each) for kind in KINDS),
            at_least("connections held by the server", ends.most, 3 * arguments.each),
            at_most("the last was ended, after the first was made", ended_s, bound_s + made_s, "s"),
            note("of which it took to make them", f"{made_s:.1f} s"),
        ]
    peak = peak_mb(family) - resident
    after = _probe(server, arguments.seconds)
    quiet = max(before.percentile(0.99), after.percentile(0.99))
    claims += [
        exactly("probes that failed", before.failed + during.failed + after.failed, 0),
        note("memory at most, more than before", f"{peak:.0f} MB"),
        note("probes", f"{len(during.milliseconds)} during, p50 {during.percentile(0.5):.2f} ms"),
        note("p99 without them", f"{quiet:.2f} ms"),
    ]
    p99 = at_most("p99 with them", during.percentile(0.99), 2 * quiet, "ms")
    return claims + timed([p99], is_judged=not arguments.no_latency)


class Ends:
    """Watches the descriptors of the fronts: how many at most, and when they are back."""

    def __init__(self, server: RunningServer) -> None:
        self.most = 0
        self._fronts = server.fronts()
        self._before = descriptors(self._fronts)
        self._start = time.monotonic()
        self._last_s = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Ends:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def seconds(self) -> float:
        """Since the watch began."""
        return time.monotonic() - self._start

    def wait(self) -> float:
        """Seconds from the beginning until the descriptors were back, or as long as it watched."""
        while self.seconds() < self._last_s + 1 or self.seconds() < 2:
            if self.seconds() > _PATIENCE_S:
                break
            time.sleep(_STEP_S)
        return self._last_s

    def _watch(self) -> None:
        while not self._is_over.wait(_STEP_S):
            more = descriptors(self._fronts) - self._before
            self.most = max(self.most, more)
            if more > _SPARE:
                self._last_s = self.seconds()


def _probe(server: RunningServer, seconds: float) -> Probes:
    return asyncio.run(probe(server.host, server.port, seconds=seconds))


if __name__ == "__main__":
    sys.exit(main())
