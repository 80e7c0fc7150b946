"""The measurement: turns of all servers, A B C … A B C, in an order that moves on each round."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from installing import HERE, is_installed
from items import ITEMS, VARIANTS, Item, instances
from processes import Running, machine_spent_s
from servers import SERVERS, VARIABLES, Server
from turns import Turn, body, fault, take

# A turn is taken again when others used more of the machine than this, in cores.
DISTURBED_CORES = 0.25
# From the second round on, only peers that reached this share of the best one in the first.
CONTENDER = 0.5
_LOOK_S = 0.5


@dataclass(frozen=True)
class Plan:
    """What is measured, and for how long.

    Attributes:
        repeats: How often a turn that others disturbed is taken again.
        patience_s: How long to wait for a quiet machine, in all.
    """

    items: tuple[Item, ...]
    rounds: int
    seconds: float
    repeats: int = 2
    patience_s: float = 0.0


@dataclass
class Results:
    """All that was seen: turns, starts (seconds and memory), and servers that were not timed."""

    turns: list[Turn] = field(default_factory=list)
    starts: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The results as JSON values."""
        return asdict(self)


class Measurement:
    """One run of the benchmark; `tell` gets a line for everything that happens."""

    def __init__(self, plan: Plan, folder: Path, tell: Callable[[str], None]) -> None:
        self._plan, self._folder, self._tell = plan, folder, tell
        self._expected = _expected(plan.items, folder)
        self._patience_s = plan.patience_s
        self.results = Results()

    def run(self, servers: Iterable[Server]) -> None:
        """Measure every kind of work in turn."""
        servers = [s for s in servers if is_installed(self._folder, s.environment)]
        for work in dict.fromkeys(item.work for item in self._plan.items):
            self._tell(f"== {work}")
            with ExitStack() as stack:
                able = [server for server in servers if work in server.works]
                stay = [self._start(s, work, stack) for s in able if s.idle != "ended"]
                running = [one for one in stay if one]
                ended = [server for server in able if server.idle == "ended"]
                for number in range(1, self._plan.rounds + 1):
                    self._round(running, work, number)
                    for server in ended:
                        self._visit(server, work, number)

    def _visit(self, server: Server, work: str, number: int) -> None:
        """Start a server that cannot stay, for one round."""
        if number > 1 and not any(
            self._is_contender(server, item, connections) for item, connections in self._cells(work)
        ):
            return
        with ExitStack() as stack:
            if one := self._start(server, work, stack):
                self._round([one], work, number)

    def _start(self, server: Server, work: str, stack: ExitStack) -> Running | None:
        running = Running(server, work, self._folder)
        stack.callback(running.stop)
        items = [item for item in self._plan.items if item.work == work]
        try:
            seconds = running.start(body(running, items[0]))
        except RuntimeError as error:
            self._refuse(server, work, str(error))
            return None
        for item in items:
            if problem := fault(running, item, self._expected[item.name]):
                self._refuse(server, work, problem)
                return None
        memory = asdict(running.memory())
        start = {"server": server.name, "work": work, "seconds": round(seconds, 2), **memory}
        self.results.starts.append(start)
        running.pause()
        return running

    def _refuse(self, server: Server, work: str, why: str) -> None:
        self.results.refused.append({"server": server.name, "work": work, "why": why})
        self._tell(f"   {server.name:<15} not timed: {why}")

    def _round(self, running: list[Running], work: str, number: int) -> None:
        first = (number - 1) * len(running) // self._plan.rounds
        for item, connections in self._cells(work):
            for one in running[first:] + running[:first]:
                if number == 1 or self._is_contender(one.server, item, connections):
                    self._turn(one, item, connections, number)

    def _turn(self, running: Running, item: Item, connections: int, number: int) -> None:
        running.resume()
        turns = []
        while len(turns) <= self._plan.repeats:
            self._await_quiet()
            turns.append(take(running, item, connections, number, self._plan.seconds))
            if turns[-1].foreign_cores <= DISTURBED_CORES:
                break
        running.pause()
        best = min(turns, key=lambda turn: turn.foreign_cores)
        self.results.turns.append(best)
        self._tell(
            f"   {number} {item.name:<13} {connections:>2} {best.server:<15} {best.rps:>9.1f}/s"
            f"  p50 {best.p50_ms:.3f}  p99 {best.p99_ms:.3f} ms  errors {best.errors}"
            f"  cpu {best.cpu_us:.0f} µs  foreign {best.foreign_cores}"
        )

    def _await_quiet(self) -> None:
        while self._patience_s > 0:
            before = machine_spent_s()
            time.sleep(_LOOK_S)
            self._patience_s -= _LOOK_S
            if (machine_spent_s() - before) / _LOOK_S <= DISTURBED_CORES:
                return

    def _cells(self, work: str) -> list[tuple[Item, int]]:
        items = [item for item in self._plan.items if item.work == work]
        return [(item, connections) for item in items for connections in item.connections]

    def _is_contender(self, server: Server, item: Item, connections: int) -> bool:
        if server.kind != "peer":
            return True
        cell = [
            turn
            for turn in self.results.turns
            if (turn.item, turn.connections, turn.round) == (item.name, connections, 1)
        ]
        own = [turn.rps for turn in cell if turn.server == server.name]
        peers = [turn.rps for turn in cell if SERVERS[turn.server].kind == "peer"]
        return bool(own) and own[0] >= CONTENDER * max(peers, default=0)


def _expected(items: tuple[Item, ...], folder: Path) -> dict[str, list[list[Any]]]:
    bodies = {
        name: (item.work, [instances(item, variant) for variant in range(VARIANTS)])
        for name, item in ITEMS.items()
        if item in items
    }
    done = subprocess.run(
        [folder / "ours/bin/python", HERE / "expected.py", folder / "models"],
        input=json.dumps(bodies),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, **VARIABLES},
    )
    return json.loads(done.stdout)
