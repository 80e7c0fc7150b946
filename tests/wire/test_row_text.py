"""The rows of a joint answer, as text, are those of answers written one by one."""

import json

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cpr.wire.row_text import row_texts, serving_floats, serving_row_texts

WRITTEN = {
    "integers": np.arange(3),
    "one_number": np.array([7]),
    "matrix": np.arange(6, dtype=np.uint8).reshape(3, 2),
    "narrow_matrix": np.arange(3).reshape(3, 1),
    "doubles": np.array([0.1, 1e300, -0.0]),
    "singles": np.array([[0.1, 1 / 3]], np.float32),
    "halves": np.array([0.1], np.float16),
    "booleans": np.array([[True], [False]]),
    "strided": np.arange(8).reshape(2, 4)[:, ::2],
    "columns_first": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "texts": ["a", 'b"],[', "nul", "é\n"],
    "numbers": [1, 2.5, True],
    "lists": [[1], [], [[2], [3]]],
    "objects": [{"a": np.float32(0.1), "b": np.arange(2)}, {}],
    "bytes": [b"ab"],
    "no_rows": [],
}


@pytest.mark.parametrize("value", WRITTEN.values(), ids=WRITTEN)
def test_rows_are_written_as_the_whole_is(value):
    texts = row_texts(value)
    whole = orjson.dumps(
        np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value,
        option=orjson.OPT_SERIALIZE_NUMPY,
        default=lambda b: {"b64": "YWI="},
    )
    assert b"[" + b",".join(texts) + b"]" == whole
    assert len(texts) == len(value)


LEFT_ALONE = {
    "nan": np.array([1, np.nan]),
    "infinity": [1.0, float("inf")],
    "null": [None],
    "missing_time": [np.datetime64("NaT"), "1970-01-01T00:00:00"],
    "no_rows": np.zeros((0, 2)),
    "empty_rows": np.zeros((2, 0)),
    "three_dimensions": np.zeros((2, 2, 2)),
    "no_dimension": np.array(1),
    "texts": np.array(["a"]),
    "objects": np.array([{}]),
    "long_double": np.array([1], np.longdouble),
    "tuple": (1, 2),
    "object": {"a": 1},
    "text": "ab",
    "no_json": [object()],
    "subclass": np.ma.masked_array([1, 2], [True, False]),
}


@pytest.mark.parametrize("value", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_what_needs_a_closer_look_is_left_alone(value):
    assert row_texts(value) is None


@pytest.mark.parametrize(
    ("numbers", "dtype", "texts"),
    [
        ([1, -3, 0, 250, -0.0], "f4", ["1.0", "-3.0", "0.0", "250.0", "-0.0"]),
        ([0.1, 1 / 3, 2**24, 1.23456776], "f4", ["0.1", "0.333333343", "16777216.0", "1.23456776"]),
        ([9e6, 1e-7, 123456, 1e20], "f4", ["9e+06", "1e-07", "123456.0", "1e+20"]),
        ([0.1, 1 / 3, 123456789, 2.5], "f8", ["0.1", "0.33333333333333331", "123456789.0", "2.5"]),
        ([1 / 3, 2 / 3], "f4", ["0.333333343", "0.666666687"]),
        ([5e-324, 1e300], "f8", ["4.94066e-324", "1e+300"]),
        ([np.nan, np.inf, -np.inf, 7], "f4", ["NaN", "Infinity", "-Infinity", "7.0"]),
        ([], "f4", []),
    ],
    ids=str,
)
def test_floats_are_written_as_tensorflow_serving_writes_them(numbers, dtype, texts):
    assert serving_floats(np.array(numbers, dtype)) == texts


@given(arrays.arrays(st.sampled_from(["f4", "f8"]), st.integers(1, 20)))
def test_floats_are_read_back_as_they_were(array):
    again = np.array([json.loads(text) for text in serving_floats(array)]).astype(array.dtype)
    np.testing.assert_array_equal(again, array)


BITS = arrays.arrays(np.uint32, st.integers(17, 40))
EDGES = np.array([1e-4, 9.9999e-5, 999999, 1e6, 999998.94, 0.1, 1e-5, 9.9999994, 0, -0.0], "f4")


@given(BITS, st.integers(-3, 3))
def test_many_floats_are_written_as_few_are(bits, steps):
    edges = (EDGES.view(np.int32) + steps).view(np.float32)
    array = np.concatenate([bits.view(np.float32), edges, np.round(edges, 3)])
    alone = [text for number in array for text in serving_floats(number.reshape(1))]
    assert serving_floats(array) == alone


def test_a_nan_that_signals_is_a_nan():
    assert set(serving_floats(np.full(20, 0x7F800001, np.uint32).view(np.float32))) == {"NaN"}


def test_rows_of_floats_keep_their_shape():
    assert serving_row_texts(np.array([[1, np.nan], [0.5, 2]])) == [b"[1.0,NaN]", b"[0.5,2.0]"]
    assert serving_row_texts(np.array([1.5, 2])) == [b"1.5", b"2.0"]
    assert serving_row_texts(np.array([1, 2])) == [b"1", b"2"]


@pytest.mark.parametrize("value", [[1.0], np.zeros((2, 0)), np.zeros((1, 1, 1)), {"a": 1}], ids=str)
def test_other_answers_of_a_model_are_written_whole(value):
    assert serving_row_texts(value) is None
