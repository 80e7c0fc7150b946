"""How the values of each output are spread on two sides, and how far they moved.

An output is a path whose instance index is left open: ``predictions[*].score``.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cpr.replay.compare import is_same
from cpr.replay.latency import percentile
from cpr.replay.paths import Step, Steps, Wild, format_path
from cpr.replay.shifts import LabelChange, LabelShift, NumericShift, Spread

# An output with more elements than this is taken as one.
_ELEMENTS = 16
# Whole numbers of which there are so few are classes, not amounts.
_CLASSES = 50
_CHANGES = 200
_BINS = 30

_Floats = NDArray[np.float64]
_Name = tuple[Step | Wild, ...]
_Pair = tuple[Any, Any, bool]


class Outputs:
    """Collects pairs of values by output."""

    def __init__(self) -> None:
        self._pairs: defaultdict[_Name, list[_Pair]] = defaultdict(list)

    def add(self, path: Steps, a: Any, b: Any, agrees: bool) -> None:
        """Take one pair; `agrees` within tolerance."""
        self._pairs[_instance_open(path)].append((a, b, agrees))

    def shifts(self) -> tuple[list[NumericShift], list[LabelShift]]:
        """What is to be said of each output, in the order in which they were met."""
        numbers, labels = [], []
        for name, pairs in self._outputs().items():
            if _are_labels(pairs):
                labels.append(_label_shift(format_path(name), pairs))
            else:
                numbers.append(_numeric_shift(format_path(name), pairs))
        return numbers, labels

    def _outputs(self) -> dict[_Name, list[_Pair]]:
        """Elements of a vector are outputs of their own, unless there are many."""
        elements = Counter(map(_all_open, self._pairs))
        found: dict[_Name, list[_Pair]] = {}
        for name, pairs in self._pairs.items():
            together = _all_open(name)
            key = together if elements[together] > _ELEMENTS else name
            found.setdefault(key, []).extend(pairs)
        return found


def ks_statistic(a: _Floats, b: _Floats) -> float | None:
    """The two-sample Kolmogorov–Smirnov statistic: the largest gap between the two shares.

    ``max over x of |share of a ≤ x − share of b ≤ x|``; 0 where both are
    spread alike, 1 where they do not overlap. None if one side is empty.
    """
    if not (a.size and b.size):
        return None
    a, b = np.sort(a), np.sort(b)
    every = np.concatenate([a, b])
    share_a = np.searchsorted(a, every, side="right") / a.size
    share_b = np.searchsorted(b, every, side="right") / b.size
    return float(np.abs(share_a - share_b).max())


def _instance_open(path: Steps) -> _Name:
    at = next((i for i, step in enumerate(path) if isinstance(step, int)), len(path))
    return (*path[:at], *([Wild.INDEX] if at < len(path) else []), *path[at + 1 :])


def _all_open(name: _Name) -> _Name:
    return tuple(Wild.INDEX if isinstance(step, int) else step for step in name)


def _are_labels(pairs: Sequence[_Pair]) -> bool:
    values = [value for a, b, _ in pairs for value in (a, b)]
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in values):
        return True
    return all(isinstance(value, int) for value in values) and len(set(values)) <= _CLASSES


def _label_shift(output: str, pairs: Sequence[_Pair]) -> LabelShift:
    counts = Counter((_label(a), _label(b)) for a, b, _ in pairs)
    kept = counts.most_common(_CHANGES)
    return LabelShift(
        output,
        values=len(pairs),
        changed=sum(not is_same(a, b) for a, b, _ in pairs),
        confusion=tuple(LabelChange(a, b, count) for (a, b), count in kept),
        others=len(pairs) - sum(count for _, count in kept),
    )


def _label(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:99]}…"


def _numeric_shift(output: str, pairs: Sequence[_Pair]) -> NumericShift:
    a, b = (_floats([pair[side] for pair in pairs]) for side in (0, 1))
    with np.errstate(all="ignore"):
        gaps = np.abs(a - b)
    gaps = gaps[np.isfinite(gaps)]
    finite_a, finite_b = a[np.isfinite(a)], b[np.isfinite(b)]
    edges, counts_a, counts_b = _histogram(finite_a, finite_b)
    return NumericShift(
        output,
        a=_spread(a, finite_a),
        b=_spread(b, finite_b),
        values=len(pairs),
        differing=sum(not is_same(left, right) for left, right, _ in pairs),
        beyond=sum(not agrees for _, _, agrees in pairs),
        max_abs_diff=float(gaps.max()) if gaps.size else None,
        mean_abs_diff=float(gaps.mean()) if gaps.size else None,
        ks=ks_statistic(finite_a, finite_b),
        edges=edges,
        counts_a=counts_a,
        counts_b=counts_b,
    )


def _floats(values: Sequence[float]) -> _Floats:
    try:
        return np.array(values, np.float64)
    except OverflowError:  # integers beyond a float's range
        return np.array([_float(value) for value in values])


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _spread(values: _Floats, finite: _Floats) -> Spread:
    nonfinite = int(values.size - finite.size)
    if not finite.size:
        return Spread(int(values.size), nonfinite, None, None, None, None, None, None, None)
    with np.errstate(all="ignore"):
        mean, std = float(finite.mean()), float(finite.std())
    ordered: list[float] = np.sort(finite).tolist()
    return Spread(
        int(values.size),
        nonfinite,
        mean=mean,
        std=std,
        min=ordered[0],
        p5=percentile(ordered, 5),
        p50=percentile(ordered, 50),
        p95=percentile(ordered, 95),
        max=ordered[-1],
    )


def _histogram(
    a: _Floats, b: _Floats
) -> tuple[tuple[float, ...], tuple[int, ...], tuple[int, ...]]:
    """Counts over one range; none where the range cannot be divided in doubles."""
    every = np.concatenate([a, b])
    if not every.size:
        return (), (), ()
    with np.errstate(all="ignore"):
        edges = np.linspace(every.min(), every.max(), _BINS + 1)
        is_divisible = bool(np.isfinite(edges).all() and (np.diff(edges) > 0).all())
    if not is_divisible:
        return (), (), ()
    counts_a, counts_b = (np.histogram(side, edges)[0].tolist() for side in (a, b))
    return tuple(edges.tolist()), tuple(counts_a), tuple(counts_b)
