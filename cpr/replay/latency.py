"""Latency figures: percentiles by nearest rank."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from cpr.replay.results import Latency


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the least value that `percent` % of all do not exceed.

    It is always one of the values, never a mean of two.

    Args:
        ordered: At least one value, in ascending order.
        percent: Above 0, at most 100.
    """
    rank = math.ceil(len(ordered) * percent / 100)
    return ordered[max(rank, 1) - 1]


def latency_of(milliseconds: Iterable[float]) -> Latency | None:
    """The figures of some latencies; None if there are none."""
    ordered = sorted(milliseconds)
    if not ordered:
        return None
    p50, p95, p99 = (percentile(ordered, percent) for percent in (50, 95, 99))
    return Latency(min=ordered[0], p50=p50, p95=p95, p99=p99, max=ordered[-1])
