"""How the values of one output moved between the two sides of a diff, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """How the numbers of one output lie; NaN and infinities are left out of all but `count`."""

    count: int
    nonfinite: int
    mean: float | None
    std: float | None
    min: float | None
    p5: float | None
    p50: float | None
    p95: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class NumericShift:
    """One output that is a number, such as ``predictions[*].score``, on both sides.

    `values` counts the pairs, `differing` those that differ at all, `beyond`
    those that differ beyond tolerance. `ks` is the two-sample
    Kolmogorov–Smirnov statistic. `edges` (one more than the counts) and the
    counts are a histogram over the range of both.
    """

    output: str
    a: Spread
    b: Spread
    values: int
    differing: int
    beyond: int
    max_abs_diff: float | None
    mean_abs_diff: float | None
    ks: float | None
    edges: tuple[float, ...] = ()
    counts_a: tuple[int, ...] = ()
    counts_b: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelChange:
    """How often A's label became another of B's; labels as JSON text."""

    a: str
    b: str
    count: int


@dataclass(frozen=True, slots=True)
class LabelShift:
    """One output that is a label: text, a truth value, or one of few whole numbers.

    `confusion` holds every pair of labels, equal ones too, the most frequent
    first; `others` counts the pairs of values that it leaves out.
    """

    output: str
    values: int
    changed: int
    confusion: tuple[LabelChange, ...] = ()
    others: int = 0
