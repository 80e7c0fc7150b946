"""Hours of ordinary requests, some of them wrong, leave memory and descriptors as they were."""

from __future__ import annotations

import argparse
import sys
import time

from claims import at_most, conclude, exactly, note
from ledger import LedgerProcess
from memory import descriptors, resident_mb, slope_per_minute
from running_server import RunningServer, serve_faults

_EVERY_S = 1.0
_SETTLING = 0.25
"""The share of the time that is not judged: pools and caches fill."""


def main() -> int:
    """Run clients of both kinds, and fit a line to the memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--growth", type=float, default=0.5, help="percent a minute, at most")
    parser.add_argument("--connections", type=int, default=8, help="of each kind")
    arguments = parser.parse_args()
    resident: list[tuple[float, float]] = []
    by_process: list[list[float]] = []
    opened: list[int] = []
    with serve_faults("--workers", "2") as server:
        family = [server.pid, *server.family()]
        with (
            LedgerProcess(
                server.url, mode="keep-alive", connections=arguments.connections, seconds=0.002
            ) as kept,
            LedgerProcess(
                server.url, mode="close", connections=arguments.connections, seconds=0.002
            ) as closed,
        ):
            start = time.monotonic()
            while (elapsed := time.monotonic() - start) < arguments.minutes * 60:
                if elapsed > _SETTLING * arguments.minutes * 60:
                    by_process.append([resident_mb([pid]) for pid in family])
                    resident.append((elapsed, sum(by_process[-1])))
                    opened.append(descriptors(family))
                _some_errors(server)
                time.sleep(_EVERY_S)
            ledgers = {"keep-alive": kept.finish(), "close": closed.finish()}
        is_same = [server.pid, *server.family()] == family
    growth = 100 * slope_per_minute(resident)
    claims = [
        exactly(f"{mode}: lost, and not right", (one.lost, dict(one.wrong)), (0, {}))
        for mode, one in ledgers.items()
    ]
    claims += [
        at_most("memory, growth a minute", growth, arguments.growth, "%"),
        note("memory, first and last", f"{resident[0][1]:.1f} and {resident[-1][1]:.1f} MB"),
        at_most("descriptors at the end, more than at first", _mean_change(opened), 2.0),
        note("of each process", _changes(by_process)),
        note("descriptors, fewest and most", f"{min(opened)} and {max(opened)}"),
        exactly("the same processes as before", is_same, True),
        note("requests answered right", sum(one.right for one in ledgers.values())),
    ]
    return conclude(f"soak of {arguments.minutes:g} minutes", claims)


def _some_errors(server: RunningServer) -> None:
    for do in ("raise", "bad_input", "nan"):
        server.predict({"do": do})
    server.get("/metrics")
    server.post("/no/such/route", b"{}")


def _changes(by_process: list[list[float]]) -> str:
    pairs = zip(by_process[0], by_process[-1], strict=True)
    return ", ".join(f"{first:.1f} to {last:.1f}" for first, last in pairs)


def _mean_change(counts: list[int]) -> float:
    """How much the last quarter's mean is above the first quarter's."""
    quarter = max(1, len(counts) // 4)
    return sum(counts[-quarter:]) / quarter - sum(counts[:quarter]) / quarter


if __name__ == "__main__":
    sys.exit(main())
