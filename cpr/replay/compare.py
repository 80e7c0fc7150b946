"""Compares two JSON documents, value by value, under a tolerance.

Integers and floats compare by value, NaN equals NaN, ``true`` is no number.
Missing and extra keys and lists of different lengths are named as such.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cpr.replay.mismatch_table import badness
from cpr.replay.paths import Steps, format_path
from cpr.replay.results import Mismatch, MismatchKind
from cpr.replay.tolerance import Tolerance

# What Vertex AI adds to a routine's answer: compared only where both sides have it.
_ADDED_BY_VERTEX = frozenset(
    ["deployedModelId", "model", "modelDisplayName", "modelVersionId", "metadata"]
)

OnPair = Callable[[Steps, Any, Any, bool], None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two documents have in common, and what not.

    `values` counts the pairs of single values, `differing` those of them that
    are not equal. `mismatches` are beyond tolerance, with their paths.
    """

    values: int
    differing: int
    mismatches: list[tuple[Steps, Mismatch]]

    def worst_first(self) -> list[Mismatch]:
        """The mismatches: first those that are no matter of numbers, then by excess."""
        return sorted((found for _, found in self.mismatches), key=badness)


class Comparer:
    """Compares documents under one tolerance; `unused` are its patterns that met nothing."""

    def __init__(self, tolerance: Tolerance) -> None:
        self.tolerance = tolerance
        self._used: set[str] = set()

    @property
    def unused(self) -> list[str]:
        """The patterns that no place in any document matched."""
        patterns = [*(pattern for pattern, _ in self.tolerance.by_path), *self.tolerance.ignored]
        return [pattern.text for pattern in patterns if pattern.text not in self._used]

    def compare(self, expected: Any, actual: Any, *, on_pair: OnPair | None = None) -> Comparison:
        """Compare two documents.

        Args:
            expected: The reference, to which the relative tolerance refers.
            actual: The other.
            on_pair: Called with the path of each pair of single values, both,
                and whether they agree within tolerance.
        """
        values = differing = 0
        mismatches: list[tuple[Steps, Mismatch]] = []
        for path, left, right, kind in self._walk(expected, actual):
            found = self._judge(path, left, right) if kind is None else None
            if kind is None:
                values += 1
                differing += not is_same(left, right)
                if on_pair is not None:
                    on_pair(path, left, right, found is None)
            else:
                found = Mismatch(format_path(path), left, right, kind=kind)
            if found is not None:
                mismatches.append((path, found))
        return Comparison(values, differing, mismatches)

    def _walk(self, expected: Any, actual: Any) -> Iterator[_Pair]:
        """Every place that matters, in the document's order; deep documents need no stack."""
        pending: list[_Pair] = [((), expected, actual, None)]
        while pending:
            path, left, right, kind = pending.pop()
            if self.tolerance.ignored and (pattern := self.tolerance.ignores(path)):
                self._used.add(pattern.text)
                continue
            if kind is not None:
                yield path, left, right, kind
            elif isinstance(left, dict) and isinstance(right, dict):
                pending.extend(reversed(_members(path, left, right)))
            elif isinstance(left, list) and isinstance(right, list):
                if len(left) != len(right):
                    yield path, len(left), len(right), "length"
                pairs = zip(left, right, strict=False)
                items = [((*path, i), a, b, None) for i, (a, b) in enumerate(pairs)]
                pending.extend(reversed(items))
            else:
                yield path, left, right, None

    def _judge(self, path: Steps, expected: Any, actual: Any) -> Mismatch | None:
        pattern, allowance = self.tolerance.at(path)
        if pattern is not None:
            self._used.add(pattern.text)
        if _is_number(expected) and _is_number(actual):
            is_exact = allowance.is_default and type(expected) is type(actual) is int
            return _judge_numbers(path, expected, actual, is_exact, allowance.of)
        if is_same(expected, actual):
            return None
        kind: MismatchKind = "value" if type(expected) is type(actual) else "type"
        return Mismatch(format_path(path), expected, actual, kind=kind)


_Pair = tuple[Steps, Any, Any, MismatchKind | None]


def is_same(expected: Any, actual: Any) -> bool:
    """Whether two single values are the same: numbers by value, NaN as NaN."""
    if _is_number(expected) and _is_number(actual):
        return bool(expected == actual or (expected != expected and actual != actual))
    return type(expected) is type(actual) and bool(expected == actual)


def _members(path: Steps, left: dict[str, Any], right: dict[str, Any]) -> list[_Pair]:
    skipped = _ADDED_BY_VERTEX if not path and "predictions" in left else frozenset()
    found: list[_Pair] = []
    for key, value in left.items():
        if key in right:
            found.append(((*path, key), value, right[key], None))
        elif key not in skipped:
            found.append(((*path, key), value, None, "missing"))
    extra = (key for key in right if key not in left and key not in skipped)
    found.extend(((*path, key), None, right[key], "extra") for key in extra)
    return found


def _judge_numbers(
    path: Steps,
    expected: float,
    actual: float,
    is_exact: bool,
    allowed_at: Callable[[float], float],
) -> Mismatch | None:
    if is_same(expected, actual):
        return None
    try:
        difference, allowed = float(abs(actual - expected)), allowed_at(expected)
    except OverflowError:  # integers beyond a float's range
        return Mismatch(format_path(path), expected, actual)
    if not is_exact and math.isfinite(expected) and difference <= allowed:
        return None
    if math.isnan(difference):
        return Mismatch(format_path(path), expected, actual)
    relative = difference / abs(expected) if expected else None
    excess = difference / allowed if allowed and not is_exact else math.inf
    if relative is not None and math.isnan(relative):
        relative = None
    if math.isnan(excess):
        excess = math.inf
    return Mismatch(format_path(path), expected, actual, difference, relative, excess=excess)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
