"""The report of a diff: what changed from A to B, how the outputs moved, both latencies."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from cpr.replay.results import DiffResult, Latency, RequestDiff, Side
from cpr.reports.columns import names, numbers, places
from cpr.reports.differences import differences_data, differences_section, worst
from cpr.reports.errors_section import errors_section
from cpr.reports.figures import count, decimals, duration, figure, share
from cpr.reports.html import Markup, page, visible
from cpr.reports.latency_plots import wants_log
from cpr.reports.overlay_plots import latency_overlay
from cpr.reports.parts import (
    Heading,
    Tone,
    data_table,
    document,
    fixed_table,
    legend,
    scaled_plots,
    section,
    status_filter,
    tiles,
    verdict,
)
from cpr.reports.shifts_sections import SIDES, labels_section, numbers_section

STATUSES = ("same", "changed", "failed")


def render(result: DiffResult, *, title: str) -> str:
    """A whole diff as one HTML file that needs nothing else.

    Args:
        result: What the diff found.
        title: The heading; `result.a` and `result.b` say what answered.
    """
    shown = worst(result.requests)
    total = sum(item.mismatch_count for item in result.requests)
    statuses = [status_of(item) for item in result.requests]
    body = document(
        "diff",
        title,
        _verdict(result),
        _context(result),
        [
            tiles(_figures(result)),
            _sides_section(result),
            errors_section([item.a.error for item in result.requests], title="Errors of A"),
            errors_section([item.b.error for item in result.requests], title="Errors of B"),
            numbers_section(result.numbers),
            labels_section(result.labels),
            differences_section(shown, total, sides=("A", "B"), tolerance=result.tolerance)
            if shown
            else None,
            _requests_section(result, statuses),
        ],
    )
    tables = {"requests": _requests_data(result, statuses)}
    if shown:
        # The requests show their own differences, from this table.
        tables = {"differences": differences_data(shown), **tables}
    return page(f"{title} – cpr diff", body, data={"tables": tables})


def status_of(item: RequestDiff) -> str:
    """One of `STATUSES`."""
    if item.a.error or item.b.error:
        return "failed"
    return "changed" if item.mismatch_count else "same"


def _verdict(result: DiffResult) -> Markup:
    total = result.predictions
    if not result.requests:
        return verdict("plain", "There was no request.")
    if result.is_ok:
        how = "exactly" if not result.differing else "within tolerance"
        return verdict("ok", f"A and B agree {how} on {count(total, 'prediction')}.")
    faults = []
    if result.changed or result.beyond:
        faults.append(f"{result.changed:,} of {count(total, 'prediction')} changed")
    for side, failed in (("A", result.failed_a), ("B", result.failed_b)):
        if failed:
            faults.append(f"{side} failed on {count(failed, 'request')}")
    is_failed = result.failed_a or result.failed_b
    return verdict("failed" if is_failed else "mismatched", f"{'; '.join(faults)}.")


def _context(result: DiffResult) -> list[str]:
    return [
        f"A: {result.a}",
        f"B: {result.b}",
        f"tolerance: {result.tolerance}" if result.tolerance else "",
        f"took {duration(result.elapsed_s * 1000)}",
        *result.notes,
    ]


def _figures(result: DiffResult) -> list[tuple[str, str, Tone]]:
    failed = result.failed_a or result.failed_b
    return [
        ("requests", f"{len(result.requests):,}", "plain"),
        ("predictions", f"{result.predictions:,}", "plain"),
        (
            f"changed · {share(result.changed, result.predictions)}",
            f"{result.changed:,}",
            "mismatched" if result.changed else "ok",
        ),
        ("values", f"{result.values:,}", "plain"),
        ("differ at all", f"{result.differing:,}", "plain"),
        ("beyond tolerance", f"{result.beyond:,}", "mismatched" if result.beyond else "ok"),
        (
            "failed, A · B",
            f"{result.failed_a:,} · {result.failed_b:,}",
            "failed" if failed else "ok",
        ),
    ]


def _sides_section(result: DiffResult) -> Markup | None:
    if not (result.latency_a_ms or result.latency_b_ms):
        return None
    a = [item.a.latency_ms for item in result.requests if not item.a.error]
    b = [item.b.latency_ms for item in result.requests if not item.b.error]
    forms = tuple(latency_overlay(a, b, is_log=is_log) for is_log in (False, True))
    headings = ["latency", "A, ms", "B, ms", "B against A"]
    table = fixed_table(
        "Latency of the requests that succeeded",
        headings,
        [_compared(name, result) for name in Latency.__dataclass_fields__],
    )
    return section(
        "latency",
        "Latency of both",
        scaled_plots(
            "Scale of latency", [(forms[0], forms[1])], is_log=wants_log([*a, *b]), beside=table
        ),
        legend(SIDES),
    )


def _compared(name: str, result: DiffResult) -> list[object]:
    values = [
        getattr(latency, name) if latency else None
        for latency in (result.latency_a_ms, result.latency_b_ms)
    ]
    a, b = values
    against = f"{100 * (b - a) / a:+.1f} %" if a and b is not None else "–"
    return [name, *("–" if value is None else figure(value) for value in values), against]


def _requests_section(result: DiffResult, statuses: list[str]) -> Markup:
    seen = Counter(statuses)
    places_ = decimals(result.latency_a_ms.p50 if result.latency_a_ms else 0.0)
    headings = [
        Heading("place", "Request", "place"),
        Heading("status", "Result", "status"),
        Heading("changed", "Changed", "number"),
        Heading("a_ms", "A, ms", "number", is_minor=True, decimals=places_),
        Heading("b_ms", "B, ms", "number", is_minor=True, decimals=places_),
        Heading("a_http", "A, status", "number", is_minor=True),
        Heading("b_http", "B, status", "number", is_minor=True),
        Heading("instances", "Instances", "number", is_minor=True),
    ]
    filters = status_filter("status", [(name, seen[name]) for name in STATUSES if seen[name]])
    return section(
        "requests", "Requests", data_table("requests", "request", headings, filters=filters)
    )


def _requests_data(result: DiffResult, statuses: list[str]) -> dict[str, Any]:
    requests = result.requests
    columns: dict[str, Any] = {
        "place": places([visible(item.place) for item in requests]),
        "status": names(statuses),
        "changed": numbers([item.changed for item in requests], digits=12),
        "differences": numbers([item.mismatch_count for item in requests], digits=12),
        "instances": numbers([item.instances for item in requests], digits=12),
    }
    for side in ("a", "b"):
        columns |= _side_columns(side, [getattr(item, side) for item in requests])
    return {
        "rows": len(requests),
        "search": ["place", "a_error", "b_error"],
        "details": [["a_error", "Error of A"], ["b_error", "Error of B"]],
        "parts": ["differences", "differences"],
        "columns": columns,
    }


def _side_columns(name: Literal["a", "b"], sides: list[Side]) -> dict[str, Any]:
    return {
        f"{name}_ms": numbers([side.latency_ms for side in sides]),
        f"{name}_http": numbers([side.status for side in sides]),
        f"{name}_error": names([visible(side.error) for side in sides]),
    }
