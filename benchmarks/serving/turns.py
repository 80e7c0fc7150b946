"""One turn: a server under load from wrk, and what that cost the server."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installing import HERE
from items import VARIANTS, Item, agrees, instances, request
from processes import Running, machine_spent_s, spent_s


@dataclass(frozen=True)
class Turn:
    """The figures of one turn; `errors` counts answers but 200, and connections that failed."""

    server: str
    item: str
    connections: int
    round: int
    rps: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    errors: int
    cpu_us: float
    foreign_cores: float
    rss_mb: float
    pss_mb: float


def body(running: Running, item: Item, variant: int = 0) -> bytes:
    """What is posted to this server."""
    document = request(running.server.protocol, item, instances(item, variant))
    return json.dumps(document).encode()


def fault(running: Running, item: Item, expected: list[list[Any]]) -> str:
    """What is wrong with the server's answers, one after another and at once; "" if nothing."""

    def ask(variant: int) -> str:
        status, content = running.post(body(running, item, variant))
        if status != 200:
            return f"status {status}: {content[:200]!r}"
        document = json.loads(content)
        is_right = agrees(running.server.protocol, document, expected[variant])
        return "" if is_right else f"wrong predictions: {content[:200]!r}"

    try:
        with ThreadPoolExecutor(8) as pool:
            several = [variant % VARIANTS for variant in range(4 * VARIANTS)]
            found = [*map(ask, range(VARIANTS)), *pool.map(ask, several)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"no answer that can be read: {error!r}"
    return next(filter(None, found), "")


def take(running: Running, item: Item, connections: int, number: int, seconds: float) -> Turn:
    """Warm up for a second, then measure.

    Raises:
        RuntimeError: wrk did not end as it should.
    """
    file = running.output.with_name(f"{running.server.protocol}-{item.name}.json")
    file.write_bytes(body(running, item))
    _wrk(running, file, connections, 1)
    pids = running.pids()
    before = machine_spent_s(), spent_s(pids), sum(os.times()[:4])
    figures = _wrk(running, file, connections, seconds)
    after = machine_spent_s(), spent_s(pids), sum(os.times()[:4])
    machine, server, own = (b - a for a, b in zip(before, after, strict=True))
    lasted_s = figures["duration_us"] / 1e6
    memory = running.memory()
    return Turn(
        server=running.server.name,
        item=item.name,
        connections=connections,
        round=number,
        rps=round((figures["requests"] - figures["refused"]) / lasted_s, 1),
        p50_ms=figures["p50_us"] / 1e3,
        p90_ms=figures["p90_us"] / 1e3,
        p99_ms=figures["p99_us"] / 1e3,
        errors=figures["refused"] + figures["failed"],
        cpu_us=round(server * 1e6 / max(figures["requests"], 1), 1),
        foreign_cores=round(max(0.0, machine - server - own) / lasted_s, 2),
        rss_mb=memory.rss_mb,
        pss_mb=memory.pss_mb,
    )


def _wrk(running: Running, file: Path, connections: int, seconds: float) -> dict[str, int]:
    url = f"http://127.0.0.1:{running.port}{running.server.path}"
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--timeout", "15s"]
    command += ["--duration", f"{seconds:g}s", "--script", str(HERE / "post.lua"), url]
    done = subprocess.run([*command, "--", str(file)], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        if line.startswith("FIGURES "):
            return json.loads(line.removeprefix("FIGURES "))
    raise RuntimeError(f"wrk: {done.stdout[-200:]}{done.stderr[-200:]}")
