"""What numpy, pandas, TensorFlow and the standard library return, as JSON."""

import dataclasses
import datetime
import decimal
import enum
import importlib
import json
import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cpr.errors import BadOutput
from cpr.wire.json_codec import dumps

FLOATS = ["float16", "float32", "float64", "longdouble", ">f4"]
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)] + [">i8"]
SHAPES = {
    "array": lambda a: (a, [1, 0]),
    "scalar": lambda a: (a[0], 1),
    "zero_dimensions": lambda a: (a[0].reshape(()), 1),
    "strided": lambda a: (np.stack([a, a], axis=1)[:, 0], [1, 0]),
    "fortran": lambda a: (np.asfortranarray([a, a]), [[1, 0], [1, 0]]),
    "reversed": lambda a: (a[::-1], [0, 1]),
    "empty": lambda a: (a[:0], []),
    "empty_rows": lambda a: (np.zeros((2, 0), a.dtype), [[], []]),
    "read_only": lambda a: (np.broadcast_to(a, (2, 2)), [[1, 0], [1, 0]]),
    "three_dimensions": lambda a: (a.reshape(1, 2, 1), [[[1], [0]]]),
}


@pytest.mark.parametrize("beside_none", [False, True], ids=["alone", "beside_none"])
@pytest.mark.parametrize("make", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, "bool"])
def test_writes_arrays_of_every_type_and_layout(dtype, make, beside_none):
    value, expected = make(np.array([1, 0], dtype))
    written = json.loads(dumps([None, {"a": value}] if beside_none else value))
    assert written == ([None, {"a": expected}] if beside_none else expected)
    if dtype == "bool" and value.size == 2:
        assert "true" in dumps(value).decode()


ARRAYS = {
    "text": (np.array(["é", ""]), ["é", ""]),
    "bytes": (np.array([b"a"]), [{"b64": "YQ=="}]),
    "objects": (np.array(["a", None, 1, b"x"], object), ["a", None, 1, {"b64": "eA=="}]),
    "ragged": (np.array([[1], [1, 2]], object), [[1], [1, 2]]),
    "arrays_in_an_array": (np.array([np.array([1.5]), None], object), [[1.5], None]),
    "structured": (np.array([(1, 0.5)], "i4,f8"), [[1, 0.5]]),
    "masked": (np.ma.array([1, 2], mask=[False, True]), [1, None]),
    "text_scalar": (np.str_("a"), "a"),
    "bytes_scalar": (np.bytes_(b"a"), {"b64": "YQ=="}),
    "uint64": (np.array([2**64 - 1], "uint64"), [2**64 - 1]),
    "bfloat16": (np.array([0.5], importlib.import_module("ml_dtypes").bfloat16), [0.5]),
    "numpy_keys": (
        {np.int64(3): 1, np.str_("a"): 2, np.float64(0.5): 3},
        {"3": 1, "a": 2, "0.5": 3},
    ),
    "numpy_in_lists": ([np.float32(0.1), [np.int8(1), np.bool_(True)]], [0.1, [1, True]]),
}


@pytest.mark.parametrize("beside_none", [False, True], ids=["alone", "beside_none"])
@pytest.mark.parametrize(("value", "expected"), ARRAYS.values(), ids=ARRAYS)
def test_writes_arrays_of_other_things(value, expected, beside_none):
    written = json.loads(dumps([value, None] if beside_none else value))
    assert written == ([expected, None] if beside_none else expected)


@given(arrays.arrays(st.sampled_from(["float16", "float32"]), 3, elements={"allow_nan": False}))
def test_narrow_floats_come_out_as_their_shortest_text_on_both_ways(values):
    finite = np.where(np.isfinite(values), values, values.dtype.type(0))
    fast, slow = json.loads(dumps(finite)), json.loads(dumps([None, finite]))[1]
    assert fast == slow
    assert (np.array(fast, values.dtype) == finite).all()


@pytest.mark.parametrize("dtype", ["complex64", "timedelta64[s]", "timedelta64[ns]"])
@pytest.mark.parametrize("make", [lambda a: a, lambda a: a[0]], ids=["array", "scalar"])
def test_refuses_numbers_without_a_json_form(dtype, make):
    with pytest.raises(BadOutput, match=r"not JSON at predictions\.a"):
        dumps({"a": make(np.array([1, 0], dtype))})


MOMENT = datetime.datetime(2020, 1, 2, 3, 4, 5, 6)
DATES = {
    "date": (datetime.date(2020, 1, 2), "2020-01-02"),
    "datetime": (MOMENT, "2020-01-02T03:04:05.000006"),
    "with_zone": (MOMENT.replace(tzinfo=datetime.timezone.utc), "2020-01-02T03:04:05.000006+00:00"),
    "time": (datetime.time(3, 4), "03:04:00"),
    "datetime64": (np.datetime64("2020-01-02T03:04"), "2020-01-02T03:04:00"),
    "epoch": (np.array(["1970-01-01"], "M8[s]"), ["1970-01-01T00:00:00"]),
    "not_a_time": (np.datetime64("NaT", "s"), None),
    "days": (np.array(["2020-01-02", "NaT"], "M8[D]"), ["2020-01-02T00:00:00", None]),
    "nanoseconds": (np.array([MOMENT], "M8[ns]"), ["2020-01-02T03:04:05.000006"]),
    "strided": (np.array([MOMENT] * 4, "M8[ns]")[::2], ["2020-01-02T03:04:05.000006"] * 2),
}


