"""TensorFlow Serving's dialect: rows and columns, its statuses and its numbers."""

import json

import numpy as np
import pytest

from cpr.config import PredictorSettings
from cpr.errors import BadInput
from cpr.messages import Instances
from cpr.wire.tfserving import decode, encode_columns, encode_rows

SETTINGS = PredictorSettings()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"instances": [1, 2]}', Instances([1, 2], {}, "rows")),
        (b'{"instances": [{"x": 1}]}', Instances([{"x": 1}], {}, "rows")),
        (
            b'{"signature_name": "s", "instances": [1]}',
            Instances([1], {"signature_name": "s"}, "rows"),
        ),
        (b'{"signature_name": "", "instances": [1]}', Instances([1], {}, "rows")),
        (b'{"instances": [1], "trace": {"id": 1}}', Instances([1], {}, "rows")),
        (b'{"inputs": {"x": [1]}}', Instances({"x": [1]}, {}, "columns")),
        (b'{"inputs": 4.5}', Instances(4.5, {}, "columns")),
        (b'{"inputs": []}', Instances([], {}, "columns")),
        (b'{"inputs": {"b64": "YWI="}}', Instances(b"ab", {}, "columns")),
        (b'{"instances": [{"b64": "YWI="}]}', Instances([b"ab"], {}, "rows")),
        (b'\xef\xbb\xbf{"instances": [1]}', Instances([1], {}, "rows")),
        (b'{"instances": [1]} and more', Instances([1], {}, "rows")),
        (b'{"instances": [1], "instances": [2]}', Instances([1], {}, "rows")),
        (b'{"instances": [Infinity]}', Instances([float("inf")], {}, "rows")),
    ],
    ids=[
        "rows",
        "named_rows",
        "signature",
        "empty_signature",
        "other_keys",
        "columns",
        "bare_column",
        "empty_column",
        "bytes_column",
        "bytes_row",
        "byte_order_mark",
        "text_after_it",
        "first_of_two",
        "infinity",
    ],
)
def test_reads_rows_and_columns(body, expected):
    assert decode(body, SETTINGS, with_b64=False) == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: the body is empty"),
        (b"{'instances': [1]}", "JSON Parse error: "),
        (b'{"instances": [1}', "JSON Parse error: "),
        (b'{"instances": [1e400]}', "too big to be stored in double"),
        (b'{"instances":' + b"[" * 50_000, "JSON Parse error: .*nested too deeply"),
        (b"[1]", "not a JSON object: it is "),
        (b'{"rows": [1]}', "Missing 'inputs' or 'instances' key"),
        (b'{"instances": [1], "inputs": [1]}', "Not formatted correctly"),
        (b'{"instances": {"x": [1]}}', "to be an list/array"),
        (b'{"instances": null}', "to be an list/array"),
        (b'{"instances": []}', "at least one"),
        (b'{"signature_name": 7, "instances": [1]}', "must be a string value, not 7"),
        (b'{"signature_name": null, "inputs": [1]}', "must be a string value, not null"),
        (b'{"inputs": [{"b64": 5}]}', r"Base64 decode failed at inputs\[0\]"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_says_what_is_wrong_with_a_body(body, message):
    with pytest.raises(BadInput, match=message) as caught:
        decode(body, SETTINGS, with_b64=False)
    assert caught.value.http_status == 400


F4 = np.float32
ROWS = {
    "one_output": ({"y": np.array([[1, 2.5]], F4)}, b'{"predictions":[[1.0,2.5]]}'),
    "more_rows_than_instances": ({"y": np.array([5, 6])}, b'{"predictions":[5,6]}'),
    "several": (
        {"a": np.array([[0.5], [1.5]], F4), "b": np.array([b"p", b"q"], object)},
        b'{"predictions":[{"a":[0.5],"b":"p"},{"a":[1.5],"b":"q"}]}',
    ),
    "scalars_of_several": (
        {"a": np.array([1, np.nan], F4), "n": np.array([True, False])},
        b'{"predictions":[{"a":1.0,"n":true},{"a":NaN,"n":false}]}',
    ),
    "64_bits": (
        {"i": np.array([-(2**63)]), "u": np.array([2**64 - 1], np.uint64)},
        b'{"predictions":[{"i":-9223372036854775808,"u":18446744073709551615}]}',
    ),
    "no_rows": ({"y": np.zeros((0, 3), F4)}, b'{"predictions":[]}'),
    "empty_rows": ({"y": np.zeros((2, 0), F4)}, b'{"predictions":[[],[]]}'),
    "deep": ({"y": np.array([[[1], [2]]], F4)}, b'{"predictions":[[[1.0],[2.0]]]}'),
    "nonfinite": ({"y": np.array([np.nan, -np.inf], F4)}, b'{"predictions":[NaN,-Infinity]}'),
    "bytes": (
        {"y_bytes": np.array([[b"\xff\xfe"]], object)},
        b'{"predictions":[[{"b64":"//4="}]]}',
    ),
    "suffix_of_numbers": ({"n_bytes": np.array([1])}, b'{"predictions":[1]}'),
    "text_that_is_not_utf_8": (
        {"y": np.array([b"a\xff"], object)},
        '{"predictions":["a�"]}'.encode(),
    ),
    "labels_instead": (["cat", "dog"], b'{"predictions":["cat","dog"]}'),
    "part_of_joint_rows": (
        [{"a": F4(0.1), "b": np.array([1.5], F4)}],
        b'{"predictions":[{"a":0.1,"b":[1.5]}]}',
    ),
}


@pytest.mark.parametrize(("outputs", "body"), ROWS.values(), ids=ROWS)
def test_writes_rows(outputs, body):
    assert encode_rows(outputs, SETTINGS) == body


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"y": np.array(1.0)}, "y has no shape information"),
        ({"a": np.zeros(2), "b": np.zeros(3)}, "inconsistent batch size: a: 2, b: 3"),
        ({"y": np.zeros(1, np.float16)}, "Failed to write JSON value for tensor type: float16 y"),
        ({"y": np.zeros(1, complex)}, "tensor type: complex128"),
        (np.zeros(1, np.float16), "tensor type: float16."),
    ],
    ids=["scalar", "sizes", "half", "complex", "half_of_joint_rows"],
)
def test_outputs_that_make_no_rows_are_the_clients_fault(outputs, message):
    with pytest.raises(Exception, match=message) as caught:
        encode_rows(outputs, SETTINGS)
    assert caught.value.http_status == 400


