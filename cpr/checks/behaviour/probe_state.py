"""Sees what stays on a predictor, its class and its modules from request to request."""

from __future__ import annotations

import inspect
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

_BUDGET = 20_000
_DEPTH = 4
_SIMPLE = (str, bytes, int, float, bool, type(None))
_NOT_STATE = (ModuleType, type, staticmethod, classmethod, property)
_MISSING = object()


class StateWatch:
    """Compares the attributes of a predictor, its classes and the user's modules.

    Values are held while they are compared, so that a new object never has
    the address of the old one.
    """

    def __init__(self, predictor: Any, roots: Sequence[Path]) -> None:
        self._predictor = predictor
        self._roots = tuple(f"{root}/" for root in roots)
        self._changed: dict[str, None] = {}
        self._sizes: list[dict[str, int]] = []

    def snapshot(self) -> dict[str, tuple[Any, Any]]:
        """Every attribute by name, with its value and what tells that it was altered."""
        return {name: (value, _fingerprint(value)) for name, value in self._attributes()}

    def note_changes(self, before: dict[str, tuple[Any, Any]]) -> None:
        """Remember which attributes are not what they were."""
        after = self.snapshot()
        for name, (value, mark) in after.items():
            old, old_mark = before.get(name, (_MISSING, None))
            if old is not value or old_mark != mark:
                self._changed[name] = None

    def measure(self) -> None:
        """Remember how many items every container holds now."""
        self._sizes.append({name: _size(value) for name, value in self._attributes()})

    def changed(self) -> list[str]:
        """The attributes that were not what they had been."""
        return list(self._changed)

    def grown(self) -> dict[str, list[int]]:
        """The containers that were larger at each measurement than at the one before."""
        names = self._sizes[-1] if self._sizes else {}
        series = {name: [sizes.get(name, 0) for sizes in self._sizes] for name in names}
        return {
            name: sizes for name, sizes in series.items() if all(a < b for a, b in pairwise(sizes))
        }

    def _attributes(self) -> Iterator[tuple[str, Any]]:
        predictor = self._predictor
        for name, value in list(getattr(predictor, "__dict__", {}).items()):
            yield f"self.{name}", value
        for kind in type(predictor).__mro__:
            if self._is_users(sys.modules.get(kind.__module__)):
                yield from _state(kind.__qualname__, vars(kind))
        for name, module in list(sys.modules.items()):
            if self._is_users(module):
                yield from _state(name, vars(module))

    def _is_users(self, module: ModuleType | None) -> bool:
        file = getattr(module, "__file__", None)
        return isinstance(file, str) and file.startswith(self._roots)


def _state(owner: str, values: Any) -> Iterator[tuple[str, Any]]:
    """The attributes of a class or module that can hold state."""
    for name, value in list(values.items()):
        if name.startswith("__") or isinstance(value, _NOT_STATE) or inspect.isroutine(value):
            continue
        yield f"{owner}.{name}", value


def _fingerprint(value: Any) -> Any:
    """What changes when a built-in container is altered in place."""
    if isinstance(value, dict):
        return len(value), _shallow(value.values())
    if isinstance(value, (list, tuple, deque)):
        return len(value), _shallow(value)
    return len(value) if isinstance(value, (set, bytearray)) else None


def _shallow(values: Any) -> Any:
    """The simple values among the first hundred, and which objects the others are."""
    listed = [value for value, _ in zip(list(values), range(100), strict=False)]
    return [value if isinstance(value, _SIMPLE) else id(value) for value in listed]


def _size(value: Any) -> int:
    """How many items, characters and bytes a value holds, as far as is quickly counted."""
    total, pending = 0, [(value, 0)]
    seen: set[int] = set()
    while pending and len(seen) < _BUDGET:
        item, depth = pending.pop()
        if id(item) in seen or isinstance(item, _NOT_STATE) or inspect.isroutine(item):
            continue
        seen.add(id(item))
        if isinstance(item, (str, bytes, bytearray)):
            total += len(item) if depth else 0
        elif isinstance(item, dict):
            total += len(item)
            pending += [(inner, depth + 1) for inner in list(item.values())] * (depth < _DEPTH)
        elif isinstance(item, (list, tuple, set, frozenset, deque)):
            total += len(item)
            pending += [(inner, depth + 1) for inner in list(item)] * (depth < _DEPTH)
        elif type(getattr(item, "nbytes", None)) is int:
            total += item.nbytes
        elif isinstance(getattr(item, "__dict__", None), dict) and depth < _DEPTH:
            pending += [(inner, depth + 1) for inner in list(item.__dict__.values())]
    return total
