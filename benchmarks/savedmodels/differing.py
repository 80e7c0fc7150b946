"""How far two answers are apart: arrays of TensorFlow, and JSON of servers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Tolerance:
    """``atol + rtol * |original|``, as the tools promise it."""

    atol: float = 0.0
    rtol: float = 0.0

    @property
    def is_exact(self) -> bool:
        """Whether nothing may differ."""
        return not self.atol and not self.rtol


EXACT = Tolerance()


def difference(one: Any, other: Any, tolerance: Tolerance, *, is_odd: bool = False) -> str:
    """What differs, in words; "" if nothing does.

    Where values are odd, and weights were rounded, the largest number of an
    answer is what the relative tolerance refers to.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if set(one) != set(other):
            return f"{sorted(one)} became {sorted(other)}"
        pairs = [(f"{key}: ", one[key], other[key]) for key in one]
    else:
        pairs = [("", one, other)]
    for where, left, right in pairs:
        if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
            found = _arrays(left, right, tolerance, is_odd)
        else:
            found = _documents(left, right, tolerance, is_odd)
        if found:
            return where + found
    return ""


def _arrays(one: Any, other: Any, tolerance: Tolerance, is_odd: bool) -> str:
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return f"{one.dtype}{list(one.shape)} became {other.dtype}{list(other.shape)}"
    if one.dtype.kind != "f":
        count = int(np.count_nonzero(one != other))
        return f"{count} of {one.size} values differ" if count else ""
    return _numbers(one.ravel(), other.ravel(), tolerance, is_odd)


def _numbers(one: Any, other: Any, tolerance: Tolerance, is_odd: bool) -> str:
    one, other = one.astype("f8"), other.astype("f8")
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    if same.all():
        return ""
    sizes = np.abs(one)
    if is_odd and not tolerance.is_exact:
        sizes = np.full_like(sizes, np.nanmax(np.where(np.isfinite(sizes), sizes, 0.0)))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(one - other))
        excess = np.where(same, -1.0, apart - (tolerance.atol + tolerance.rtol * sizes))
    excess = np.where(np.isfinite(excess), excess, np.inf)
    worst = int(np.argmax(excess))
    return f"{one[worst]:.7g} became {other[worst]:.7g}" if excess[worst] > 0 else ""


def _documents(one: Any, other: Any, tolerance: Tolerance, is_odd: bool) -> str:
    """Of JSON: the same tree, and numbers that are near each other."""
    left: list[float] = []
    right: list[float] = []
    if problem := _walk(one, other, left, right):
        return problem
    return _numbers(np.array(left), np.array(right), tolerance, is_odd) if left else ""


def _walk(one: Any, other: Any, left: list[float], right: list[float]) -> str:
    if isinstance(one, float) and isinstance(other, (int, float)) and not isinstance(other, bool):
        left.append(one)
        right.append(other)
        return ""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        found = (_walk(a, b, left, right) for a, b in zip(one, other, strict=True))
        return next(filter(None, found), "")
    if isinstance(one, dict) and isinstance(other, dict) and set(one) == set(other):
        return next(filter(None, (_walk(one[k], other[k], left, right) for k in one)), "")
    if type(one) is type(other) and one == other:
        return ""
    if isinstance(one, int) and isinstance(other, float) and math.isclose(one, other):
        return ""  # 1 and 1.0 are one number in JSON
    return f"{_short(one)} became {_short(other)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:79] + "…"
