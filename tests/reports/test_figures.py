"""Numbers as people read them, and the scales of plots."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpr.reports.figures import Scale, count, decimals, duration, figure, share, spread, tick


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (7, "7"), (1234.0, "1,234"), (1234.5, "1,234"), (12.345, "12.3"), (0.5, "0.500"),
        (0.001234, "0.00123"), (4.56e-7, "4.56e-07"), (-2.5, "-2.50"), (1e20, "1.00e+20"),
        (math.nan, "NaN"), (math.inf, "∞"), (-math.inf, "−∞"),
    ],
)  # fmt: skip
def test_figures_have_three_digits(value, text):
    assert figure(value) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "0 ms"), (0.00538, "5.38 µs"), (2.14, "2.14 ms"), (999, "999 ms"), (12_345, "12.3 s")],
)
def test_durations_have_the_unit_that_suits_them(milliseconds, text):
    assert duration(milliseconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.005, "0.005"), (250, "250"), (5000, "5000"), (10_000, "10k"), (1.5e6, "1.5M"), (2e9, "2G")],
)
def test_ticks_are_short(value, text):
    assert tick(value) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 9, "0 %"), (9, 9, "100 %"), (0, 0, "0 %"), (1, 8, "12.5 %"),
        (1, 100_000, "< 0.1 %"), (99_999, 100_000, "> 99.9 %"),
    ],
)  # fmt: skip
def test_a_share_is_all_or_nothing_only_when_it_is(part, whole, text):
    assert share(part, whole) == text


def test_one_is_not_plural():
    assert count(1, "request") == "1 request"
    assert count(2000, "request") == "2,000 requests"


@pytest.mark.parametrize(("typical", "expected"), [(0.0, 3), (0.05, 4), (2.0, 2), (250.0, 0)])
def test_decimals_show_three_digits_of_a_typical_value(typical, expected):
    assert decimals(typical) == expected


@pytest.mark.parametrize(
    ("scale", "value", "place"),
    [
        (Scale(0, 10, 100, 200), 5, 150.0),
        (Scale(0, 10, 100, 200), 11, 200.0),
        (Scale(0, 10, 200, 100), 2, 180.0),
        (Scale(1, 100, 0, 100, is_log=True), 10, 50.0),
        (Scale(1, 100, 0, 100, is_log=True), 0, 0.0),
    ],
    ids=["middle", "beyond", "upwards", "log", "zero on a log scale"],
)
def test_values_are_drawn_where_they_belong(scale, value, place):
    assert scale.at(value) == place


@pytest.mark.parametrize(
    ("scale", "ticks"),
    [
        (Scale(0, 10, 0, 1), [0, 2, 4, 6, 8, 10]),
        (Scale(0, 0.02, 0, 1), [0, 0.005, 0.01, 0.015, 0.02]),
        (Scale(0.5, 120, 0, 1, is_log=True), [1, 3, 10, 30, 100]),
        (Scale(1, 10, 0, 1, is_log=True), [1, 2, 5, 10]),
        (Scale(2.1, 2.9, 0, 1, is_log=True), [2.2, 2.4, 2.6, 2.8]),
        (Scale(1e-6, 1e6, 0, 1, is_log=True), [1e-6, 1e-3, 1, 1e3, 1e6]),
    ],
    ids=["tens", "parts", "decades", "one decade", "within a decade", "many decades"],
)
def test_ticks_are_round(scale, ticks):
    assert scale.ticks(5) == pytest.approx(ticks)


@given(st.floats(1e-9, 1e9), st.floats(1.0001, 1e9), st.booleans(), st.integers(2, 8))
def test_ticks_lie_within_the_scale_and_are_few(low, factor, is_log, wanted):
    scale = Scale(low, low * factor, 0, 100, is_log)
    ticks = scale.ticks(wanted)
    assert 1 <= len(ticks) <= 2 * wanted + 1
    assert all(low * 0.999 <= value <= low * factor * 1.001 for value in ticks)
    assert ticks == sorted(set(ticks))


def test_edges_cut_a_scale_into_equal_bins():
    assert Scale(0, 4, 0, 1).edges(4) == [0, 1, 2, 3, 4]
    assert Scale(1, 16, 0, 1, is_log=True).edges(4) == pytest.approx([1, 2, 4, 8, 16])


@pytest.mark.parametrize(
    ("values", "ends"), [([3, 1], (1, 3)), ([0.0], (-1, 1)), ([4.0, 4.0], (3.8, 4.2))]
)
def test_a_range_is_never_empty(values, ends):
    assert spread(values) == pytest.approx(ends)
