"""Writes a replay as text: the figures, the errors, and the worst mismatches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from cpr.replay.mismatch_table import ByRequest, mismatch_lines
from cpr.replay.results import ErrorGroup, Latency, ReplayResult

SHOWN_ERRORS = 10
SHOWN_MISMATCHES = 10


def render(result: ReplayResult, *, show: int = SHOWN_MISMATCHES) -> str:
    """The report as plain text.

    Args:
        result: What to write.
        show: How many mismatches to show at most; the worst are shown.
    """
    lines = [f"{name:<12}{value}" for name, value in _rows(result)]
    lines += error_lines(result.errors)
    if result.mismatched:
        lines += _mismatches(result, show)
    lines += [line for note in result.notes for line in ("", f"note: {note}")]
    return "\n".join(lines)


def _mismatches(result: ReplayResult, show: int) -> Iterator[str]:
    by_request = [
        ByRequest(item.place, item.mismatches, item.mismatch_count)
        for item in result.requests
        if item.mismatch_count
    ]
    values = count(sum(item.count for item in by_request), "value")
    responses = count(len(by_request), "response")
    yield ""
    yield f"{responses} not as expected, in {values} ({result.tolerance}); the worst:"
    yield from mismatch_lines(by_request, show=show, names=("expected", "actual"))


def _rows(result: ReplayResult) -> Iterator[tuple[str, str]]:
    yield "requests", f"{len(result.requests)}"
    yield "instances", f"{result.instances}"
    yield "failed", f"{result.failed}"
    if result.compared:
        agree = result.compared - result.mismatched
        yield "compared", f"{result.compared}, as expected {agree}, not {result.mismatched}"
    yield "latency ms", render_latency(result.latency_ms)
    if result.lag_ms is not None:
        yield "latest send", f"{result.lag_ms:.3f} ms after its time"
    yield (
        "throughput",
        (f"{result.requests_per_s:.1f} requests/s  {result.instances_per_s:.1f} instances/s"),
    )


def render_latency(latency: Latency | None) -> str:
    """The figures of a latency on one line."""
    if latency is None:
        return "none succeeded"
    return "  ".join(f"{name} {value:.3f}" for name, value in asdict(latency).items())


def error_lines(errors: Sequence[ErrorGroup], *, side: str = "") -> Iterable[str]:
    """The most frequent errors, a paragraph each."""
    for group in errors[:SHOWN_ERRORS]:
        yield ""
        yield f"{side}{group.count} × {group.error}, first at {group.file}:{group.line}"
        yield from (f"    {line}" for line in group.problem.splitlines())
        yield from (f"    {line}" for line in group.hint.splitlines())
    if len(errors) > SHOWN_ERRORS:
        yield from ("", f"and {len(errors) - SHOWN_ERRORS} other messages")


def count(number: int, noun: str) -> str:
    """A number and its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
