"""Tables as JSON columns: 100,000 requests in about two megabytes.

A column is a list, or one of these, which ``columns.js`` reads:

    {"runs": [value, count, value, count, …]}   values that repeat
    {"steps": column, "per": n}                 integers as differences, divided by n
    {"names": […], "at": column}                few different values, by index
    {"join": [column, column]}                  two columns as ``file:line``
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Any

Column = Any
_PLACE = re.compile(r"(.*):(\d{1,15})", re.DOTALL)
# What could end the script element, or a line of script.
_UNSAFE = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def to_json(value: Any) -> str:
    """JSON that is safe inside a script element, whatever the strings hold."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.translate(_UNSAFE)


def numbers(values: Iterable[float | None], *, digits: int = 4) -> Column:
    """Numbers to so many significant digits; those that are not finite become strings."""
    return _runs([_round(value, digits) for value in values])


def steps(values: Iterable[float], *, per: int = 1) -> Column:
    """Numbers in about ascending order, kept to the `per`-th part."""
    scaled = [round(value * per) for value in values]
    return {
        "steps": _runs([after - before for before, after in pairwise([0, *scaled])]),
        "per": per,
    }


def names(values: Sequence[Any]) -> Column:
    """Values of which there are few different ones."""
    places: dict[Any, int] = {}
    at = [places.setdefault(value, len(places)) for value in values]
    return {"names": list(places), "at": _runs(at)}


def places(values: Sequence[str]) -> Column:
    """Places, most of which are ``file:line``."""
    parts = [_PLACE.fullmatch(value) for value in values]
    if not all(parts):
        return names(values)
    found = [part for part in parts if part]
    lines = [int(part[2]) for part in found]
    if any(str(line) != part[2] for line, part in zip(lines, found, strict=True)):
        return names(values)
    return {"join": [names([part[1] for part in found]), steps(lines)]}


def _runs(values: list[Any]) -> Column:
    runs: list[Any] = []
    for value, members in groupby(values):
        runs += [value, sum(1 for _ in members)]
    return {"runs": runs} if len(runs) < len(values) else values


def _round(value: float | None, digits: int) -> float | str | None:
    if value is None:
        return None
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded
