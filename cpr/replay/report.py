"""Sums a replay up: latency percentiles, throughput, errors by message.

Latency and throughput are those of the requests that succeeded: a predictor
that fails fast is not fast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cpr.errors import CprError
from cpr.replay.run import Outcome, Run

SHOWN_ERRORS = 10


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the request's bytes to the answer's, by nearest rank."""

    min: float
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True)
class ErrorGroup:
    """All failures with one message; `file` and `line` are the first one's."""

    error: CprError
    count: int
    file: str
    line: int


@dataclass(frozen=True)
class Report:
    """What `cpr replay` prints."""

    requests: int
    instances: int
    failed: int
    elapsed_s: float
    latency_ms: Latency | None
    requests_per_s: float
    instances_per_s: float
    errors: Sequence[ErrorGroup]

    def summary(self) -> dict[str, Any]:
        """The figures as plain values, without the errors themselves."""
        figures = {key: getattr(self, key) for key in self.__dataclass_fields__ if key != "errors"}
        figures["latency_ms"] = asdict(self.latency_ms) if self.latency_ms else None
        return figures


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the least value that `percent` % of all do not exceed.

    It is always one of the values, never a mean of two.

    Args:
        ordered: At least one value, in ascending order.
        percent: Above 0, at most 100.
    """
    rank = math.ceil(len(ordered) * percent / 100)
    return ordered[max(rank, 1) - 1]


def make_report(run: Run) -> Report:
    """Sum up a run."""
    good = [outcome for outcome in run.outcomes if outcome.error is None]
    seconds = run.elapsed_ns / 1e9
    instances = sum(outcome.instance_count for outcome in good)
    return Report(
        requests=len(run.outcomes),
        instances=instances,
        failed=len(run.outcomes) - len(good),
        elapsed_s=seconds,
        latency_ms=_latency(good),
        requests_per_s=len(good) / seconds if seconds else 0.0,
        instances_per_s=instances / seconds if seconds else 0.0,
        errors=_group(run.outcomes),
    )


def _latency(outcomes: Sequence[Outcome]) -> Latency | None:
    if not outcomes:
        return None
    ordered = sorted(outcome.elapsed_ns / 1e6 for outcome in outcomes)
    p50, p95, p99 = (percentile(ordered, percent) for percent in (50, 95, 99))
    return Latency(min=ordered[0], p50=p50, p95=p95, p99=p99, max=ordered[-1])


def _group(outcomes: Sequence[Outcome]) -> list[ErrorGroup]:
    groups: dict[tuple[type, str], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.error is not None:
            groups.setdefault((type(outcome.error), outcome.error.problem), []).append(outcome)
    made = []
    for members in groups.values():
        first = members[0]
        assert first.error is not None
        made.append(ErrorGroup(first.error, len(members), first.request.file, first.request.line))
    return sorted(made, key=lambda group: -group.count)


def render(report: Report) -> str:
    """The report as a plain table."""
    rows = [
        ("requests", f"{report.requests}"),
        ("instances", f"{report.instances}"),
        ("failed", f"{report.failed}"),
        ("latency ms", _render_latency(report.latency_ms)),
        (
            "throughput",
            f"{report.requests_per_s:.1f} requests/s  {report.instances_per_s:.1f} instances/s",
        ),
    ]
    lines = [f"{name:<12}{value}" for name, value in rows]
    for group in report.errors[:SHOWN_ERRORS]:
        kind = type(group.error).__name__
        lines += ["", f"{group.count} × {kind}, first at {group.file}:{group.line}"]
        lines += [f"    {line}" for line in str(group.error).splitlines()]
    if len(report.errors) > SHOWN_ERRORS:
        lines += ["", f"and {len(report.errors) - SHOWN_ERRORS} other messages"]
    return "\n".join(lines)


def _render_latency(latency: Latency | None) -> str:
    if latency is None:
        return "none succeeded"
    return "  ".join(f"{name} {value:.3f}" for name, value in asdict(latency).items())
