"""How far the answers of two predictors are apart, and whether that is near enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cpr.compiling.declined import Declined
from cpr.errors import shorten


@dataclass
class Deviation:
    """What comparing has found so far.

    Attributes:
        values: How many numbers and texts were compared.
        labels: How many places of a highest score were.
        largest: The largest absolute difference of two numbers.
    """

    values: int = 0
    labels: int = 0
    largest: float = 0.0


def compare(was: Any, now: Any, *, atol: float, rtol: float, into: Deviation) -> None:
    """Hold a prediction, or a list of them, against the original's.

    Numbers may differ by ``atol + rtol * |original|``, whole numbers, texts
    and truth values not at all, nor may the place of the highest of several
    scores, unless the two highest are that near.

    Raises:
        Declined: They differ by more; says where.
    """
    if isinstance(was, list) and was and isinstance(was[0], dict):
        if not isinstance(now, list) or len(now) != len(was):
            raise Declined(f"it answers {shorten(now)}, not {shorten(was)}")
        for name in was[0]:
            compare(
                [row[name] for row in was],
                [row.get(name) for row in now],
                atol=atol,
                rtol=rtol,
                into=into,
            )
        return
    left, right = np.asarray(was), np.asarray(now)
    if left.shape != right.shape:
        raise Declined(f"it answers the shape {list(right.shape)}, not {list(left.shape)}")
    if _kind(left) != _kind(right):
        raise Declined(f"it answers {right.dtype} values, not {left.dtype}")
    into.values += left.size
    if left.dtype.kind != "f":
        _compare_exactly(left, right)
        return
    _compare_numbers(left, right, atol, rtol, into)
    if left.ndim > 1 and left.shape[-1] > 1:
        _compare_labels(left, right, atol, into)


def settle_ties(was: Any, now: Any, scores: Any, classes: list[Any], *, atol: float) -> Any:
    """The classes `now`, with the original's where both have the highest score but for `atol`.

    A forest of a hundred trees gives two classes the same probability often
    enough; which of them wins is a matter of the last digit.
    """
    left, right, scores = np.asarray(was), np.asarray(now), np.asarray(scores)
    if left.shape != right.shape or left.ndim != 1 or scores.shape != (left.size, len(classes)):
        return now
    settled = list(right.tolist())
    for place in np.flatnonzero(left != right):
        if settled[place] in classes:
            score = scores[place, classes.index(settled[place])]
            if scores[place].max() - score <= atol:
                settled[place] = left[place]
    return settled


def _kind(array: Any) -> str:
    # JSON does not tell unsigned from signed, nor bytes from text that was decoded.
    kind: str = array.dtype.kind
    return {"u": "i", "U": "O", "S": "O"}.get(kind, kind)


def _compare_exactly(left: Any, right: Any) -> None:
    differs = left != right
    if np.any(differs):
        place = np.unravel_index(int(np.argmax(differs)), left.shape)
        raise Declined(
            f"it answers {_shown(right[place])} where the original answers {_shown(left[place])}"
        )


def _shown(value: Any) -> str:
    return shorten(value.item() if isinstance(value, np.generic) else value)


def _compare_numbers(left: Any, right: Any, atol: float, rtol: float, into: Deviation) -> None:
    left, right = left.astype(np.float64), right.astype(np.float64)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    finite = np.isfinite(left) & np.isfinite(right)
    apart = np.where(same, 0.0, np.where(finite, np.abs(left - right), np.inf))
    into.largest = max(into.largest, float(apart.max(initial=0.0)))
    with np.errstate(invalid="ignore"):
        beyond = np.where(same, -np.inf, apart - (atol + rtol * np.abs(left)))
    if np.any(beyond > 0) or np.isnan(beyond).any():
        place = np.unravel_index(int(np.argmax(beyond)), left.shape)
        raise Declined(
            f"it answers {right[place]:.9g} where the original answers {left[place]:.9g}"
        )


def _compare_labels(left: Any, right: Any, atol: float, into: Deviation) -> None:
    was, now = left.argmax(axis=-1), right.argmax(axis=-1)
    highest = np.take_along_axis(left, was[..., None], axis=-1)[..., 0]
    other = np.take_along_axis(left, now[..., None], axis=-1)[..., 0]
    into.labels += was.size
    if np.any((was != now) & (highest - other > atol)):
        raise Declined("the highest score is another one's")