@pytest.mark.parametrize("beside_none", [False, True], ids=["alone", "beside_none"])
@pytest.mark.parametrize(("value", "expected"), DATES.values(), ids=DATES)
def test_writes_dates_alike_with_and_without_none_beside_them(value, expected, beside_none):
    written = json.loads(dumps([value, None] if beside_none else value))
    assert written == ([expected, None] if beside_none else expected)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


@dataclasses.dataclass
class Score:
    label: str
    value: object


STANDARD = {
    "enum": (Colour.RED, "red"),
    "int_enum": (Level.LOW, 1),
    "uuid": (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    "dataclass": (Score("a", (b"x",)), {"label": "a", "value": [{"b64": "eA=="}]}),
}


@pytest.mark.parametrize("beside_none", [False, True], ids=["alone", "beside_none"])
@pytest.mark.parametrize(("value", "expected"), STANDARD.values(), ids=STANDARD)
def test_writes_types_of_the_standard_library(value, expected, beside_none):
    written = json.loads(dumps([value, None] if beside_none else value))
    assert written == ([expected, None] if beside_none else expected)


def test_finds_nan_inside_a_dataclass():
    with pytest.raises(BadOutput, match=r"nan at predictions\[0\]\.value,"):
        dumps([Score("a", float("nan"))])


@pytest.mark.parametrize("value", [decimal.Decimal("1"), datetime.timedelta(1), range(3)], ids=repr)
def test_refuses_types_whose_form_would_be_a_guess(value):
    with pytest.raises(BadOutput, match=f"an object of type {type(value).__name__}"):
        dumps(value)


@pytest.fixture(scope="module")
def pd():
    return pytest.importorskip("pandas", reason="pandas belongs to the test extra")


def test_writes_a_dataframe_as_one_object_a_row(pd):
    frame = pd.DataFrame(
        {
            "n": [1, 2],
            "narrow": np.array([0.1, 0.2], "float32"),
            "text": pd.array(["a", None], dtype="string"),
            "when": pd.to_datetime(["2020-01-02", None]),
            "maybe": pd.array([1, None], dtype="Int64"),
        }
    )
    assert json.loads(dumps(frame)) == [
        {"n": 1, "narrow": 0.1, "text": "a", "when": "2020-01-02T00:00:00", "maybe": 1},
        {"n": 2, "narrow": 0.2, "text": None, "when": None, "maybe": None},
    ]


def test_writes_the_other_things_of_pandas(pd):
    frame = pd.DataFrame({0: [1.5]}, index=["row"])
    categories = pd.Series(["x", "y"], dtype="category")
    assert json.loads(dumps(frame)) == [{"0": 1.5}]
    assert json.loads(dumps(frame[0])) == [1.5]
    assert json.loads(dumps(frame.index)) == ["row"]
    assert json.loads(dumps(categories)) == json.loads(dumps(categories.values)) == ["x", "y"]
    assert json.loads(dumps([pd.Timestamp("2020-01-02", tz="UTC")])) == [
        "2020-01-02T00:00:00+00:00"
    ]
    assert json.loads(dumps([pd.NaT, pd.NA])) == [None, None]
    assert json.loads(dumps(frame[[]])) == [{}]
    assert json.loads(dumps(frame.iloc[:0])) == []


def test_finds_nan_in_a_dataframe_by_row_and_column(pd):
    with pytest.raises(BadOutput, match=r"nan at predictions\[1\]\.price,"):
        dumps(pd.DataFrame({"price": [1.0, None]}))


def test_refuses_a_dataframe_that_would_lose_a_column(pd):
    with pytest.raises(BadOutput, match="its columns a occur twice"):
        dumps(pd.DataFrame([[1, 2]], columns=["a", "a"]))


class Tensor:
    """As a torch tensor behaves: it has to be detached before it turns into an array."""

    def __init__(self, values):
        self.values = np.asarray(values, "float32")

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.values

    def __array__(self, *_args, **_options):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


def test_writes_a_tensor_that_wants_gradients():
    assert dumps({"logits": Tensor([[0.1, -2]])}) == b'{"logits":[[0.1,-2.0]]}'


def test_writes_tensorflows_tensors():
    tf = pytest.importorskip("tensorflow", reason="tensorflow is an extra")
    values = {
        "tensor": tf.constant([[0.1, 2.0]]),
        "scalar": tf.constant(3),
        "text": tf.constant(["a", b"\xff"]),
        "text_scalar": tf.constant("a"),
        "variable": tf.Variable([True]),
        "ragged": tf.ragged.constant([[1], [1, 2]]),
        "bfloat16": tf.constant([0.5], tf.bfloat16),
    }
    assert (
        json.loads(dumps([values, None]))[0]
        == json.loads(dumps(values))
        == {
            "tensor": [[0.1, 2.0]],
            "scalar": 3,
            "text": [{"b64": "YQ=="}, {"b64": "/w=="}],
            "text_scalar": {"b64": "YQ=="},
            "variable": [True],
            "ragged": [[1], [1, 2]],
            "bfloat16": [0.5],
        }
    )


def test_a_tensor_of_a_graph_is_refused_with_the_reason():
    tf = pytest.importorskip("tensorflow", reason="tensorflow is an extra")
    with tf.Graph().as_default():
        symbol = tf.compat.v1.placeholder("float32")
    with pytest.raises(
        BadOutput, match=r"predictions\[0\]: an object of type SymbolicTensor \(.*symbolic"
    ):
        dumps([symbol])
