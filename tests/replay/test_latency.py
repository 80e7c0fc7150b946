"""Percentiles by nearest rank."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpr.replay.latency import latency_of, percentile
from cpr.replay.results import Latency


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


def test_figures_are_of_the_sorted_values():
    assert latency_of([6.0, 4.0, 2.0]) == Latency(min=2.0, p50=4.0, p95=6.0, p99=6.0, max=6.0)


def test_nothing_has_no_latency():
    assert latency_of([]) is None
