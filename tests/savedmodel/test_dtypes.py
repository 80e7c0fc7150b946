"""Element types, against TensorFlow's."""

import pytest

from cpr.savedmodel import protos
from cpr.savedmodel.dtypes import dtype_name, dtype_number, item_bytes


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("float32", 4), ("float32_ref", 4), ("bfloat16", 2), ("float16", 2), ("complex64", 8),
        ("qint8", 1), ("quint16", 2), ("bool", 1), ("int4", 0.5), ("float8_e4m3fn", 1),
        ("float4_e2m1fn", 0.5), ("string", 0), ("resource", 0), ("dtype 99", 0),
    ],
)  # fmt: skip
def test_knows_the_size_of_an_element(name, size):
    assert item_bytes(name) == size


def test_names_are_those_of_tensorflow(tf):
    for number in protos.DataType.values():
        if number:
            theirs = tf.dtypes.as_dtype(number)
            assert dtype_name(number) == theirs.name
            assert dtype_number(theirs.name) == number


def test_a_type_of_tomorrow_has_a_name():
    assert dtype_name(99) == "dtype 99"
