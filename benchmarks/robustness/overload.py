"""With far more requests than it can predict, a server works on at full capacity.

What it cannot take is refused at once, with a time to come back.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from claims import at_least, at_most, conclude, exactly, note, timed
from ledger import PATH
from probes import percentile
from raw_http import Connection, IncompleteAnswer, request
from running_server import RunningServer, serve_faults

_ANSWER_S = 60.0
_TICK_S = 0.01


@dataclass
class Answers:
    """Of one phase: statuses, milliseconds of the refusals, and those without Retry-After."""

    statuses: Counter[int] = field(default_factory=Counter)
    predicted_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    without_retry_after: int = 0
    unanswered: int = 0


def main() -> int:
    """Measure capacity, then offer a multiple of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=float, default=15.0, help="of capacity that are offered")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each phase")
    parser.add_argument("--predict-ms", type=float, default=10.0, help="that one predict takes")
    parser.add_argument("--max-pending", type=int, default=32)
    parser.add_argument("--no-latency", action="store_true", help="count only, for busy machines")
    arguments = parser.parse_args()
    body = json.dumps({"instances": [{"do": "sleep", "seconds": arguments.predict_ms / 1e3}]})
    data = request(PATH, body.encode())
    with serve_faults("--max-pending", str(arguments.max_pending)) as server:
        capacity = asyncio.run(_capacity(server, data, arguments.seconds))
        rate = arguments.times * capacity
        start = time.monotonic()
        answers = asyncio.run(_offer(server, data, rate, arguments.seconds))
        spent_s = time.monotonic() - start
        status, _ = server.predict("still there")
    goodput = answers.statuses[200] / max(spent_s, arguments.seconds)
    offered = sum(answers.statuses.values()) / max(spent_s, arguments.seconds)
    claims = [
        note("capacity", f"{capacity:.0f} requests/s"),
        note("offered rate asked for", f"{rate:.0f} requests/s"),
        exactly("statuses", sorted(answers.statuses), [200, 503]),
        exactly("without an answer", answers.unanswered, 0),
        exactly("refused without Retry-After", answers.without_retry_after, 0),
        note("p99 of those predicted", f"{percentile(answers.predicted_ms, 0.99):.0f} ms"),
        note("p99 of refusals", f"{percentile(answers.refused_ms, 0.99):.1f} ms"),
        exactly("a request after them", status, 200),
    ]
    claims += timed(
        [
            at_least("offered, of capacity", offered / capacity, 0.8 * arguments.times, "x"),
            at_least("goodput, of capacity", goodput / capacity, 0.9),
            at_most("the slowest refusal", max(answers.refused_ms, default=0.0), 50.0, "ms"),
        ],
        is_judged=not arguments.no_latency,
    )
    return conclude("overload", claims)


async def _capacity(server: RunningServer, data: bytes, seconds: float) -> float:
    """Predictions a second that a few clients get, who wait for their answers."""
    end = time.monotonic() + seconds
    done = 0

    async def client() -> None:
        nonlocal done
        connection = await Connection(server.host, server.port).open()
        while time.monotonic() < end:
            await connection.send(data)
            answer = await connection.answer()
            done += answer.status == 200
        connection.close()

    await asyncio.gather(*(client() for _ in range(8)))
    return done / seconds


async def _offer(server: RunningServer, data: bytes, rate: float, seconds: float) -> Answers:
    """Send at that rate whatever comes back, each request on a connection that is free."""
    answers = Answers()
    free: deque[Connection] = deque()
    tasks: set[asyncio.Task[None]] = set()

    async def one() -> None:
        start = time.monotonic()
        try:
            connection = (
                free.popleft() if free else await Connection(server.host, server.port).open()
            )
            await connection.send(data)
            answer = await asyncio.wait_for(connection.answer(), _ANSWER_S)
        except (OSError, IncompleteAnswer, asyncio.TimeoutError):
            answers.unanswered += 1
            return
        spent_ms = (time.monotonic() - start) * 1e3
        answers.statuses[answer.status] += 1
        (answers.predicted_ms if answer.status == 200 else answers.refused_ms).append(spent_ms)
        answers.without_retry_after += answer.status == 503 and "retry-after" not in answer.headers
        if answer.ends_connection:
            connection.close()
        else:
            free.append(connection)

    start, sent = time.monotonic(), 0
    while (elapsed := time.monotonic() - start) < seconds:
        while sent < rate * elapsed:
            task = asyncio.create_task(one())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            sent += 1
        await asyncio.sleep(_TICK_S)
    await asyncio.gather(*tasks)
    for connection in free:
        connection.close()
    return answers


if __name__ == "__main__":
    sys.exit(main())
