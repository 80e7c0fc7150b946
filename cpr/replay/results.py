"""What a replay and a diff found, as plain frozen data: every report is written from this.

Paths are those of the response document, such as ``predictions[3].score``.
Milliseconds of latency run from the request's bytes to the answer's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from cpr.replay.shifts import LabelShift, NumericShift

MismatchKind = Literal["value", "type", "missing", "extra", "length"]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One place where an answer is not what was expected.

    `kind` says how: another value, a value of another type, a key that is
    missing or extra, or a list of another length; for the last, `expected` and
    `actual` are the lengths. The differences are of numbers only. `excess` is
    how many times the difference is what the tolerance allows; infinite where
    nothing is allowed.
    """

    path: str
    expected: Any
    actual: Any
    abs_diff: float | None = None
    rel_diff: float | None = None
    kind: MismatchKind = "value"
    excess: float = math.inf


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds, by nearest rank: each figure is a latency that was measured."""

    min: float
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class RequestResult:
    """What became of one request.

    `status` is the HTTP status, or the one that a server would give; 0 where
    no answer came at all. `error` begins with the error's class and is empty
    for a prediction. `is_compared` says that an answer was expected;
    `mismatches` are the worst first, of `mismatch_count` in all.
    """

    place: str
    instances: int
    status: int
    latency_ms: float
    started_ms: float
    error: str = ""
    mismatches: tuple[Mismatch, ...] = ()
    mismatch_count: int = 0
    is_compared: bool = False

    @property
    def is_ok(self) -> bool:
        """Whether it was answered, and as expected."""
        return not self.error and not self.mismatch_count


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """All errors of one class with one message; `file` and `line` are the first one's."""

    error: str
    problem: str
    hint: str
    exit_code: int
    count: int
    file: str
    line: int


@dataclass(frozen=True)
class ReplayResult:
    """A whole replay, in the order of sending.

    `latency_ms` and the throughputs are of the requests that succeeded; None
    if none did. `lag_ms` is how late the latest request was sent, against the
    time stamps that were to be kept.
    """

    name: str
    requests: Sequence[RequestResult]
    elapsed_s: float
    latency_ms: Latency | None
    tolerance: str = ""
    concurrency: int = 1
    lag_ms: float | None = None
    errors: Sequence[ErrorGroup] = ()
    notes: Sequence[str] = ()

    @property
    def instances(self) -> int:
        """How many instances were predicted."""
        return sum(item.instances for item in self.requests if not item.error)

    @property
    def failed(self) -> int:
        """How many requests were answered by an error."""
        return sum(bool(item.error) for item in self.requests)

    @property
    def compared(self) -> int:
        """For how many requests an answer was expected."""
        return sum(item.is_compared for item in self.requests)

    @property
    def mismatched(self) -> int:
        """How many answers are not as expected."""
        return sum(bool(item.mismatch_count) for item in self.requests)

    @property
    def is_ok(self) -> bool:
        """Whether every request was answered, and as expected."""
        return all(item.is_ok for item in self.requests)

    @property
    def requests_per_s(self) -> float:
        """Successful requests a second."""
        return (len(self.requests) - self.failed) / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def instances_per_s(self) -> float:
        """Predicted instances a second."""
        return self.instances / self.elapsed_s if self.elapsed_s else 0.0

    def summary(self) -> dict[str, Any]:
        """The figures as JSON values, without the single requests."""
        return _figures(
            self,
            "instances failed compared mismatched elapsed_s latency_ms requests_per_s "
            "instances_per_s concurrency lag_ms tolerance errors notes",
            predictor=self.name,
            requests=len(self.requests),
        )

    def to_json(self) -> dict[str, Any]:
        """The summary, and every request under ``results``."""
        return {**self.summary(), "results": to_plain(self.requests)}


@dataclass(frozen=True, slots=True)
class Side:
    """One side's answer to a request of a diff."""

    status: int
    latency_ms: float
    started_ms: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class RequestDiff:
    """One request of a diff; in its mismatches A's value is the expected one.

    `predictions` is how many predictions A gave, `changed` how many of them
    differ beyond tolerance. A response that is not a list counts as one.
    """

    place: str
    instances: int
    a: Side
    b: Side
    predictions: int = 0
    changed: int = 0
    mismatches: tuple[Mismatch, ...] = ()
    mismatch_count: int = 0

    @property
    def is_ok(self) -> bool:
        """Whether both sides answered, and the same within tolerance."""
        return not (self.a.error or self.b.error or self.mismatch_count)


@dataclass(frozen=True)
class DiffResult:
    """The same requests, answered by two sides called `a` and `b`.

    `values` counts the single values that both sides gave, `differing` those
    that differ at all, `beyond` all mismatches beyond tolerance (missing and
    extra values are among them).
    """

    a: str
    b: str
    requests: Sequence[RequestDiff]
    elapsed_s: float
    latency_a_ms: Latency | None
    latency_b_ms: Latency | None
    values: int = 0
    differing: int = 0
    beyond: int = 0
    numbers: Sequence[NumericShift] = ()
    labels: Sequence[LabelShift] = ()
    errors_a: Sequence[ErrorGroup] = ()
    errors_b: Sequence[ErrorGroup] = ()
    tolerance: str = ""
    notes: Sequence[str] = ()

    @property
    def predictions(self) -> int:
        """How many predictions were compared."""
        return sum(item.predictions for item in self.requests)

    @property
    def changed(self) -> int:
        """How many predictions differ beyond tolerance."""
        return sum(item.changed for item in self.requests)

    @property
    def failed_a(self) -> int:
        """How many requests A answered by an error."""
        return sum(bool(item.a.error) for item in self.requests)

    @property
    def failed_b(self) -> int:
        """How many requests B answered by an error."""
        return sum(bool(item.b.error) for item in self.requests)

    @property
    def is_ok(self) -> bool:
        """Whether both sides answered every request, and the same within tolerance."""
        return all(item.is_ok for item in self.requests)

    def summary(self) -> dict[str, Any]:
        """The figures as JSON values, without the single requests."""
        return _figures(
            self,
            "failed_a failed_b predictions changed values differing beyond elapsed_s latency_a_ms "
            "latency_b_ms numbers labels errors_a errors_b tolerance notes",
            a=self.a,
            b=self.b,
            requests=len(self.requests),
        )

    def to_json(self) -> dict[str, Any]:
        """The summary, and every request under ``results``."""
        return {**self.summary(), "results": to_plain(self.requests)}


def to_plain(value: Any) -> Any:
    """Strict JSON values: dataclasses become objects, NaN and infinities their names."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {item.name: to_plain(getattr(value, item.name)) for item in fields(value)}
    return value


def _figures(result: object, names: str, **more: Any) -> dict[str, Any]:
    return {**more, **{name: to_plain(getattr(result, name)) for name in names.split()}}
