"""Comparing: values under tolerance, and every kind of difference by its name."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpr.replay.compare import Comparer, is_same
from cpr.replay.tolerance import make_tolerance

NAN, INF = math.nan, math.inf


def differences(expected, actual, **tolerance):
    comparer = Comparer(make_tolerance(**tolerance))
    found = comparer.compare(expected, actual)
    return [(item.path, item.kind, item.expected, item.actual) for _, item in found.mismatches]


EQUAL = {
    "integer and float": (1, 1.0),
    "NaN": ([NAN], [NAN]),
    "infinity": ([INF, -INF], [INF, -INF]),
    "within rtol": (1000.0, 1000.009),
    "within atol": (0.0, 1e-8),
    "negative zero": (0.0, -0.0),
    "order of keys": ({"a": 1, "b": [None]}, {"b": [None], "a": 1}),
    "huge integers": (10**400, 10**400),
    "empty": ({"a": [], "b": {}}, {"a": [], "b": {}}),
    "text": ("ä", "ä"),
    "truth": ([True, False], [True, False]),
}


@pytest.mark.parametrize(("expected", "actual"), EQUAL.values(), ids=EQUAL)
def test_agree(expected, actual):
    assert differences(expected, actual) == []


DIFFERENT = {
    "float": (1.0, 1.1, "value"),
    "integers are exact by default": (100_000, 100_001, "value"),
    "huge integers": (10**400, 10**400 + 1, "value"),
    "huge and float": (10**400, 1.0, "value"),
    "NaN and number": (NAN, 1.0, "value"),
    "number and NaN": (1.0, NAN, "value"),
    "infinity and number": (INF, 1e308, "value"),
    "number and infinity": (1e308, INF, "value"),
    "infinities": (INF, -INF, "value"),
    "true is no number": (1, True, "type"),
    "false is no number": (False, 0.0, "type"),
    "null and NaN": (None, NAN, "type"),
    "null and zero": (None, 0, "type"),
    "text": ("a", "A", "value"),
    "text and number": ("1", 1, "type"),
    "list and object": ([1], {"0": 1}, "type"),
    "list and number": ([1], 1, "type"),
}


@pytest.mark.parametrize(("expected", "actual", "kind"), DIFFERENT.values(), ids=DIFFERENT)
def test_differ(expected, actual, kind):
    [(path, found, _, _)] = differences(expected, actual)
    assert (path, found) == ("(response)", kind)


def test_structure_is_named():
    expected = {"predictions": [{"a": 1, "b": 2}, {"a": 3}, {"a": 4}]}
    actual = {"predictions": [{"a": 1, "c": 5}, {"a": 3}]}
    assert differences(expected, actual) == [
        ("predictions", "length", 3, 2),
        ("predictions[0].b", "missing", 2, None),
        ("predictions[0].c", "extra", None, 5),
    ]


def test_differences_and_excess_are_measured():
    comparer = Comparer(make_tolerance(atol=0.1, rtol=0.1))
    [(path, found)] = comparer.compare({"p": [2.0]}, {"p": [3.5]}).mismatches
    assert path == ("p", 0)
    assert (found.abs_diff, found.rel_diff) == (1.5, 0.75)
    assert found.excess == pytest.approx(1.5 / 0.3)


def test_relative_tolerance_refers_to_what_is_expected():
    assert differences(100.0, 110.0, atol=0, rtol=0.1) == []
    assert len(differences(110.0, 121.1, atol=0, rtol=0.1)) == 1
    assert len(differences(0.0, 1e-300, atol=0, rtol=1.0)) == 1


def test_tolerance_that_is_given_holds_for_integers_too():
    assert differences([1, 5], [2, 5], atol=1) == []
    assert differences({"n": 1, "m": 1}, {"n": 3, "m": 1}, by_path=["n=2"]) == []


def test_path_s_tolerance_replaces_the_common_one():
    flags = {"by_path": ["p[*].score=0.5"], "atol": 0, "rtol": 0}
    expected = {"p": [{"score": 1.0, "other": 1.0}]}
    assert differences(expected, {"p": [{"score": 1.5, "other": 1.0}]}, **flags) == []
    assert [
        path for path, *_ in differences(expected, {"p": [{"score": 1.6, "other": 1.1}]}, **flags)
    ] == ["p[0].score", "p[0].other"]


def test_ignored_places_are_not_looked_into():
    expected = {"p": [{"id": "a", "x": 1}, {"x": 1}], "t": [1, 2]}
    actual = {"p": [{"id": "b", "x": 1}, {"id": "c", "x": 2}], "t": [1]}
    assert differences(expected, actual, ignore=["p[*].id", "t", "p[1].*"]) == []


def test_patterns_that_met_nothing_are_known():
    comparer = Comparer(make_tolerance(by_path=["a=1", "b=1"], ignore=["c", "d"]))
    comparer.compare({"a": 1, "c": 2}, {"a": 1, "c": 3})
    assert comparer.unused == ["b", "d"]


def test_what_vertex_adds_is_compared_only_where_both_have_it():
    ours = {"predictions": [1]}
    theirs = {"predictions": [1], "deployedModelId": "7", "modelVersionId": "1", "metadata": {}}
    assert differences(theirs, ours) == differences(ours, theirs) == []
    assert len(differences(theirs, {**theirs, "deployedModelId": "8"})) == 1
    assert len(differences({"model": 1}, {})) == 1


def test_values_are_counted():
    comparer = Comparer(make_tolerance(rtol=0.5))
    found = comparer.compare({"p": [1.0, 2.0, 3.0, "a"]}, {"p": [1.0, 2.5, 9.0, "a", "b"]})
    assert (found.values, found.differing) == (4, 2)
    assert [path for path, _ in found.mismatches] == [("p",), ("p", 2)]


def test_worst_is_first():
    comparer = Comparer(make_tolerance(atol=1.0, rtol=0.0))
    found = comparer.compare([1.0, 1.0, "a", 0.0], [5.0, 9.0, "b", INF])
    assert [item.path for item in found.worst_first()] == ["[2]", "[3]", "[1]", "[0]"]


def test_depth_needs_no_stack():
    deep = []
    for _ in range(5_000):
        deep = [deep]
    assert Comparer(make_tolerance()).compare(deep, deep).mismatches == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=20,
)


@given(JSON)
def test_every_document_agrees_with_itself(document):
    assert differences(document, document, atol=0, rtol=0) == []


@given(JSON, JSON)
def test_difference_is_seen_from_both_sides(left, right):
    there = differences(left, right, atol=0, rtol=0)
    back = differences(right, left, atol=0, rtol=0)
    assert sorted(path for path, *_ in there) == sorted(path for path, *_ in back)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False), st.floats(0, 1), st.floats(0, 1))
def test_numbers_agree_as_numpy_isclose_says(expected, actual, atol, rtol):
    import numpy as np

    with np.errstate(all="ignore"):
        close = bool(np.isclose(actual, expected, atol=atol, rtol=rtol))
    assert (differences(expected, actual, atol=atol, rtol=rtol) == []) is close


def test_sameness_is_by_value():
    assert is_same(2, 2.0)
    assert not is_same(True, 1)
    assert is_same(NAN, NAN)
