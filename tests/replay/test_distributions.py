"""Distributions: figures worked out by hand, and odd values that must not break them."""

import math

import numpy as np
import pytest

from cpr.replay.distributions import Outputs, ks_statistic
from cpr.replay.shifts import LabelChange, LabelShift


def shifts(pairs, path=("predictions", 0)):
    outputs = Outputs()
    for number, (a, b) in enumerate(pairs):
        steps = tuple(number if step == 0 else step for step in path)
        outputs.add(steps, a, b, a == b)
    return outputs.shifts()


def test_figures_of_a_number_are_those_worked_out_by_hand():
    [found], labels = shifts([(1.0, 1.0), (2.0, 2.5), (3.0, 3.0), (6.0, 4.5)])
    assert labels == []
    assert (found.output, found.values, found.differing, found.beyond) == (
        "predictions[*]",
        4,
        2,
        2,
    )
    assert (found.max_abs_diff, found.mean_abs_diff) == (1.5, 0.5)
    assert (found.a.mean, found.a.std) == (3.0, math.sqrt((4 + 1 + 0 + 9) / 4))
    assert (found.a.min, found.a.p5, found.a.p50, found.a.p95, found.a.max) == (1, 1, 2, 6, 6)
    assert (found.b.mean, found.b.p50, found.b.max) == (2.75, 2.5, 4.5)
    # Up to 2 there are 2 of 4 of A and 1 of 4 of B; no gap is larger.
    assert found.ks == 0.25
    assert len(found.edges) == len(found.counts_a) + 1 == len(found.counts_b) + 1
    assert (found.edges[0], found.edges[-1]) == (1.0, 6.0)
    assert sum(found.counts_a) == sum(found.counts_b) == 4


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1, 2, 3], [3, 2, 1], 0.0),
        ([1, 2, 3], [4, 5, 6], 1.0),
        ([1, 2, 3, 4], [2, 3, 4, 5], 0.25),
        ([1, 1, 1, 2], [1, 2, 2, 2], 0.5),
        ([1], [1, 2], 0.5),
        ([], [1], None),
    ],
    ids=str,
)
def test_ks_is_the_largest_gap_of_the_shares(a, b, expected):
    assert ks_statistic(np.array(a, float), np.array(b, float)) == expected


def test_ks_agrees_with_scipy():
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    random = np.random.default_rng(7)
    a, b = random.normal(size=200).round(1), random.normal(0.3, 1.2, size=200).round(1)
    assert ks_statistic(a, b) == pytest.approx(stats.ks_2samp(a, b).statistic, abs=1e-12)


def test_labels_are_counted_as_pairs():
    numbers, [found] = shifts([("a", "a"), ("a", "b"), ("b", "b"), ("a", "a"), ("b", None)])
    assert numbers == []
    assert found == LabelShift(
        "predictions[*]",
        values=5,
        changed=2,
        confusion=(
            LabelChange('"a"', '"a"', 2),
            LabelChange('"a"', '"b"', 1),
            LabelChange('"b"', '"b"', 1),
            LabelChange('"b"', "null", 1),
        ),
    )


KINDS = {
    "truth values": ([(True, False)], "label"),
    "few whole numbers": ([(1, 2), (2, 2)], "label"),
    "many whole numbers": ([(n, n) for n in range(60)], "number"),
    "whole and broken numbers": ([(1, 1.5)], "number"),
    "number and text": ([(1.0, "x")], "label"),
    "number and list": ([(1.0, [2])], "label"),
}


@pytest.mark.parametrize(("pairs", "kind"), KINDS.values(), ids=KINDS)
def test_kind_of_an_output_is_told_by_its_values(pairs, kind):
    numbers, labels = shifts(pairs)
    assert (len(numbers), len(labels)) == ((1, 0) if kind == "number" else (0, 1))


def test_numbers_that_are_not_finite_are_counted_and_left_out():
    pairs = [(math.nan, 1.0), (math.inf, 2.0), (3.0, 4.0), (math.nan, math.nan)]
    [found], _ = shifts(pairs)
    assert (found.a.count, found.a.nonfinite, found.a.mean) == (4, 3, 3.0)
    assert (found.b.nonfinite, found.max_abs_diff, found.differing) == (1, 1.0, 3)


@pytest.mark.parametrize(
    "pairs",
    [
        [(math.nan, math.nan)],
        [(0.5, 0.5)],
        [(1e308, -1e308)],
        [(5e-324, 1e-323)],
        [(10**400, 1.5)],
        [(1.0, 1.0 + 2**-52)],
    ],
    ids=["nan", "constant", "widest", "narrowest", "beyond doubles", "one bit"],
)
def test_extremes_have_figures_too(pairs):
    [found], _ = shifts(pairs)
    assert found.values == 1
    assert len(found.edges) in (0, 31)


def test_elements_of_a_vector_are_outputs_of_their_own():
    outputs = Outputs()
    for instance in range(3):
        for element in range(4):
            outputs.add(("predictions", instance, element), 0.5, 0.5, True)
            outputs.add(("predictions", instance, "box", element), 0.5, 0.5, True)
    numbers, _ = outputs.shifts()
    assert [item.output for item in numbers] == [
        name for n in range(4) for name in (f"predictions[*][{n}]", f"predictions[*].box[{n}]")
    ]


def test_elements_of_a_long_vector_are_one_output():
    outputs = Outputs()
    for element in range(100):
        outputs.add(("predictions", 0, element), 0.5, 0.5, True)
    [found], _ = outputs.shifts()
    assert (found.output, found.values) == ("predictions[*][*]", 100)
