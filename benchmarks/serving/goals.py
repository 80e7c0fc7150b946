"""What the server is to reach, and whether it did."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from servers import SERVERS

Measure = Literal["rps", "p50_ms", "p99_ms"]
NAMES = {"rps": "requests/s", "p50_ms": "p50", "p99_ms": "p99"}
Cell = tuple[str, int]


@dataclass(frozen=True)
class Goal:
    """Ours is to be `times` as good as the best peer in one cell."""

    item: str
    connections: int
    measure: Measure
    times: float
    server: str = "ours"


@dataclass(frozen=True)
class Outcome:
    """A goal beside what was measured; `ratio` above 1 means that ours is better."""

    goal: Goal
    ours: float
    best: float
    best_server: str

    @property
    def ratio(self) -> float:
        """How many times better ours is: more requests, or less time."""
        return self.ours / self.best if self.goal.measure == "rps" else self.best / self.ours

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached."""
        return self.ratio >= self.goal.times


GOALS = (
    *(
        goal
        for item in ("sklearn-1", "savedmodel-1")
        for goal in (
            Goal(item, 64, "rps", 8),
            Goal(item, 64, "p99_ms", 1),
            Goal(item, 8, "rps", 3),
            Goal(item, 1, "p50_ms", 1),
        )
    ),
    Goal("sklearn-256", 8, "rps", 2),
    Goal("savedmodel-64", 8, "rps", 2),
    Goal("one-hot-8", 8, "rps", 2),
    Goal("echo-1mb", 8, "rps", 1.5),
    Goal("picture-1mb", 8, "rps", 1.5),
    *(
        Goal(item, connections, "rps", times, "ours-compiled")
        for item in ("sklearn-1", "savedmodel-1")
        for connections, times in ((1, 3), (64, 12))
    ),
)


class Medians:
    """The turns of a run, as the median of the rounds for each server and cell."""

    def __init__(self, turns: Iterable[Mapping[str, Any]]) -> None:
        self._turns: dict[tuple[str, Cell], list[Mapping[str, Any]]] = {}
        for turn in turns:
            cell = (turn["item"], turn["connections"])
            self._turns.setdefault((turn["server"], cell), []).append(turn)

    def of(self, server: str, cell: Cell, measure: str) -> float | None:
        """The median, or None where the server was not measured."""
        turns = self._turns.get((server, cell))
        return statistics.median(turn[measure] for turn in turns) if turns else None

    def rounds(self, server: str, cell: Cell) -> int:
        """How many rounds the server had."""
        return len(self._turns.get((server, cell), []))

    def errors(self, server: str) -> int:
        """How many requests of the server went wrong, over all cells."""
        return sum(
            turn["errors"]
            for (name, _), turns in self._turns.items()
            if name == server
            for turn in turns
        )

    def cells(self) -> list[Cell]:
        """Every cell that was measured, in the order of measuring."""
        return list(dict.fromkeys(cell for _, cell in self._turns))

    def servers(self) -> list[str]:
        """Every server that was measured, in the order of the table of servers."""
        seen = {server for server, _ in self._turns}
        return [name for name in SERVERS if name in seen]

    def best_peer(self, cell: Cell, measure: Measure) -> tuple[str, float] | None:
        """The best peer in a cell, by this measure."""
        peers = [name for name in self.servers() if SERVERS[name].kind == "peer"]
        found = [(name, value) for name in peers if (value := self.of(name, cell, measure))]
        pick = max if measure == "rps" else min
        return pick(found, key=lambda pair: pair[1]) if found else None


def outcomes(medians: Medians) -> list[Outcome]:
    """Every goal that the run says something about."""
    found = []
    for goal in GOALS:
        cell = (goal.item, goal.connections)
        ours, best = (
            medians.of(goal.server, cell, goal.measure),
            medians.best_peer(cell, goal.measure),
        )
        if ours and best:
            found.append(Outcome(goal, ours, best[1], best[0]))
    return found
