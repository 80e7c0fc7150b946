"""Counts of what a front process did with its requests.

One process, one thread, one `Counters`; plain lists of integers, because
`Series.record` runs once a request. Snapshots of several processes are added
up by `merged`; `cpr.observe.exposition` writes the sum as Prometheus text.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

from cpr.errors import shorten
from cpr.observe.answered import NO_STAGES, Stages

# Upper bounds of the buckets; the last one of each histogram is +Inf.
DURATION_BOUNDS_S = (
    0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
STAGE_BOUNDS_S = (
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
BATCH_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
STAGES = ("queue", "decode", "predict", "encode")

# Why a request got no prediction although nobody looked at its instances.
REFUSALS = (
    "auth", "bad_request", "draining", "host", "not_ready", "overload", "timeout", "too_large",
)  # fmt: skip
EVENTS = (
    "connections",  # accepted
    "connections_refused",  # closed at once: too many are open
    "received_bytes",  # of request bodies
    "sent_bytes",  # of response bodies
    "retried",  # sent to a worker again, after the first had ended
    "abandoned",  # the client had gone when the answer was there
    "log_lines_dropped",
)

Labels = tuple[str, str, str, int]
# A label that grows without end (a version a minute, for a year) must not
# fill the memory; what comes after this many series shares one.
MAX_SERIES = 500
OTHER = "(other)"

_DURATION_BOUNDS_NS = tuple(round(bound * 1e9) for bound in DURATION_BOUNDS_S)
_STAGE_BOUNDS_NS = tuple(round(bound * 1e9) for bound in STAGE_BOUNDS_S)
_COUNTED = len(BATCH_BOUNDS) + 1


class Series:
    """The counts of the requests that share model, version, route and status."""

    __slots__ = (
        "_shared", "_sharing", "batches", "decode", "durations", "encode", "instances", "predict",
        "queue", "sums",
    )  # fmt: skip

    def __init__(self) -> None:
        self.durations = [0] * (len(DURATION_BOUNDS_S) + 1)
        self.queue = [0] * (len(STAGE_BOUNDS_S) + 1)
        self.decode = self.queue.copy()
        self.predict = self.queue.copy()
        self.encode = self.queue.copy()
        self.batches = [0] * _COUNTED
        # Nanoseconds: total, queue, decode, predict, encode; then the sum of batch sizes.
        self.sums = [0] * 6
        self.instances = 0
        self._shared = NO_STAGES
        self._sharing = 0

    def record(self, total_ns: int, queue_ns: int, stages: Stages) -> None:
        """Count one answered request; its stages only if a worker answered it."""
        sums = self.sums
        self.durations[bisect_left(_DURATION_BOUNDS_NS, total_ns)] += 1
        sums[0] += total_ns
        if stages is not self._shared:
            self.settle()
            self._shared = stages
        if stages is not NO_STAGES:
            self._sharing += 1
            self.queue[bisect_left(_STAGE_BOUNDS_NS, queue_ns)] += 1
            sums[1] += queue_ns

    def settle(self) -> None:
        """Count the stages that the last few requests had in common, before they are read."""
        times, self._sharing = self._sharing, 0
        if not times:
            return
        decode_ns, predict_ns, encode_ns, instances, batch_size = self._shared
        self.decode[bisect_left(_STAGE_BOUNDS_NS, decode_ns)] += times
        self.predict[bisect_left(_STAGE_BOUNDS_NS, predict_ns)] += times
        self.encode[bisect_left(_STAGE_BOUNDS_NS, encode_ns)] += times
        self.batches[bisect_left(BATCH_BOUNDS, batch_size)] += times
        sums = self.sums
        sums[2] += decode_ns * times
        sums[3] += predict_ns * times
        sums[4] += encode_ns * times
        sums[5] += batch_size * times
        self.instances += instances * times


class Counters:
    """Every count of one process since it started."""

    def __init__(self) -> None:
        self._series: dict[Labels, Series] = {}
        self._refused = dict.fromkeys(REFUSALS, 0)
        self._events = dict.fromkeys(EVENTS, 0)

    def series(self, model: str, version: str, route: str, status: int) -> Series:
        """The series of these labels, made if it is new; callers keep what they get.

        The labels are names that the server itself gave out. A request for a
        model or path that does not exist is counted under empty names, or
        anybody could make a server remember endless ones.
        """
        labels = (model, version, route, status)
        found = self._series.get(labels)
        if found is None:
            if len(self._series) >= MAX_SERIES:
                labels = (OTHER, OTHER, OTHER, status // 100 * 100)
            found = self._series.setdefault(labels, Series())
        return found

    def refuse(self, reason: str) -> None:
        """Count a request that was turned away; `reason` is one of `REFUSALS`.

        It is recorded in the series of its status as well.
        """
        self._refused[reason] += 1

    def count(self, event: str, amount: int = 1) -> None:
        """Count something that happened; `event` is one of `EVENTS`."""
        self._events[event] += amount

    def snapshot(self) -> dict[str, Any]:
        """The counts as a JSON object, which later counting does not change."""
        return {
            "series": [[*labels, *_figures(one)] for labels, one in self._series.items()],
            "refused": dict(self._refused),
            "events": dict(self._events),
        }


def merged(snapshots: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The sum of snapshots, itself a snapshot; of none, one that has counted nothing."""
    series: dict[Labels, list[Any]] = {}
    total = Counters().snapshot()
    for snapshot in snapshots:
        for model, version, route, status, *figures in snapshot["series"]:
            labels = (model, version, route, status)
            known = series.get(labels)
            series[labels] = _added(known, figures) if known else figures
        for table in ("refused", "events"):
            for name, amount in snapshot[table].items():
                total[table][name] = total[table].get(name, 0) + amount
    total["series"] = [[*labels, *figures] for labels, figures in series.items()]
    return total


def _figures(series: Series) -> list[Any]:
    """What a snapshot holds of a series, in the order that `cpr.observe.exposition` reads."""
    series.settle()
    stages = [series.queue, series.decode, series.predict, series.encode]
    return [
        series.durations.copy(),
        [stage.copy() for stage in stages],
        series.batches.copy(),
        series.sums.copy(),
        series.instances,
    ]


def _added(first: Any, second: Any) -> Any:
    """Two figures of the same shape, number by number."""
    if isinstance(first, int):
        return first + second
    if len(first) != len(second):
        raise ValueError(f"snapshots of different shapes: {shorten(first)}, {shorten(second)}")
    return [_added(one, other) for one, other in zip(first, second, strict=True)]