@pytest.mark.parametrize(
    ("outputs", "body"),
    [
        ({"y": np.array(4.5, F4)}, b'{"outputs":4.5}'),
        ({"y": np.array([[1, 2]])}, b'{"outputs":[[1,2]]}'),
        ({"y": np.array(b"ab", object)}, b'{"outputs":"ab"}'),
        ({"y_bytes": np.array(b"ab", object)}, b'{"outputs":{"b64":"YWI="}}'),
        ({"y": np.zeros(0, F4)}, b'{"outputs":[]}'),
        (
            {"a": np.array([[1.0, 2.0]], F4), "b": np.array(True)},
            b'{"outputs":{"a":[[1.0,2.0]],"b":true}}',
        ),
        ({"a": np.zeros(2, F4), "b": np.zeros(3, int)}, b'{"outputs":{"a":[0.0,0.0],"b":[0,0,0]}}'),
    ],
    ids=["scalar", "matrix", "text", "bytes", "empty", "several", "of_any_size"],
)
def test_writes_columns(outputs, body):
    assert encode_columns(outputs, SETTINGS) == body


NAUGHTY = ["", "é", "田中さん", "😀", "\u202e", "\x7f", '"\\/', "\x00\x1f", "ﷺ" * 9, "NaN", "b64"]


def test_text_comes_back_byte_for_byte():
    outputs = {"y": np.array([text.encode() for text in NAUGHTY], object)}
    assert json.loads(encode_rows(outputs, SETTINGS)) == {"predictions": NAUGHTY}
