"""Percentiles by nearest rank, errors by message, figures of what succeeded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpr.errors import BadInput, UserCodeError
from cpr.replay.report import Latency, make_report, percentile, render
from cpr.replay.requests import RecordedRequest
from cpr.replay.run import Outcome, Run

MS = 1_000_000


def outcome(elapsed_ms, instances=1, error=None, line=1):
    return Outcome(RecordedRequest(b"", "r.jsonl", line), elapsed_ms * MS, instances, error)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([7], 50, 7),
        ([7], 99, 7),
        ([1, 2], 50, 1),
        ([1, 2, 3], 50, 2),
        ([1, 2, 3, 4], 50, 2),
        (range(1, 101), 95, 95),
        (range(1, 101), 99, 99),
        (range(1, 11), 95, 10),
        (range(1, 201), 99, 198),
        (range(1, 102), 99, 100),
        ([3, 9], 100, 9),
        ([3, 9], 0.001, 3),
    ],
    ids=str,
)
def test_percentile_is_the_nearest_rank(values, percent, expected):
    assert percentile(list(values), percent) == expected


@given(st.lists(st.integers(), min_size=1).map(sorted), st.integers(1, 100))
def test_percentile_is_the_least_value_that_so_many_do_not_exceed(values, percent):
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_figures_are_those_of_the_requests_that_succeeded():
    run = Run(
        [outcome(4, 10), outcome(2, 5), outcome(900, 7, BadInput("no")), outcome(6, 15)],
        elapsed_ns=2000 * MS,
    )
    report = make_report(run)
    assert (report.requests, report.failed, report.instances) == (4, 1, 30)
    assert report.latency_ms == Latency(min=2.0, p50=4.0, p95=6.0, p99=6.0, max=6.0)
    assert report.requests_per_s == 1.5
    assert report.instances_per_s == 15.0


def test_errors_are_grouped_by_message_the_most_frequent_first():
    errors = [BadInput("a"), BadInput("b"), UserCodeError("b"), BadInput("b")]
    run = Run([outcome(1, 1, error, line) for line, error in enumerate(errors, start=1)], MS)
    groups = make_report(run).errors
    assert [(type(g.error), g.error.problem, g.count, g.line) for g in groups] == [
        (BadInput, "b", 2, 2),
        (BadInput, "a", 1, 1),
        (UserCodeError, "b", 1, 3),
    ]


def test_nothing_succeeded_has_no_latency():
    report = make_report(Run([outcome(1, 1, BadInput("no"))], MS))
    assert report.latency_ms is None
    assert report.summary()["latency_ms"] is None
    assert "latency ms  none succeeded" in render(report)


def test_renders_a_table_and_the_errors():
    run = Run([outcome(2, 3), outcome(1, 0, BadInput("no", hint="why"), 2)], 500 * MS)
    assert render(make_report(run)) == (
        "requests    2\n"
        "instances   3\n"
        "failed      1\n"
        "latency ms  min 2.000  p50 2.000  p95 2.000  p99 2.000  max 2.000\n"
        "throughput  2.0 requests/s  6.0 instances/s\n"
        "\n"
        "1 × BadInput, first at r.jsonl:2\n"
        "    no\n"
        "    why"
    )


def test_renders_the_ten_most_frequent_messages():
    errors = [BadInput(f"message {number}") for number in range(12)]
    text = render(make_report(Run([outcome(1, 0, error) for error in errors], MS)))
    assert text.count("BadInput") == 10
    assert text.endswith("\n\nand 2 other messages")
