"""Regular lists: the quick way to an array says just what the thorough one says."""

import marshal
import math
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cpr.errors import BadInput
from cpr.wire import _dense, _regular_lists
from cpr.wire._regular_lists import few_floats, regular
from cpr.wire.tensors import dense

DTYPES = [None, "f2", "f4", "f8", "i1", "u1", "i4", "i8", "u8", "c8", "?", "S", "U", "O"]
FLOATS = st.floats(width=64) | st.sampled_from([0.0, -0.0, 1.0, math.nan, math.inf, 1e300, 5e-324])
INTEGERS = st.integers(-(2**31), 2**31 - 1) | st.integers(-130, 260)
ODD = st.sampled_from(
    [True, False, None, "a", "", b"b", 2**31, -(2**63), 2**70, [], [1.0], (1.0,), {}, np.float64(1)]
)


@st.composite
def nearly_regular(draw):
    """Nested lists of one type of number, in which a few values may be something else."""
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    leaves = draw(st.sampled_from([FLOATS, INTEGERS, st.just(0.5), st.just(3)]))
    values = draw(st.lists(leaves, min_size=math.prod(shape), max_size=math.prod(shape)))
    for index in draw(st.lists(st.integers(0, len(values) - 1), max_size=2)):
        values[index] = draw(FLOATS | INTEGERS | ODD)
    for size in reversed(shape[1:]):
        values = [values[at : at + size] for at in range(0, len(values), size)]
    if draw(st.integers(0, 5)) == 0:
        values[draw(st.integers(0, len(values) - 1))] = draw(ODD)
    return values


def outcome(value, dtype, **options):
    """What `dense` makes of it, to the bit, or what it says."""
    try:
        array = dense(value, dtype, **options)
    except BadInput as error:
        return str(error)
    data = array.tolist() if array.dtype == object else array.tobytes()
    return array.dtype.str, array.shape, data, array.flags.c_contiguous, array.flags.writeable


@given(nearly_regular(), st.sampled_from(DTYPES), st.booleans())
@example([[1.0, 2.0], [3.0, True]], None, False)
@example([[1.0, 2.0], [3.0]], "f4", False)
@example([[1, 2], [3, 2**31]], "f4", False)
@example([1e39, 70_000.0, -0.0], "f4", False)
@example([[1e39, 70_000.0], [-0.0, math.nan]], "f4", False)
@example([[1e39, 70_000.0], [-0.0, math.inf]], "f8", False)
@example([[0.1, 5e-324], [1e-45, 3.4028235677973366e38]], "f4", False)
def test_the_quick_way_says_what_the_thorough_one_says(value, dtype, nulls_as_nan):
    options = {"nulls_as_nan": nulls_as_nan, "what": "instances{}.x"}
    with (
        patch.object(_dense, "regular", lambda nested: None),
        patch.object(_dense, "few_floats", lambda rows, code: None),
    ):
        wanted = outcome(value, dtype, **options)
    assert outcome(value, dtype, **options) == wanted
    with patch.object(_regular_lists, "_FEWEST", 1):
        assert outcome(value, dtype, **options) == wanted


def test_a_few_rows_of_floats_are_packed_as_they_are():
    rows = [[0.1, -0.0], [1e39, math.nan]]

    assert few_floats(rows, "d").tobytes() == np.array(rows).tobytes()
    assert few_floats([[0.1, 1e39]], "f").tolist() == [[np.float32(0.1), math.inf]]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([], id="nothing"),
        pytest.param([0.5], id="no rows"),
        pytest.param([[], []], id="empty rows"),
        pytest.param([[0.5], [0.5, 0.5]], id="ragged"),
        pytest.param([[0.5], (0.5,)], id="a tuple"),
        pytest.param([[0.5], [1]], id="an integer"),
        pytest.param([[0.5], [True]], id="a boolean"),
        pytest.param([[[0.5]]], id="deeper"),
        pytest.param([[0.5] * 2048], id="many"),
    ],
)
def test_leaves_what_is_no_few_floats_alone(value):
    assert few_floats(value, "f") is None


@pytest.mark.parametrize(
    "shape", [(3000,), (3000, 1), (1, 3000), (50, 3, 30), (16, 12, 11, 3), (40, 33, 2)]
)
@pytest.mark.parametrize("kind", ["f8", "i4"])
def test_takes_lists_of_any_regular_shape(shape, kind):
    array = np.arange(math.prod(shape), dtype=kind).reshape(shape) - 700
    values = regular(array.tolist())

    assert values.dtype == array.dtype
    assert (values == array).all()
    assert (dense(array.tolist(), "f4") == array).all()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([[1.0] * 1000] * 2, id="few"),
        pytest.param([[1.0] * 2000, [1.0] * 2000 + [2.0]], id="ragged"),
        pytest.param([[1.0] * 2000, (1.0,) * 2000], id="tuple"),
        pytest.param([1.0] * 4000 + [1], id="integer-among-floats"),
        pytest.param([1] * 4000 + [1.0], id="float-among-integers"),
        pytest.param([1] * 4000 + [True], id="boolean"),
        pytest.param([1] * 4000 + [2**31], id="large-integer"),
        pytest.param([1.0] * 4000 + [np.float64(1)], id="numpy-scalar"),
        pytest.param([1.0] * 4000 + [object()], id="any-object"),
        pytest.param(["a"] * 4000, id="text"),
        pytest.param([], id="empty"),
        pytest.param([[]] * 4000, id="empty-rows"),
        pytest.param(1.0, id="scalar"),
        pytest.param(np.zeros((100, 100)), id="array"),
    ],
)
def test_leaves_all_else_alone(value):
    assert regular(value) is None


def test_lists_deeper_than_numpy_are_left_alone():
    value = [0.0] * 4000
    for _ in range(40):
        value = [value]
    assert regular(value) is None


def test_lists_whose_numpy_type_would_be_too_large_are_left_alone():
    """Each list takes a few bytes beside its values: 2 GB of what are 28 million."""
    row = [0.0]
    for _ in range(13):
        row = [row]
    rows = [[row] * 5300] * 5300
    with patch.object(marshal, "dumps", side_effect=AssertionError("it was written out")):
        assert regular(rows) is None


def test_a_list_that_holds_itself_is_left_alone():
    value = [[1.0] * 3000]
    value.append(value)
    assert regular(value) is None


def test_bytes_that_look_like_numbers_are_none():
    """A text as long as a number with its type: the types stand elsewhere then."""
    text = marshal.dumps(1.0, 2)[1:].decode("latin-1")[:4]
    assert regular([1.0, text] * 3000) is None
