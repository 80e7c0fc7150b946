"""The table of differences, worst first, that a replay's report and a diff's share."""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cpr.replay.results import Mismatch, RequestDiff, RequestResult, to_plain
from cpr.reports.columns import names, numbers, places
from cpr.reports.figures import count
from cpr.reports.html import Markup, visible
from cpr.reports.parts import Heading, data_table, section

# More than these make a page slow and nobody reads them.
MOST = 5000
_LONGEST = 400
_KINDS = {
    "value": "other value",
    "type": "other type",
    "missing": "missing",
    "extra": "extra",
    "length": "other length",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One mismatch, and the request that it belongs to, by index and by place."""

    request: int
    place: str
    mismatch: Mismatch


def worst(requests: Iterable[RequestResult | RequestDiff]) -> list[Difference]:
    """The `MOST` worst differences: furthest beyond tolerance, then largest, come first."""

    def badness(item: Difference) -> tuple[float, float]:
        size = item.mismatch.abs_diff
        # A value that is no number, or NaN, is worse than one that is off.
        return -item.mismatch.excess, -size if size is not None and size == size else -math.inf

    found = (
        Difference(index, item.place, mismatch)
        for index, item in enumerate(requests)
        for mismatch in item.mismatches
    )
    return heapq.nsmallest(MOST, found, key=badness)


def differences_section(
    shown: Sequence[Difference], total: int, *, sides: tuple[str, str], tolerance: str
) -> Markup:
    """The section of the page; `sides` are what the two values are called."""
    note = f"Worst first{f'; tolerance: {tolerance}' if tolerance else ''}."
    if total > len(shown):
        note += f" Of {count(total, 'difference')}, the table holds {len(shown):,} of the worst."
    headings = [
        Heading("path", "Path", "place"),
        Heading("expected", sides[0], "value"),
        Heading("actual", sides[1], "value"),
        Heading("abs", "Absolute", "number"),
        Heading("rel", "Relative", "number"),
        Heading("kind", "What", "text"),
        Heading("place", "Request", "place"),
    ]
    return section(
        "differences", "Differences", data_table("differences", "difference", headings), note=note
    )


def differences_data(shown: Sequence[Difference]) -> dict[str, Any]:
    """What the script fills the table with."""
    mismatches = [item.mismatch for item in shown]
    return {
        "rows": len(shown),
        "search": ["place", "path", "expected", "actual", "kind"],
        "columns": {
            "request": numbers([item.request for item in shown], digits=12),
            "place": places([visible(item.place) for item in shown]),
            "path": names([visible(item.path) for item in mismatches]),
            "expected": names([_side(item, item.expected, "extra") for item in mismatches]),
            "actual": names([_side(item, item.actual, "missing") for item in mismatches]),
            "abs": numbers([item.abs_diff for item in mismatches]),
            "rel": numbers([item.rel_diff for item in mismatches]),
            "kind": names([_KINDS[item.kind] for item in mismatches]),
        },
    }


def _side(mismatch: Mismatch, value: Any, absent: str) -> str:
    if mismatch.kind == absent:
        return "nothing"
    if mismatch.kind == "length":
        return count(int(value), "item")
    return value_text(value)


def value_text(value: Any) -> str:
    """A value of a response as JSON, cut where it is long."""
    text = visible(json.dumps(to_plain(value), ensure_ascii=False, default=str))
    if len(text) <= _LONGEST:
        return text
    tail = _LONGEST // 4
    return f"{text[: _LONGEST - tail]} … {text[-tail:]}"
