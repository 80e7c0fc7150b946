import numpy as np
import pytest

from cpr.errors import BadInput, BadOutput
from cpr.wire.tensors import columns, dense, rows


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "dtype", "kind", "expected"),
    [
        pytest.param([1, 2], None, "int64", [1, 2], id="integers"),
        pytest.param([[1, 2.5]], None, "float64", [[1.0, 2.5]], id="mixed-numbers"),
        pytest.param([True, False], None, "bool", [True, False], id="booleans"),
        pytest.param([True, 2.5], None, "float64", [1.0, 2.5], id="boolean-among-numbers"),
        pytest.param([True, 2], None, "int64", [1, 2], id="boolean-among-integers"),
        pytest.param(["a", "bc"], None, "object", ["a", "bc"], id="text"),
        pytest.param([b"a\0"], None, "object", [b"a\0"], id="bytes-keep-trailing-nul"),
        pytest.param([], None, "float64", [], id="nothing"),
        pytest.param([[], []], np.int32, "int32", [[], []], id="empty-rows"),
        pytest.param(3, np.float32, "float32", 3.0, id="scalar"),
        pytest.param((1, (2)), np.float32, "float32", [1.0, 2.0], id="tuples"),
        pytest.param([1, 2.5], np.float32, "float32", [1.0, 2.5], id="integer-for-float"),
        pytest.param([1e39], np.float32, "float32", [float("inf")], id="float32-overflows"),
        pytest.param([2**64 - 1], np.uint64, "uint64", [2**64 - 1], id="uint64-limit"),
        pytest.param([-(2**63)], np.int64, "int64", [-(2**63)], id="int64-limit"),
        pytest.param(["é", b"\xff"], bytes, "object", [b"\xc3\xa9", b"\xff"], id="to-bytes"),
        pytest.param([1, "a", None], object, "object", [1, "a", None], id="any-scalars"),
        pytest.param(np.array([1.5]), np.float32, "float32", [1.5], id="array-is-cast"),
        pytest.param(np.array(["a"]), bytes, "object", [b"a"], id="text-array"),
        pytest.param(
            [np.arange(2), np.arange(2)], None, "int64", [[0, 1]] * 2, id="list-of-arrays"
        ),
    ],
)
def test_makes_one_array(value, dtype, kind, expected):
    array = dense(value, dtype)
    assert array.dtype.name == kind
    assert array.tolist() == expected


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        pytest.param(
            [[1, 2], [3]],
            None,
            "instances[1] has 1 values where instances[0] has 2; all must have as many.",
            id="ragged",
        ),
        pytest.param(
            [[[1], [2]], [[3], [4, 5]]],
            None,
            "instances[1][1] has 2 values where instances[0][0] has 1; all must have as many.",
            id="ragged-deep",
        ),
        pytest.param(
            [[1], 2], None, "instances[1] is 2; expected a list, as instances[0] is.", id="scalar"
        ),
        pytest.param(
            [1, [2]],
            None,
            "instances[1] is a list of 1 values; expected a number, as instances[0] is.",
            id="list",
        ),
        pytest.param(
            [1, "a"], None, "instances[1] is 'a'; expected a number, as instances[0] is.", id="text"
        ),
        pytest.param(
            [1, None],
            None,
            "instances[1] is null; expected a number, as instances[0] is.",
            id="null",
        ),
        pytest.param(
            [[1.5, True]],
            np.float32,
            "instances[0][1] is true; expected a number (float32).",
            id="boolean-for-float",
        ),
        pytest.param(
            ["1.5"], np.float64, "instances[0] is '1.5'; expected a number (float64).", id="quoted"
        ),
        pytest.param(
            [1.0], np.int32, "instances[0] is 1.0; expected an integer (int32).", id="float-for-int"
        ),
        pytest.param(
            [7, 300],
            np.int8,
            "instances[1] is 300; expected an integer from -128 to 127 (int8).",
            id="out-of-range",
        ),
        pytest.param([1], bool, "instances[0] is 1; expected true or false.", id="int-for-bool"),
        pytest.param([b"x"], str, "instances[0] is b'x'; expected text.", id="bytes-for-text"),
        pytest.param(
            ["\ud800"],
            bytes,
            r"instances[0] is '\ud800'; expected text without lone surrogates.",
            id="surrogate",
        ),
        pytest.param(
            [{"a": 1}],
            np.float32,
            "instances[0] is an object with 1 keys; expected a number (float32).",
            id="object",
        ),
        pytest.param(
            nested(100_000), None, "instances is nested more than 32 lists deep.", id="too-deep"
        ),
        pytest.param(
            [1, nested(100_000)],
            None,
            "instances[1] is a list of 1 values; expected a number, as instances[0] is.",
            id="deep-value-in-message",
        ),
        pytest.param(
            np.array([1.5]),
            np.int32,
            "instances holds float64 values; expected an integer (int32).",
            id="array-that-would-lose-digits",
        ),
    ],
)
def test_names_the_value_that_does_not_fit(value, dtype, message):
    with pytest.raises(BadInput) as caught:
        dense(value, dtype)
    assert caught.value.problem == message


