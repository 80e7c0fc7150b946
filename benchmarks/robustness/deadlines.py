"""A predictor that hangs is given up at the deadline and replaced; others are answered."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

from claims import Claim, at_least, at_most, conclude, exactly, note, timed
from ledger import PATH, LedgerProcess
from raw_http import ask, request
from running_server import RunningServer, serve_faults

_SLACK_S = 1.0
_PATIENCE_S = 30.0
_STEP_S = 0.01


def main() -> int:
    """Hang workers under load, with one worker and with two."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--request-timeout", type=float, default=2.0)
    parser.add_argument("--hangs", type=int, default=3)
    parser.add_argument("--no-latency", action="store_true", help="count only, for busy machines")
    arguments = parser.parse_args()
    claims = [
        *_hung(arguments, 2, "sleep"),
        *_hung(arguments, 2, "hang"),
        *_hung(arguments, 1, "hang"),
    ]
    return conclude("deadlines", claims)


def _hung(arguments: argparse.Namespace, workers: int, do: str) -> list[Claim]:
    name = f"{workers} workers, {do}"
    timeout_s = arguments.request_timeout
    body = json.dumps({"instances": [{"do": do, "seconds": 3600}]}).encode()
    statuses, spent, dead = [], [], 0
    flags = ["--workers", str(workers), "--request-timeout", f"{timeout_s:g}"]
    with (
        serve_faults(*flags) as server,
        LedgerProcess(server.url, mode="keep-alive", connections=8, seconds=0.002) as clients,
    ):
        for _ in range(arguments.hangs):
            before = server.workers()
            start = time.monotonic()
            answer = asyncio.run(ask(server.host, server.port, request(PATH, body)))
            spent.append(time.monotonic() - start)
            statuses.append(answer.status)
            dead += _is_one_replaced(server, before)
        ledger = clients.finish()
    wrong = dict(ledger.wrong)
    if workers == 1:
        # Whoever waits behind the one that hangs may reach the deadline too.
        late = wrong.pop("504", 0)
        extra = [note(f"{name}: also reached the deadline behind it", late)]
    else:
        extra = []
    latest = at_most(f"{name}: the latest came after", max(spent), timeout_s + _SLACK_S, "s")
    return [
        exactly(f"{name}: statuses", statuses, [504] * arguments.hangs),
        at_least(f"{name}: the earliest came after", min(spent), timeout_s * 0.95, "s"),
        exactly(f"{name}: workers replaced", dead, arguments.hangs),
        exactly(f"{name}: other requests lost", ledger.lost, 0),
        exactly(f"{name}: other requests not right", wrong, {}),
        note(f"{name}: other requests right", ledger.right),
        *extra,
        *timed([latest], is_judged=not arguments.no_latency),
    ]


def _is_one_replaced(server: RunningServer, before: list[int]) -> bool:
    """Whether one of the workers ends, and as many as before are ready again."""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        workers = server.workers()
        new = set(workers) - set(before)
        if len(new) == 1 and len(workers) == len(before) == server.ready_workers():
            return True
        time.sleep(_STEP_S)
    return False


if __name__ == "__main__":
    sys.exit(main())
