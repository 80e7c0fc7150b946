"""Whether two answers are the same: exactly, and floats nearly."""

from __future__ import annotations

import json
import math
from typing import Any

from cpr.errors import shorten

RTOL = 1e-5
ATOL = 1e-6


def difference(one: bytes, other: bytes, path: str = "") -> str:
    """Where two JSON documents differ first, with both values; "" if they agree.

    Floats agree within `RTOL` and `ATOL`, and NaN with NaN; everything else
    agrees if it is equal and of the same type.
    """
    if one == other:
        return ""
    return differing(json.loads(one), json.loads(other), path)


def differing(one: Any, other: Any, path: str = "predictions") -> str:
    """The same for values: ``predictions[3].score: 0.25 against 0.5``."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return f"{path or 'the answer'}: keys {_keys(one)} against {_keys(other)}"
        pairs = [(one[key], other[key], f"{path}.{key}".lstrip(".")) for key in one]
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return f"{path}: {len(one)} values against {len(other)}"
        pairs = [(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(one, other, strict=True))]
    else:
        return "" if _same(one, other) else f"{path}: {shorten(one)} against {shorten(other)}"
    return next(filter(None, (differing(*pair) for pair in pairs)), "")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, (int, float)) and not isinstance(other, bool):
        return _close(one, float(other))
    if isinstance(other, float) and type(one) is int:
        return _close(float(one), other)
    return type(one) is type(other) and bool(one == other)


def _close(one: float, other: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(one, other, rel_tol=RTOL, abs_tol=ATOL)


def _keys(value: dict[str, Any]) -> str:
    return shorten(", ".join(sorted(value)) or "none")
