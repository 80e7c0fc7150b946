"""What TensorFlow Serving's parser takes beyond JSON, and what it does not."""

import math

import pytest

from cpr.errors import BadInput
from cpr.wire.lenient_json import loads_first


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b' \r\n\t{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": 1} and more', {"a": 1}),
        (b'{"a": 1}{"a": 2}', {"a": 1}),
        (b'{"a": 1, "b": 0, "a": 2}', {"a": 1, "b": 0}),
        (b"[Infinity, -Infinity]", [math.inf, -math.inf]),
        ('["é"]'.encode(), ["é"]),
        (b"18446744073709551616", 2**64),
    ],
    ids=repr,
)
def test_the_first_document_is_read(body, value):
    assert loads_first(body) == value


def test_nan_is_a_number():
    assert math.isnan(loads_first(b"[NaN]")[0])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Expecting value"),
        (b"[1,]", "Expecting value"),
        (b"{'a': 1}", "property name"),
        (b"[1 // one\n]", "delimiter"),
        (b"[1e400]", "too big to be stored in double: 1e400"),
        (b'["\xff"]', "not valid UTF-8"),
        (b'["a\nb"]', "control character"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff\xfe[\x001\x00]\x00", "not valid UTF-8"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_the_rest_is_refused(body, message):
    with pytest.raises(BadInput, match=message):
        loads_first(body)
