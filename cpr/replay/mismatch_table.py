"""Lays the worst mismatches out as tables, one for each request."""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cpr.replay.results import Mismatch, to_plain

_CELL = 40


@dataclass(frozen=True)
class ByRequest:
    """The mismatches of one request, the worst first, of `count` in all."""

    place: str
    mismatches: Sequence[Mismatch]
    count: int


def mismatch_lines(
    requests: Sequence[ByRequest], *, show: int, names: tuple[str, str]
) -> Iterator[str]:
    """The worst mismatches of all, by request, and a count of the rest.

    Args:
        requests: Those that have mismatches.
        show: How many mismatches to show at most.
        names: What to call the two values.
    """
    every = ((found, at) for at, item in enumerate(requests) for found in item.mismatches)
    worst = heapq.nsmallest(show, every, key=lambda pair: badness(pair[0]))
    for at in dict.fromkeys(at for _, at in worst):
        yield from ("", requests[at].place)
        shown = [found for found, owner in worst if owner == at]
        rows = [("path", *names, "abs", "rel"), *(_row(found) for found in shown)]
        yield from table(rows)
    rest = sum(item.count for item in requests) - len(worst)
    others = len(requests) - len({at for _, at in worst})
    if rest:
        where = f", also in {others} other requests" if others else ""
        yield from ("", f"and {rest} more{where}; --show N shows more, --format json all")


def badness(found: Mismatch) -> tuple[bool, float, float, float]:
    """A key that sorts the worst first: what is no matter of numbers, then by excess."""
    relative = math.inf if found.rel_diff is None else found.rel_diff
    return (found.abs_diff is not None, -found.excess, -relative, -(found.abs_diff or 0.0))


def show_value(value: Any) -> str:
    """A JSON value, cut to fit a cell."""
    text = json.dumps(to_plain(value), ensure_ascii=False)
    if isinstance(value, float) and not math.isfinite(value):
        text = text.strip('"')
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


def table(rows: Sequence[Sequence[str]], *, indent: str = "    ") -> Iterator[str]:
    """Rows of equal length as lines, each column as wide as it must be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"{indent}{'  '.join(cells)}".rstrip()


def _row(found: Mismatch) -> tuple[str, ...]:
    left, right = show_value(found.expected), show_value(found.actual)
    if found.kind == "length":
        left, right = f"length {left}", f"length {right}"
    if found.kind == "missing":
        right = "(missing)"
    if found.kind == "extra":
        left = "(missing)"
    return found.path, left, right, _number(found.abs_diff), _number(found.rel_diff)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
