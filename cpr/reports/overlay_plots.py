"""Two distributions in one plot: A as bars, B as an outline over them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from cpr.reports.figures import count, figure, spread, tick
from cpr.reports.html import Markup, element
from cpr.reports.svg import BOTTOM, Axis, across, bar, plot, upwards

BINS = 36


def overlay(
    edges: Sequence[float],
    counts_a: Sequence[int],
    counts_b: Sequence[int],
    *,
    name: str,
    noun: str,
    is_log: bool = False,
) -> Markup:
    """Both sides' counts between the same edges.

    Args:
        edges: In ascending order, one more than there are counts.
        counts_a: How many values of A lie between two edges.
        counts_b: The same of B.
        name: What the values are, for the axis.
        noun: What is counted.
        is_log: Space the values by their logarithm.
    """
    low, high = spread([edges[0], edges[-1]])
    x = across(low, high, is_log=is_log)
    y = upwards(0, max(*counts_a, *counts_b, 1))
    shapes, outline = [], [f"M{x.at(edges[0]):g} {BOTTOM}"]
    for (left, right), in_a, in_b in zip(pairwise(edges), counts_a, counts_b, strict=True):
        start, end = x.at(left), x.at(right)
        if in_a:
            shapes.append(bar(start + 0.5, end - 0.5, y.at(in_a), "", class_="side-a"))
        outline.append(f"V{y.at(in_b):g}H{end:g}")
    shapes.append(element("path", d="".join([*outline, f"V{BOTTOM}"]), class_="side-b"))
    # Over all, what each bin says when it is pointed at.
    for (left, right), in_a, in_b in zip(pairwise(edges), counts_a, counts_b, strict=True):
        if in_a or in_b:
            tip = f"{figure(left)} to {figure(right)}: A {in_a:,}, B {in_b:,}"
            shapes.append(bar(x.at(left), x.at(right), y.end, tip, class_="target"))
    return plot(
        f"{name}: {count(sum(counts_a), noun)} of A and {sum(counts_b):,} of B, "
        f"from {figure(edges[0])} to {figure(edges[-1])}.",
        Axis(x, name),
        Axis(y, f"{noun}s", _whole, ticks=4),
        shapes,
    )


def latency_overlay(a: Sequence[float], b: Sequence[float], *, is_log: bool) -> Markup:
    """The latencies of both sides; at least one of them has some."""
    values = [*a, *b]
    if is_log:
        positive = [value for value in values if value > 0] or [1.0]
        low, high = spread(positive)
        low, high = low / 1.1, high * 1.1
    else:
        low, high = 0.0, max(*values, 1e-6) * 1.02
    edges = across(low, high, is_log=is_log).edges(BINS)
    return overlay(
        edges,
        _counts(a, edges),
        _counts(b, edges),
        name="latency, ms",
        noun="request",
        is_log=is_log,
    )


def _counts(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    counts = [0] * BINS
    for value in values:
        counts[min(max(bisect_right(edges, value) - 1, 0), BINS - 1)] += 1
    return counts


def _whole(value: float) -> str:
    return tick(value) if value == int(value) else ""
