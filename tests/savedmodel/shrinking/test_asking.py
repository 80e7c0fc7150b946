"""How answers are compared, and what is told where the process that asks ends without one."""

import importlib.util

import numpy as np
import pytest

from cpr.errors import EnvironmentProblem
from cpr.savedmodel.shrinking.asking import Answer, compare, run_child

INF, NAN = np.inf, np.nan


def test_a_process_that_fails_is_told_with_its_last_line():
    with pytest.raises(EnvironmentProblem, match="No module named nowhere"):
        run_child("nowhere", {})


def test_a_missing_tensorflow_is_told_as_everywhere(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem) as raised:
        run_child("nowhere", {})
    assert raised.value.problem == "this needs the library 'tensorflow', which is not installed"
    assert raised.value.hint == "pip install 'cpr[tensorflow]'"


def answer(values, dtype):
    return Answer("", {"serve": {"y": np.array(values, dtype)}}, {})


def deviation(was, now, dtype="f4"):
    return compare(answer(was, dtype), answer(now, dtype), atol=0.1, rtol=0.1)


@pytest.mark.parametrize(
    ("was", "now", "dtype"),
    [
        ([1.0, 100.0], [1.19, 109.0], "f4"),
        ([NAN, INF, -INF], [NAN, INF, -INF], "f4"),
        ([1 + 2j], [1 + 2.2j], "c8"),
        ([], [], "f4"),
        ([b"a", b""], [b"a", b""], object),
        ([2**53 + 1], [2**53 + 1], "i8"),
    ],
    ids=["near", "not finite", "complex", "empty", "texts", "integers"],
)
def test_counts_as_the_same(was, now, dtype):
    assert deviation(was, now, dtype).is_within


@pytest.mark.parametrize(
    ("was", "now", "dtype"),
    [
        ([1.0, 100.0], [1.3, 100.0], "f4"),
        ([INF, 1.0], [3e38, 1.0], "f4"),
        ([INF], [-INF], "f4"),
        ([1.0], [INF], "f4"),
        ([1.0], [NAN], "f4"),
        ([NAN], [1.0], "f4"),
        ([1 + 2j], [1 + 3j], "c8"),
        ([b"a"], [b"b"], object),
        ([2**53 + 1], [2**53], "i8"),
        ([1.0], [1.0, 1.0], "f4"),
    ],
    ids=[
        *("far", "infinity became a number", "the other infinity", "became infinite"),
        *("became no number", "was no number", "imaginary part", "texts", "integers", "shape"),
    ],
)
def test_counts_as_different(was, now, dtype):
    assert not deviation(was, now, dtype).is_within


def test_an_infinity_that_stayed_does_not_hide_how_far_others_are():
    found = deviation([INF, 1.0], [INF, 5.0])
    assert (found.largest, found.where) == (4.0, "serve: y")
    assert found.excess == pytest.approx(3.8)


def test_a_signature_that_fails_is_named():
    failed = Answer("", {}, {"serve": "ValueError: no"})
    found = compare(answer([1.0], "f4"), failed, atol=1, rtol=1)
    assert found.problem == "signature serve fails: ValueError: no"
