"""Answers agree exactly, and floats nearly."""

import json

import pytest

from cpr.checks.behaviour.compare import difference
from cpr.checks.behaviour.strict_json import strict_fault


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ([1.0], [1.000001], ""),
        ([1.0], [1.0001], "[0]: 1.0 against 1.0001"),
        ([0.0], [5e-7], ""),
        ([0.0], [5e-6], "[0]: 0.0 against 5e-06"),
        ([1], [1.0], ""),
        ([100000], [100001], "[0]: 100000 against 100001"),
        ([1], [True], "[0]: 1 against True"),
        ([0.0], [False], "[0]: 0.0 against False"),
        (["a"], ["b"], "[0]: 'a' against 'b'"),
        ([None], [0], "[0]: None against 0"),
        ([float("nan")], [float("nan")], ""),
        ([float("nan")], [1.0], "[0]: nan against 1.0"),
        ([float("inf")], [float("inf")], ""),
        ([1, 2], [1], ": 2 values against 1"),
        ({"a": [{"b": 1.5}]}, {"a": [{"b": 2.5}]}, "a[0].b: 1.5 against 2.5"),
        ({"a": 1}, {"b": 1}, "the answer: keys 'a' against 'b'"),
        ([{"b": 1, "a": 2}], [{"a": 2, "b": 1}], ""),
    ],
)
def test_the_first_difference_is_named(one, other, said):
    assert difference(json.dumps(one).encode(), json.dumps(other).encode()) == said


def numpy():
    return pytest.importorskip("numpy")


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda np: [1, 2.5, "x", None, True, (1,)], ""),
        (lambda np: [np.float64(1.5), np.str_("x")], ""),
        (lambda np: [np.float32(1.5)], "predictions[0] is of type numpy.float32"),
        (lambda np: {"a": [{"b": np.int64(1)}]}, "predictions.a[0].b is of type numpy.int64"),
        (lambda np: np.zeros(2), "predictions is of type numpy.ndarray"),
        (lambda np: {(1, 2): 3}, "predictions has a key of type tuple"),
        (lambda np: [b"x"], "predictions[0] is of type bytes"),
    ],
    ids=["plain", "float64", "float32", "nested", "array", "key", "bytes"],
)
def test_what_plain_json_refuses_is_found_as_json_finds_it(build, said):
    value = build(numpy())
    assert strict_fault(value) == said
    if said:
        with pytest.raises(TypeError):
            json.dumps(value)
    else:
        json.dumps(value)
