"""The same instances in other groups: each alone, all at once, and shuffled."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SEED = 0


@dataclass(frozen=True)
class Plan:
    """Instances that may share a request, since their parameters are equal.

    `requests` are the numbers of the requests that they come from.
    """

    instances: tuple[Any, ...]
    parameters: dict[str, Any]
    requests: tuple[int, ...]

    @property
    def order(self) -> tuple[int, ...]:
        """Another order of the instances, the same each time."""
        order = list(range(len(self.instances)))
        random.Random(_SEED).shuffle(order)  # noqa: S311 - nothing to guess
        return tuple(order if order != sorted(order) else reversed(order))

    @property
    def bodies(self) -> list[bytes]:
        """The requests: each instance alone, then all, then all in the other order."""
        shuffled = [self.instances[position] for position in self.order]
        alone = [[instance] for instance in self.instances]
        return [self._body(values) for values in [*alone, list(self.instances), shuffled]]

    def _body(self, instances: list[Any]) -> bytes:
        return json.dumps({"instances": instances, **self.parameters}).encode()


def plans(requests: Sequence[tuple[int, bytes]], *, at_most: int) -> list[Plan]:
    """Group the instances of all requests by their parameters.

    Equal instances count once; of more than `at_most` in a group, some from
    every part of it are taken. A single instance is taken twice.
    """
    groups: dict[str, list[tuple[int, Any]]] = {}
    parameters: dict[str, dict[str, Any]] = {}
    for number, body in requests:
        document = json.loads(body)
        values = document.pop("instances", None)
        if isinstance(values, list):
            key = json.dumps(document, sort_keys=True)
            parameters[key] = document
            groups.setdefault(key, []).extend((number, value) for value in values)
    return [
        _plan(members, parameters[key], at_most=at_most)
        for key, members in groups.items()
        if members
    ]


def _plan(members: list[tuple[int, Any]], parameters: dict[str, Any], *, at_most: int) -> Plan:
    first: dict[str, tuple[int, Any]] = {}
    for number, value in members:
        first.setdefault(json.dumps(value), (number, value))
    distinct = list(first.values())
    step = max(len(distinct) / at_most, 1)
    chosen = [distinct[int(i * step)] for i in range(min(len(distinct), at_most))]
    if len(chosen) == 1:
        chosen *= 2
    numbers = dict.fromkeys(number for number, _ in chosen)
    return Plan(tuple(value for _, value in chosen), parameters, tuple(numbers))