def test_number_beyond_double_is_refused_with_its_path():
    with pytest.raises(BadInput, match=r"^instances\[1\] is 1000.*fits a double"):
        dense([1.0, 10**400], np.float32)


def test_null_becomes_nan_only_when_asked():
    assert np.isnan(dense([1, None], nulls_as_nan=True)[1])
    assert dense([1, None], nulls_as_nan=True).dtype == np.float64
    with pytest.raises(BadInput, match="is null; expected an integer"):
        dense([1, None], np.int32, nulls_as_nan=True)


def test_path_carries_the_instance_before_the_field():
    with pytest.raises(BadInput, match=r"^instances\[1\]\.age\[0\] is 'x'"):
        dense([[1], ["x"]], np.float32, what="instances{}.age")


def test_ragged_arrays_from_a_preprocessor_are_refused():
    with pytest.raises(BadInput, match="instances cannot be made an array"):
        dense([np.arange(2), np.arange(3)])


@pytest.mark.parametrize(
    ("instances", "names", "expected"),
    [
        pytest.param([1, 2], ["x"], {"x": [1, 2]}, id="bare-values"),
        pytest.param([{"x": 1}, 2], ["x"], {"x": [1, 2]}, id="object-or-bare"),
        pytest.param(
            [{"x": 1, "y": 2}, {"y": 4, "x": 3}], ["x", "y"], {"x": [1, 3], "y": [2, 4]}, id="rows"
        ),
        pytest.param([{}], [], {}, id="no-inputs"),
        pytest.param([], ["x", "y"], {"x": [], "y": []}, id="no-instances"),
    ],
)
def test_columns_follow_the_instances(instances, names, expected):
    assert columns(instances, names) == expected


@pytest.mark.parametrize(
    ("instances", "names", "problem", "hint"),
    [
        pytest.param(
            {"x": 1},
            ["x"],
            "instances must be a list, not an object with 1 keys.",
            "",
            id="not-a-list",
        ),
        pytest.param(
            [{"x": 1, "y": 1}, {"xx": 1, "y": 2}],
            ["x", "y"],
            "Unexpected tensor name: xx",
            "instances[1] may hold 'x', 'y'. Did you mean 'x'?",
            id="unknown-name",
        ),
        pytest.param(
            [{"x": 1, "y": 1}, {"x": 1}],
            ["x", "y"],
            "Input y was missing in at least one input instance.",
            "instances[1] must hold 'x', 'y'.",
            id="missing-name",
        ),
        pytest.param(
            [[1, 2]],
            ["x", "y"],
            "instances[0] is a list of 2 values; expected an object with the keys 'x', 'y'.",
            "",
            id="bare-value-for-two-inputs",
        ),
    ],
)
def test_columns_name_the_instance_at_fault(instances, names, problem, hint):
    with pytest.raises(BadInput) as caught:
        columns(instances, names)
    assert (caught.value.problem, caught.value.hint) == (problem, hint)


def test_one_output_gives_bare_values():
    scores = np.ones((2, 3), np.float32)
    assert rows({"scores": scores}, 2) is scores


def test_several_outputs_give_an_object_each():
    outputs = {"y": np.array([1.5, 2.5]), "name": np.array([b"a", "é".encode()], object)}
    assert rows(outputs, 2) == [{"y": 1.5, "name": "a"}, {"y": 2.5, "name": "é"}]


def test_only_outputs_with_the_suffix_stay_bytes():
    outputs = {"image_bytes": np.array([[b"\xff"]], object), "text": np.array([[b"a"]], object)}
    assert rows(outputs, 1) == [{"image_bytes": [b"\xff"], "text": ["a"]}]


def test_text_output_that_is_not_text_points_to_the_suffix():
    with pytest.raises(BadOutput, match="output 'y' holds bytes that are not UTF-8 text") as caught:
        rows({"y": np.array([b"\xff"], object)}, 1)
    assert caught.value.hint == "If your output is not text, give its alias the suffix _bytes."


def test_scalar_output_is_one_prediction():
    assert list(rows({"y": np.float32(3.0)}, 1)) == [3.0]


@pytest.mark.parametrize("shape", [(), (3,), (1, 2)], ids=str)
def test_output_without_one_value_an_instance_is_refused(shape):
    message = rf"^output 'y' has shape {list(shape)}, but there are 2 instances".replace("[", r"\[")
    with pytest.raises(BadOutput, match=message):
        rows({"y": np.zeros(shape)}, 2)
