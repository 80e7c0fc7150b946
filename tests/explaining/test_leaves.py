"""Instances as lists of values, and back."""

import pytest

from cpr.errors import BadInput
from cpr.explaining.leaves import by_feature, leaves, like, rebuilder

FORMS = {
    "number": (3, [3]),
    "text": ("abc", ["abc"]),
    "bytes": (b"abc", [b"abc"]),
    "null": (None, [None]),
    "row": ([1, "a", None, True], [1, "a", None, True]),
    "object": ({"age": 3, "job": "clerk"}, [3, "clerk"]),
    "matrix": ([[1, 2], [3, 4]], [1, 2, 3, 4]),
    "object_of_rows": ({"x": [1, [2]], "y": 3}, [1, 2, 3]),
    "empty": ([], []),
}


@pytest.mark.parametrize(("instance", "values"), FORMS.values(), ids=FORMS)
def test_an_instance_is_taken_apart_and_put_together(instance, values):
    assert leaves(instance) == values
    if values:
        assert rebuilder(instance)(values) == instance


def test_the_values_of_an_instance_are_replaced_in_place():
    assert rebuilder({"x": [1, [2]], "y": 3})([7, 8, 9]) == {"x": [7, [8]], "y": 9}


@pytest.mark.parametrize(
    ("baseline", "instance", "values"),
    [
        (0, [1, 2, 3], [0, 0, 0]),
        ([4, 5], [1, 2], [4, 5]),
        ({"y": 0, "x": [1, 2], "z": 5}, {"x": [3, 4], "y": 5}, [1, 2, 0]),
        ({"x": 9, "y": 0}, {"x": [3, 4], "y": 5}, [9, 9, 0]),
        ([[0], [1]], [[5], [6]], [0, 1]),
    ],
    ids=["one_for_all", "row", "object_in_any_order", "one_for_a_key", "nested"],
)
def test_a_baseline_has_the_form_of_the_instance(baseline, instance, values):
    assert like(baseline, instance, what="baseline") == values


@pytest.mark.parametrize(
    ("baseline", "instance", "said"),
    [
        ([1], [1, 2], "baseline has 1 values where the instance has 2"),
        ({"a": 1}, {"b": 2}, "baseline has no 'b', which the instance has"),
        ([1], 5, "baseline is [1] where the instance is 5"),
        ({"x": [1, 2, 3]}, {"x": [1, 2]}, "baseline.x has 3 values where the instance has 2"),
    ],
    ids=["too_short", "key_missing", "list_for_number", "nested"],
)
def test_a_baseline_of_another_form_is_refused(baseline, instance, said):
    with pytest.raises(BadInput) as caught:
        like(baseline, instance, what="baseline")
    assert said in caught.value.problem
    assert caught.value.hint


@pytest.mark.parametrize(
    ("instance", "names", "found"),
    [
        ({"a": 1, "b": [2, 3]}, [], {"a": 0.1, "b": [0.2, 0.3]}),
        ([7, 8, 9], ["x", "y", "z"], {"x": 0.1, "y": 0.2, "z": 0.3}),
        ([7, 8, 9], ["image"], {"image": [0.1, 0.2, 0.3]}),
        ([7, 8, 9], [], {"features": [0.1, 0.2, 0.3]}),
        ([[7], [8], [9]], ["x"], {"x": [[0.1], [0.2], [0.3]]}),
        ([7], ["x"], {"x": 0.1}),
    ],
    ids=["object", "named_row", "one_input", "unnamed", "nested", "single"],
)
def test_attributions_are_told_by_feature(instance, names, found):
    values = [0.1, 0.2, 0.3][: len(leaves(instance))]
    assert by_feature(values, instance, names) == found
