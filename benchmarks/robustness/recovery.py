"""Whoever is killed, the others go on: a worker, a front, the supervisor."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import signal
import sys
import time
from collections.abc import Callable

from claims import Claim, at_most, conclude, exactly, note, timed
from ledger import PATH, LedgerProcess
from raw_http import IncompleteAnswer, ask, request
from running_server import (
    RunningServer,
    is_alive,
    is_free,
    send_signal,
    serve_faults,
    wait_until_gone,
)

_STEP_S = 0.005
_PATIENCE_S = 30.0


def main() -> int:
    """Kill each kind of process and see what follows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="kills of each kind")
    parser.add_argument("--no-latency", action="store_true", help="count only, for busy machines")
    arguments = parser.parse_args()
    claims: list[Claim] = []
    for _ in range(arguments.rounds):
        for part in (_worker(1, 1.5), _worker(2, 0.2), _readiness(), _front(), _supervisor()):
            counted, times = part
            claims += counted + timed(times, is_judged=not arguments.no_latency)
    return conclude("recovery", claims)


def _worker(workers: int, bound_s: float) -> tuple[list[Claim], list[Claim]]:
    """The gap after one worker of some is killed."""
    with serve_faults("--workers", str(workers)) as server:
        _, answer = server.predict({"do": "pid"})
        (victim,) = answer["predictions"]
        send_signal(victim, signal.SIGKILL)
        gap_s = _until(lambda: server.predict("hello")[0] == 200)
    name = f"a worker of {workers} killed: answered again"
    is_back = exactly(name, math.isfinite(gap_s), True)
    return [is_back], [at_most(f"{name} after", gap_s, bound_s, "s")]


def _readiness() -> tuple[list[Claim], list[Claim]]:
    """A server whose only worker is stuck being replaced says that it is not ready."""
    with serve_faults("--workers", "1") as server:
        seen: list[int] = []
        stop_at = time.monotonic() + _PATIENCE_S
        send_signal(server.workers()[0], signal.SIGKILL)
        while time.monotonic() < stop_at:
            status, _ = server.get("/readyz")
            if not seen or seen[-1] != status:
                seen.append(status)
            if status == 200 and 503 in seen:
                break
        live, _ = server.get("/healthz")
    return [
        exactly("the only worker killed: /readyz says in turn", seen[-2:], [503, 200]),
        exactly("/healthz meanwhile", live, 200),
    ], []


def _front() -> tuple[list[Claim], list[Claim]]:
    """With two fronts, killing one leaves the other serving, and it is replaced."""
    with (
        serve_faults("--fronts", "2", "--workers", "1") as server,
        LedgerProcess(server.url, mode="keep-alive", connections=16, seconds=0.002) as clients,
    ):
        fronts = server.fronts()
        _until(lambda: clients.done > 200)
        send_signal(fronts[0], signal.SIGKILL)
        gap_s = asyncio.run(_gap(server))
        back_s = _until(lambda: len(server.fronts()) == 2 and not is_alive(fronts[0]))
        done = clients.done
        _until(lambda: clients.done > done + 200)
        ledger = clients.finish()
    return [
        exactly("fronts", len(fronts), 2),
        at_most("a front of two killed: requests lost of 16 in flight", ledger.lost, 16),
        exactly("the others' answers", dict(ledger.wrong), {}),
        exactly("the front is replaced", math.isfinite(back_s), True),
        note("requests answered right", ledger.right),
    ], [
        at_most("the other front answers after", gap_s, 0.2, "s"),
        at_most("the front is replaced after", back_s, 1.5, "s"),
    ]


def _supervisor() -> tuple[list[Claim], list[Claim]]:
    """Killing the supervisor ends everything and frees the port."""
    with serve_faults("--fronts", "2", "--workers", "2") as server:
        family = server.family()
        server.kill()
        gone_s = wait_until_gone(family)
        free_s = gone_s + _until(lambda: is_free(server.port))
    return [
        exactly("processes below the supervisor", len(family) >= 4, True),
        exactly("the supervisor killed: the port is free", math.isfinite(free_s), True),
    ], [
        at_most("the supervisor killed: no process left after", gone_s, 1.0, "s"),
        at_most("the port is free after", free_s, 1.0, "s"),
    ]


async def _gap(server: RunningServer) -> float:
    body = json.dumps({"instances": ["hello"]}).encode()
    start = time.monotonic()
    while time.monotonic() - start < _PATIENCE_S:
        try:
            answer = await ask(server.host, server.port, request(PATH, body))
        except (OSError, IncompleteAnswer):
            continue
        if answer.status == 200:
            break
    return time.monotonic() - start


def _until(is_so: Callable[[], bool]) -> float:
    start = time.monotonic()
    while not is_so():
        if time.monotonic() - start > _PATIENCE_S:
            return float("inf")
        time.sleep(_STEP_S)
    return time.monotonic() - start


if __name__ == "__main__":
    sys.exit(main())
