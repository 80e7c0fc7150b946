"""The two plots of latency: how it is distributed, and how it went over time."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from cpr.replay.latency import percentile
from cpr.reports.figures import Scale, count, duration, figure, spread, tick
from cpr.reports.html import Markup, element
from cpr.reports.svg import BOTTOM, LEFT, RIGHT, TOP, Axis, across, bar, marker, plot, upwards

BINS = 42
# More requests than this are drawn as a band from the least to the greatest.
MOST_DOTS = 1500
SLICES = 126
BAD = ("failed", "mismatched")
LANE = 16
_CELL = 4


@dataclass(frozen=True)
class Points:
    """Requests as the timeline draws them: three columns of equal length."""

    seconds: Sequence[float]
    latency_ms: Sequence[float]
    statuses: Sequence[str]

    def only(self, status: str) -> list[tuple[float, float]]:
        """When those of one status were sent, and how long they took."""
        columns = zip(self.seconds, self.latency_ms, self.statuses, strict=True)
        return [(when, took) for when, took, what in columns if what == status]


def wants_log(latency_ms: Sequence[float]) -> bool:
    """Whether an even scale would squeeze most requests into a corner."""
    return bool(latency_ms) and max(latency_ms) > 8 * statistics.median(latency_ms)


def histogram(
    latency_ms: Sequence[float], marks: Sequence[tuple[str, float]], *, is_log: bool
) -> Markup:
    """How many requests took how long.

    Args:
        latency_ms: At least one latency.
        marks: Percentiles to mark: a name and a latency each.
        is_log: Space the latencies by their logarithm.
    """
    scale = across(*_range(latency_ms, is_log=is_log), is_log=is_log)
    edges = scale.edges(BINS)
    counts = [0] * BINS
    for value in latency_ms:
        counts[min(max(bisect_right(edges, value) - 1, 0), BINS - 1)] += 1
    # The top is left to the names of the marks.
    y = upwards(0, max(counts), top=TOP + 15 * len(marks))
    shapes = [
        bar(
            scale.at(edges[index]) + 0.5,
            scale.at(edges[index + 1]) - 0.5,
            min(y.at(number), BOTTOM - 1),
            f"{figure(edges[index])} to {figure(edges[index + 1])} ms: {count(number, 'request')}",
            class_="bar",
        )
        for index, number in enumerate(counts)
        if number
    ]
    shapes += [
        marker(scale.at(value), f"{name} {duration(value)}", row, class_=name)
        for row, (name, value) in enumerate(marks)
    ]
    said = ", ".join(f"{name} {duration(value)}" for name, value in marks)
    return plot(
        f"Distribution of latency of {count(len(latency_ms), 'request')}: {said}.",
        Axis(scale, "latency, ms"),
        Axis(y, "requests", _whole, ticks=4),
        shapes,
    )


def timeline(points: Points, *, is_log: bool) -> Markup:
    """Latency of each request over the time at which it was sent; errors are marked.

    Where requests are too many to be told apart, those that are not ok are
    counted in a lane above the others.
    """
    is_dense = len(points.seconds) > MOST_DOTS
    x = across(*_room(points.seconds))
    top = TOP + LANE * len(BAD) if is_dense else TOP
    y = upwards(*_range(points.latency_ms, is_log=is_log), is_log=is_log, top=top)
    shapes = _band(points.only("ok"), x, y) if is_dense else [_dots(points.only("ok"), x, y)]
    for row, status in enumerate(BAD):
        found = points.only(status)
        if found:
            shapes += _lane(found, x, row, status) if is_dense else [_marks(found, x, y, status)]
    said = ", ".join(f"{points.statuses.count(name):,} {name}" for name in ("ok", *BAD))
    return plot(
        f"Latency over time of {count(len(points.seconds), 'request')}: {said}.",
        Axis(x, "seconds since the start"),
        Axis(y, "latency, ms"),
        shapes,
    )


def keys(points: Points) -> list[tuple[str, str]]:
    """What the shapes in a timeline mean, for its legend."""
    shown = [
        (f"mark {name}", f"{name} ({points.statuses.count(name):,})")
        for name in ("ok", *BAD)
        if name in points.statuses
    ]
    if len(points.seconds) <= MOST_DOTS:
        return shown
    return [
        *shown,
        ("band", "least to greatest"),
        ("band core", "middle 90 %"),
        ("median", "median"),
    ]


def _whole(value: float) -> str:
    return tick(value) if value == int(value) else ""


def _range(values: Sequence[float], *, is_log: bool) -> tuple[float, float]:
    if not is_log:
        return 0.0, max(*values, 1e-6) * 1.02
    positive = [value for value in values if value > 0] or [1.0]
    low, high = spread(positive)
    return low / 1.1, high * 1.1


def _room(seconds: Sequence[float]) -> tuple[float, float]:
    high = max(seconds)
    return (0.0, high * 1.01) if high > 0 else (0.0, 1.0)


def _cells(points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> list[tuple[float, float]]:
    """Where points are drawn, one for each cell of a grid too fine to tell two apart."""
    cells = {}
    for when, took in points:
        across_, up = x.at(when), y.at(took)
        cells[int(across_ / _CELL), int(up / _CELL)] = (across_, up)
    return list(cells.values())


def _dots(points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> Markup:
    # A dot is a line of no length with round ends.
    drawn = "".join(f"M{left:g} {up:g}h0" for left, up in _cells(points, x, y))
    return element("path", d=drawn, class_="dots")


def _marks(points: Sequence[tuple[float, float]], x: Scale, y: Scale, status: str) -> Markup:
    shape = "m-3.5-3.5l7 7m0-7l-7 7" if status == "failed" else "m0-4l4 7h-8z"
    drawn = "".join(f"M{left:g} {up:g}{shape}" for left, up in _cells(points, x, y))
    return element("path", d=drawn, class_=f"mark {status}")


def _slices(
    points: Sequence[tuple[float, float]], x: Scale
) -> list[tuple[float, float, list[float]]]:
    """Left and right end of each slice of time that has requests, and their latencies."""
    width = (RIGHT - LEFT) / SLICES
    slices: list[list[float]] = [[] for _ in range(SLICES)]
    for when, took in points:
        slices[min(int((x.at(when) - LEFT) / width), SLICES - 1)].append(took)
    return [
        (LEFT + index * width, LEFT + (index + 1) * width, taken)
        for index, taken in enumerate(slices)
        if taken
    ]


def _lane(points: Sequence[tuple[float, float]], x: Scale, row: int, status: str) -> list[Markup]:
    """One bar for each slice of time, as high as the slice has requests of the status."""
    slices = _slices(points, x)
    most = max(len(taken) for _, _, taken in slices)
    bottom = TOP + LANE * (row + 1) - 4
    return [
        bar(
            left,
            right - 0.6,
            bottom - 2 - 10 * len(taken) / most,
            f"{len(taken):,} {status}",
            class_=f"lane {status}",
            bottom=bottom,
        )
        for left, right, taken in slices
    ]


def _band(points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> list[Markup]:
    """Least to greatest and the median of each slice of time, each to be pointed at."""
    bands, cores, medians, targets = [], [], [], []
    for left, right, taken in _slices(points, x):
        taken.sort()
        middle = percentile(taken, 50)
        column = f"M{(left + right) / 2:.4g} "
        bands.append(f"{column}{y.at(taken[0]) + 0.5:g}V{y.at(taken[-1]) - 0.5:g}")
        low, high = y.at(percentile(taken, 5)) + 0.5, y.at(percentile(taken, 95)) - 0.5
        cores.append(f"{column}{low:g}V{high:g}")
        medians.append(f"M{left:.4g} {y.at(middle):g}H{right:.4g}")
        tip = (
            f"{count(len(taken), 'request')}: least {figure(taken[0])}, "
            f"median {figure(middle)}, greatest {figure(taken[-1])} ms"
        )
        targets.append(bar(left, right, y.end, tip, class_="target"))
    return [
        element("path", d="".join(bands), class_="band"),
        element("path", d="".join(cores), class_="band core"),
        element("path", d="".join(medians), class_="median"),
        *targets,
    ]
