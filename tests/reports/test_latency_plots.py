"""Plots of latency: every request is in them, whatever their number and spread."""

import re

import pytest

from cpr.reports.latency_plots import SLICES, Points, histogram, keys, timeline, wants_log
from cpr.reports.overlay_plots import latency_overlay, overlay
from cpr.reports.svg import BOTTOM, LEFT, RIGHT, TOP

SCALES = pytest.mark.parametrize("is_log", [False, True], ids=["linear", "log"])


def counted(svg):
    """What the tips of the bars say: so many requests each."""
    return [
        int(n.replace(",", "")) for n in re.findall(r'data-tip="(?:[^":]*: )?([\d,]+) request', svg)
    ]


def places(svg):
    return [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)h0", svg)]


@SCALES
@pytest.mark.parametrize(
    "latencies",
    [[2.5], [2.5] * 9, [0.0, 0.0], [0.0, 1e-7, 5e6], [0.1 * n for n in range(1000)]],
    ids=["one", "equal", "zero", "far apart", "many"],
)
def test_histogram_counts_every_request(latencies, is_log):
    svg = histogram(latencies, [("p50", latencies[len(latencies) // 2])], is_log=is_log)
    assert sum(counted(svg)) == len(latencies)
    assert "nan" not in svg.lower()
    for left in map(float, re.findall(r'<rect x="([\d.]+)"', svg)):
        assert LEFT <= left <= RIGHT


def test_histogram_marks_percentiles_where_they_are():
    svg = histogram([0.0, 5.0, 10.0], [("p50", 5.0), ("p99", 10.0)], is_log=False)
    # The scale ends 2 % beyond the greatest latency.
    middle = LEFT + (RIGHT - LEFT) * 5 / 10.2
    assert f'd="M{middle:.1f} ' in svg
    assert ">p50 5 ms<" in svg
    assert ">p99 10 ms<" in svg
    assert 'aria-label="Distribution of latency of 3 requests: p50 5 ms, p99 10 ms."' in svg


@SCALES
def test_timeline_draws_few_requests_one_by_one(is_log):
    points = Points(
        [0.0, 1.0, 2.0, 3.0], [1.0, 4.0, 2.0, 3.0], ["ok", "failed", "mismatched", "ok"]
    )
    svg = timeline(points, is_log=is_log)
    assert len(places(svg)) == 2
    assert 'class="mark failed"' in svg
    assert 'class="mark mismatched"' in svg
    assert "4 requests: 2 ok, 1 failed, 1 mismatched." in svg


def test_timeline_puts_requests_at_their_time_and_latency():
    first, last = places(timeline(Points([0.0, 1.0], [0.0, 10.0], ["ok", "ok"]), is_log=False))
    assert first == (LEFT, BOTTOM)
    assert last == (
        pytest.approx(LEFT + (RIGHT - LEFT) / 1.01, abs=0.1),
        pytest.approx(BOTTOM - (BOTTOM - TOP) / 1.02, abs=0.1),
    )


@SCALES
def test_timeline_of_many_requests_is_small_and_counts_them_all(is_log):
    number = 100_000
    statuses = ["failed" if n % 100 == 0 else "ok" for n in range(number)]
    points = Points(
        [n / 500 for n in range(number)], [1 + n % 997 / 100 for n in range(number)], statuses
    )
    svg = timeline(points, is_log=is_log)
    assert len(svg) < 60_000
    assert sum(counted(svg)) == 99_000
    failed = [int(number) for number in re.findall(r'data-tip="([\d]+) failed"', svg)]
    assert sum(failed) == 1000
    assert len(failed) <= SLICES


def test_timeline_of_failures_alone_has_no_dots():
    svg = timeline(Points([0.0], [0.0], ["failed"]), is_log=True)
    assert not places(svg)
    assert 'class="mark failed"' in svg


def test_legend_names_what_is_drawn():
    few = Points([0.0, 1.0], [1.0, 1.0], ["ok", "failed"])
    assert keys(few) == [("mark ok", "ok (1)"), ("mark failed", "failed (1)")]
    many = Points([0.0] * 2000, [1.0] * 2000, ["ok"] * 2000)
    assert [text for _, text in keys(many)] == [
        "ok (2,000)", "least to greatest", "middle 90 %", "median",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("latencies", "expected"), [([1, 1, 1, 9], True), ([1, 2, 3], False), ([], False)], ids=str
)
def test_a_long_tail_is_shown_by_logarithm(latencies, expected):
    assert wants_log(latencies) is expected


def test_overlay_tells_both_counts_of_each_bin():
    svg = overlay([0, 1, 2], [3, 0], [1, 4], name="score", noun="value")
    assert re.findall(r'data-tip="([^"]+)"', svg) == ["0 to 1: A 3, B 1", "1 to 2: A 0, B 4"]
    assert svg.count('class="side-a"') == 1
    assert "score: 3 values of A and 5 of B, from 0 to 2." in svg


@SCALES
@pytest.mark.parametrize(("a", "b"), [([1.0, 2.0], []), ([0.0], [0.0]), ([1e-6], [1e6])], ids=str)
def test_overlay_of_latencies_has_both_sides(a, b, is_log):
    svg = latency_overlay(a, b, is_log=is_log)
    pairs = re.findall(r": A (\d+), B (\d+)", svg)
    assert sum(int(left) for left, _ in pairs) == len(a)
    assert sum(int(right) for _, right in pairs) == len(b)


def test_overlay_of_one_value_can_be_drawn():
    assert "nan" not in overlay([2.0, 2.0], [5], [5], name="score", noun="value")
