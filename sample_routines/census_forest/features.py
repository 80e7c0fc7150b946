"""How a person becomes a row of numbers; training and prediction share it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

NUMBERS = ("age", "hours_per_week")
CATEGORIES = ("education", "occupation")


class OneHot:
    """Numbers as they are, each category as one column for each value seen in training.

    A value that was never seen gets no column of its own: all of its
    category's columns are 0.
    """

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self.values = {name: list(values[name]) for name in CATEGORIES}
        self._places = {
            (name, value): place
            for place, (name, value) in enumerate(
                ((n, v) for n in CATEGORIES for v in self.values[n]), len(NUMBERS)
            )
        }
        self.width = len(NUMBERS) + len(self._places)

    @classmethod
    def fit(cls, people: Iterable[Mapping[str, Any]]) -> OneHot:
        seen: dict[str, set[str]] = {name: set() for name in CATEGORIES}
        for person in people:
            for name in CATEGORIES:
                seen[name].add(person[name])
        return cls({name: sorted(values) for name, values in seen.items()})

    @classmethod
    def read(cls, path: Path) -> OneHot:
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self.values, indent=2) + "\n", encoding="utf-8")

    def row(self, person: Mapping[str, Any]) -> list[float]:
        numbers = [0.0] * self.width
        for place, name in enumerate(NUMBERS):
            numbers[place] = float(person[name])
        for name in CATEGORIES:
            column = self._places.get((name, person[name]))
            if column is not None:
                numbers[column] = 1.0
        return numbers
