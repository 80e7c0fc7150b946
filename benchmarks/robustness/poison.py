"""Requests that kill their process fail alone: their neighbours are all answered."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter

from claims import conclude, exactly, note
from ledger import PATH
from raw_http import Connection, IncompleteAnswer, request
from running_server import RunningServer, serve_faults

_DEADLY = ("exit", "segv", "abort", "kill")
_ANSWER_S = 300.0


def main() -> int:
    """Send poison among good requests and count the answers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--poison", type=int, default=10)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    good = arguments.requests - arguments.poison
    with serve_faults(
        "--workers", str(arguments.workers), "--request-timeout", f"{_ANSWER_S:g}"
    ) as server:
        start = time.monotonic()
        counts = asyncio.run(_count(server, _instances(arguments), arguments.connections))
        spent_s = time.monotonic() - start
        status, _ = server.predict("still there")
    return conclude(
        "poison",
        [
            exactly(
                "poisoned requests, by outcome", dict(counts["poison"]), {500: arguments.poison}
            ),
            exactly("good requests, by outcome", dict(counts["good"]), {200: good}),
            exactly("a request after them", status, 200),
            note("seconds", f"{spent_s:.1f}"),
        ],
    )


def _instances(arguments: argparse.Namespace) -> list[dict[str, str]]:
    chance = random.Random(1)
    poisoned = set(chance.sample(range(arguments.requests), arguments.poison))
    return [
        {"do": chance.choice(_DEADLY) if number in poisoned else "", "id": f"p{number}"}
        for number in range(arguments.requests)
    ]


async def _count(
    server: RunningServer, instances: list[dict[str, str]], connections: int
) -> dict[str, Counter[int | str]]:
    waiting = iter(instances)
    counts: dict[str, Counter[int | str]] = {"good": Counter(), "poison": Counter()}

    async def client() -> None:
        connection = await Connection(server.host, server.port).open()
        for instance in waiting:
            outcome: int | str = "lost"
            try:
                await connection.send(request(PATH, json.dumps({"instances": [instance]}).encode()))
                answer = await asyncio.wait_for(connection.answer(), _ANSWER_S)
                outcome = answer.status
                if outcome == 200 and json.loads(answer.body) != {"predictions": [instance]}:
                    outcome = "another's answer"
                is_ended = answer.ends_connection
            except (OSError, IncompleteAnswer, asyncio.TimeoutError):
                is_ended = True
            counts["poison" if instance["do"] else "good"][outcome] += 1
            if is_ended:
                connection.close()
                connection = await Connection(server.host, server.port).open()
        connection.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return counts


if __name__ == "__main__":
    sys.exit(main())
