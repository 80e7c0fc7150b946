"""Thousands of idle connections cost little and keep nobody from being answered."""

from __future__ import annotations

import argparse
import asyncio
import sys

from claims import at_most, conclude, exactly, note, timed
from crowd import Crowd
from memory import resident_mb
from probes import Probes, probe
from running_server import RunningServer, serve_faults


def main() -> int:
    """Hold the connections, and probe beside them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=8_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--megabytes", type=float, default=100.0, help="that they may cost")
    parser.add_argument("--no-latency", action="store_true", help="count only, for busy machines")
    arguments = parser.parse_args()
    with serve_faults() as server:
        before = _probe(server, arguments.seconds)
        resident = resident_mb(server.family())
        with Crowd(server.url, "idle", arguments.connections) as crowd:
            during = _probe(server, arguments.seconds)
            more = resident_mb(server.family()) - resident
            claims = [
                exactly("connections made", crowd.held, arguments.connections),
                exactly("held to the end", crowd.open, arguments.connections),
                at_most("memory that they cost", more, arguments.megabytes, "MB"),
                exactly("probes that failed", before.failed + during.failed, 0),
                note("p99 without them", f"{before.percentile(0.99):.2f} ms"),
            ]
    p99 = at_most("p99 with them", during.percentile(0.99), 2 * before.percentile(0.99), "ms")
    claims += timed([p99], is_judged=not arguments.no_latency)
    return conclude("idle connections", claims)


def _probe(server: RunningServer, seconds: float) -> Probes:
    return asyncio.run(probe(server.host, server.port, seconds=seconds))


if __name__ == "__main__":
    sys.exit(main())
