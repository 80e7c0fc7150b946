"""The report of a replay: how it went, how fast, what failed, what differs, every request."""

from __future__ import annotations

from collections import Counter
from typing import Any

from cpr.replay.results import Latency, ReplayResult, RequestResult
from cpr.reports.columns import names, numbers, places, steps
from cpr.reports.differences import differences_data, differences_section, worst
from cpr.reports.errors_section import errors_section
from cpr.reports.figures import count, decimals, duration, figure, share
from cpr.reports.html import Markup, page, visible
from cpr.reports.latency_plots import Points, histogram, keys, timeline, wants_log
from cpr.reports.parts import (
    Heading,
    Tone,
    data_table,
    document,
    least_filter,
    legend,
    scaled_plots,
    section,
    status_filter,
    tiles,
    verdict,
)

STATUSES = ("ok", "mismatched", "failed")


def render(result: ReplayResult, *, title: str) -> str:
    """A whole replay as one HTML file that needs nothing else.

    Args:
        result: What the replay found.
        title: The heading; `result.name` says what answered.
    """
    statuses = [status_of(item) for item in result.requests]
    shown = worst(result.requests)
    total = sum(item.mismatch_count for item in result.requests)
    body = document(
        "replay",
        title,
        _verdict(result),
        _context(result),
        [
            tiles(_figures(result)),
            _latency_section(result, statuses),
            errors_section([item.error for item in result.requests]),
            differences_section(
                shown, total, sides=("Expected", "Actual"), tolerance=result.tolerance
            )
            if shown
            else None,
            _requests_section(result, statuses),
        ],
    )
    tables = {"requests": _requests_data(result, statuses)}
    if shown:
        # The requests show their own differences, from this table.
        tables = {"differences": differences_data(shown), **tables}
    return page(f"{title} – cpr replay", body, data={"tables": tables})


def status_of(item: RequestResult) -> str:
    """One of `STATUSES`."""
    return "failed" if item.error else "mismatched" if item.mismatch_count else "ok"


def _verdict(result: ReplayResult) -> Markup:
    requests = len(result.requests)
    if not requests:
        return verdict("plain", "There was no request.")
    if result.is_ok:
        how = "answered as expected" if result.compared == requests else "answered"
        if 0 < result.compared < requests:
            how += f", {result.compared:,} of them compared and as expected"
        # One request is not "all".
        who = "The request was" if requests == 1 else f"All {requests:,} requests were"
        return verdict("ok", f"{who} {how}.")
    faults = []
    if result.failed:
        faults.append(f"{result.failed:,} failed")
    if result.mismatched:
        verb = "differs" if result.mismatched == 1 else "differ"
        faults.append(f"{result.mismatched:,} {verb} from what was expected")
    tone: Tone = "failed" if result.failed else "mismatched"
    return verdict(tone, f"Of {count(requests, 'request')}, {' and '.join(faults)}.")


def _context(result: ReplayResult) -> list[str]:
    lag = result.lag_ms
    return [
        result.name,
        f"{result.concurrency} at a time" if result.concurrency > 1 else "one at a time",
        f"tolerance: {result.tolerance}" if result.tolerance else "",
        f"latest request {duration(lag)} late" if lag is not None else "",
        *result.notes,
    ]


def _figures(result: ReplayResult) -> list[tuple[str, str, Tone]]:
    total = len(result.requests)
    good = total - sum(not item.is_ok for item in result.requests)
    shown: list[tuple[str, str, Tone]] = [
        ("requests", f"{total:,}", "plain"),
        (f"ok · {share(good, total)}", f"{good:,}", "ok" if good else "plain"),
        ("failed", f"{result.failed:,}", "failed" if result.failed else "plain"),
        _mismatched(result),
    ]
    if result.latency_ms:
        shown += [(name, duration(value), "plain") for name, value in marks(result.latency_ms)]
        shown.append(("max", duration(result.latency_ms.max), "plain"))
    return [
        *shown,
        ("requests/s", figure(round(result.requests_per_s, 1)), "plain"),
        ("instances/s", figure(round(result.instances_per_s, 1)), "plain"),
        ("instances", f"{result.instances:,}", "plain"),
        ("took", duration(result.elapsed_s * 1000), "plain"),
    ]


def _mismatched(result: ReplayResult) -> tuple[str, str, Tone]:
    if not result.compared:
        return "compared", "none", "plain"
    return "mismatched", f"{result.mismatched:,}", "mismatched" if result.mismatched else "plain"


def marks(latency: Latency) -> list[tuple[str, float]]:
    """The percentiles that are marked in plots."""
    return [("p50", latency.p50), ("p95", latency.p95), ("p99", latency.p99)]


def _latency_section(result: ReplayResult, statuses: list[str]) -> Markup | None:
    if not result.requests:
        return None
    points = Points(
        [item.started_ms / 1000 for item in result.requests],
        [item.latency_ms for item in result.requests],
        statuses,
    )
    good = [item.latency_ms for item in result.requests if not item.error]
    plots = [(timeline(points, is_log=False), timeline(points, is_log=True))]
    if result.latency_ms:
        found = marks(result.latency_ms)
        forms = (histogram(good, found, is_log=False), histogram(good, found, is_log=True))
        plots.insert(0, forms)
    return section(
        "latency",
        "Latency",
        scaled_plots("Scale of latency", plots, is_log=wants_log(good)),
        legend(keys(points)),
        note="From the request's bytes to the answer's. The figures and the distribution are "
        "of the requests that succeeded; the timeline shows all.",
    )


def _requests_section(result: ReplayResult, statuses: list[str]) -> Markup:
    seen = Counter(statuses)
    typical = result.latency_ms.p50 if result.latency_ms else 0.0
    headings = [
        Heading("place", "Request", "place"),
        Heading("status", "Result", "status"),
        Heading(
            "latency",
            "Latency, ms",
            "number",
            decimals=decimals(typical),
        ),
        Heading("differences", "Differences", "number", is_minor=True),
        Heading("http", "Status", "number", is_minor=True),
        Heading("instances", "Instances", "number", is_minor=True),
        Heading("sent", "Sent at, s", "number", is_minor=True, decimals=_sent_decimals(result)),
    ]
    if not result.compared:
        headings = [heading for heading in headings if heading.name != "differences"]
    filters = status_filter("status", [(name, seen[name]) for name in STATUSES if seen[name]])
    if result.latency_ms:
        limits = [(f"{name} or slower", value) for name, value in marks(result.latency_ms)]
        filters += [least_filter("latency", "Latency", limits)]
    return section(
        "requests", "Requests", data_table("requests", "request", headings, filters=filters)
    )


def _sent_decimals(result: ReplayResult) -> int:
    """Enough to tell a request from the next: milliseconds, or hundredths of them."""
    return 3 if result.elapsed_s >= 0.001 * len(result.requests) else 5


def _requests_data(result: ReplayResult, statuses: list[str]) -> dict[str, Any]:
    requests = result.requests
    return {
        "rows": len(requests),
        "search": ["place", "error"],
        "details": [["error", "Error"]],
        "parts": ["differences", "differences"],
        "columns": {
            "place": places([visible(item.place) for item in requests]),
            "status": names(statuses),
            "latency": numbers([item.latency_ms for item in requests]),
            "differences": numbers([item.mismatch_count for item in requests], digits=12),
            "http": numbers([item.status for item in requests]),
            "instances": numbers([item.instances for item in requests], digits=12),
            "sent": steps(
                [item.started_ms / 1000 for item in requests], per=10 ** _sent_decimals(result)
            ),
            "error": names([visible(item.error) for item in requests]),
        },
    }
