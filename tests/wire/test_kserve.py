"""KServe's V1 dialect: the same bodies as AI Platform's, plainer errors."""

import json

import numpy as np
import pytest

from cpr.config import PredictorSettings
from cpr.errors import BadInput, BadOutput, LoadError, UserCodeError
from cpr.messages import Instances
from cpr.wire.kserve import decode, encode, encode_error

SETTINGS = PredictorSettings()


def test_reads_instances_and_every_other_key():
    body = b'{"instances": [[1]], "parameters": {"a": 1}, "x": null}'
    read = decode(body, SETTINGS, with_b64=False)
    assert read == Instances([[1]], {"parameters": {"a": 1}, "x": None})


def test_reads_bytes_where_they_are_wanted():
    body = b'{"instances": [{"b64": "YWI="}]}'
    assert decode(body, SETTINGS, with_b64=True).values == [b"ab"]
    assert decode(body, SETTINGS, with_b64=False).values == [{"b64": "YWI="}]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b" \n", "the body is empty"),
        (b"{", "the body is not valid JSON: "),
        (b'{"instances": [NaN]}', "the body is not valid JSON: "),
        (b"\xff", "the body is not valid JSON: "),
        (b"[1]", r"must be a JSON object, not a list of 1 values"),
        (b"{}", "no key 'instances'; its keys are: none"),
        (b'{"instance": [1]}', "its keys are: 'instance'. Did you mean 'instances'"),
        (json.dumps(dict.fromkeys("abcdefghij")).encode(), "'h', …"),
        (b"[" * 100_000, "the body is not valid JSON: "),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_says_what_is_wrong_with_a_body(body, message):
    with pytest.raises(BadInput, match=message) as caught:
        decode(body, SETTINGS, with_b64=True)
    assert len(caught.value.problem) < 300


def test_writes_what_predict_returned():
    assert encode(np.array([1, 2]), SETTINGS) == b'{"predictions":[1,2]}'
    with pytest.raises(BadOutput, match=r"nan at predictions\[0\]"):
        encode([float("nan")], SETTINGS)
    assert encode([float("nan")], PredictorSettings(nonfinite="null")) == b'{"predictions":[null]}'


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BadInput("row 3 is short.", hint="Add a column."), "row 3 is short. Add a column."),
        (
            UserCodeError("predict raised ValueError: x", hint="me.py:3"),
            "predict raised ValueError: x",
        ),
        (LoadError("no model in /srv/models/iris", hint="/etc/x"), "no model in …/iris"),
        (BadInput("bad \ud800"), "bad ?"),
    ],
    ids=["input", "code", "folder", "surrogate"],
)
def test_an_error_tells_the_problem_but_not_where_files_lie(error, text):
    assert json.loads(encode_error(error, SETTINGS)) == {"error": text}
