"""Writes a diff as text: what changed, how outputs moved, both latencies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from cpr.replay.mismatch_table import ByRequest, mismatch_lines, table
from cpr.replay.report import SHOWN_MISMATCHES, count, error_lines
from cpr.replay.results import DiffResult, Latency
from cpr.replay.shifts import LabelShift, NumericShift, Spread

SHOWN_OUTPUTS = 10
_SHOWN_CHANGES = 10
_SPREAD = ("mean", "std", "min", "p5", "p50", "p95", "max")


def render_diff(result: DiffResult, *, show: int = SHOWN_MISMATCHES) -> str:
    """The report as plain text.

    Args:
        result: What to write.
        show: How many single changes to show at most; the worst are shown.
    """
    lines = [f"{name:<14}{value}" for name, value in _rows(result)]
    lines += ["", *_latencies(result)]
    lines += error_lines(result.errors_a, side="A: ")
    lines += error_lines(result.errors_b, side="B: ")
    lines += _outputs(result)
    by_request = [
        ByRequest(item.place, item.mismatches, item.mismatch_count)
        for item in result.requests
        if item.mismatch_count
    ]
    if by_request:
        lines += ["", f"{count(result.beyond, 'value')} beyond tolerance; the worst:"]
        lines += mismatch_lines(by_request, show=show, names=("A", "B"))
    lines += [line for note in result.notes for line in ("", f"note: {note}")]
    return "\n".join(lines)


def _rows(result: DiffResult) -> Iterator[tuple[str, str]]:
    yield "A", result.a
    yield "B", result.b
    yield "requests", f"{len(result.requests)}"
    yield "failed", f"A {result.failed_a}, B {result.failed_b}"
    yield "predictions", f"{result.predictions}, changed {result.changed}"
    yield (
        "values",
        f"{result.values}, not equal {result.differing}, beyond tolerance {result.beyond}",
    )
    yield "tolerance", result.tolerance


def _latencies(result: DiffResult) -> Iterator[str]:
    names = tuple(Latency.__dataclass_fields__)
    rows = [("latency ms", *names)]
    for side, latency in (("A", result.latency_a_ms), ("B", result.latency_b_ms)):
        figures = asdict(latency).values() if latency else ()
        rows.append((side, *(f"{value:.3f}" for value in figures)))
    width = len(rows[0])
    yield from table([(*row, *[""] * (width - len(row))) for row in rows], indent="")


def _outputs(result: DiffResult) -> Iterator[str]:
    moved = sorted(result.numbers, key=lambda item: (-item.beyond, -(item.ks or 0.0)))
    for number in moved[:SHOWN_OUTPUTS]:
        yield ""
        yield from _number_lines(number)
    if len(moved) > SHOWN_OUTPUTS:
        yield from ("", f"and {len(moved) - SHOWN_OUTPUTS} other outputs; --format json has all")
    for label in sorted(result.labels, key=lambda item: -item.changed)[:SHOWN_OUTPUTS]:
        yield ""
        yield from _label_lines(label)


def _number_lines(shift: NumericShift) -> Iterator[str]:
    figures = {"largest difference": shift.max_abs_diff, "KS": shift.ks}
    known = [f"{name} {value:.4g}" for name, value in figures.items() if value is not None]
    yield ", ".join(
        [
            f"{shift.output}: {count(shift.values, 'value')}",
            f"not equal {shift.differing}",
            f"beyond tolerance {shift.beyond}",
            *known,
        ]
    )
    yield from table([("", *_SPREAD), _spread_row("A", shift.a), _spread_row("B", shift.b)])


def _spread_row(side: str, spread: Spread) -> Sequence[str]:
    values = (getattr(spread, name) for name in _SPREAD)
    return (side, *("" if value is None else f"{value:.6g}" for value in values))


def _label_lines(shift: LabelShift) -> Iterator[str]:
    yield f"{shift.output}: {count(shift.values, 'label')}, changed {shift.changed}"
    changes = [change for change in shift.confusion if change.a != change.b]
    if changes:
        rows = [(change.a, change.b, str(change.count)) for change in changes[:_SHOWN_CHANGES]]
        yield from table([("A", "B", "count"), *rows])
    if len(changes) > _SHOWN_CHANGES:
        yield f"    and {len(changes) - _SHOWN_CHANGES} other changes; --format json has all"
