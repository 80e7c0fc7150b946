"""Vertex AI's dialect: parameters of their own, whole bodies for its own classes."""

import json

import pytest

from cpr.config import PredictorSettings
from cpr.errors import BadInput, UserCodeError
from cpr.messages import Instances
from cpr.wire.vertex import check_content_type, decode, decode_body, encode_body, encode_detail

SETTINGS = PredictorSettings()


@pytest.mark.parametrize(
    ("rest", "parameters"),
    [
        ({}, {}),
        ({"parameters": {"a": 1, "b": []}}, {"a": 1, "b": []}),
        ({"parameters": {}}, {}),
        ({"parameters": None, "c": 2}, {"c": 2}),
        ({"parameters": {"a": 1}, "c": 2}, {"c": 2, "a": 1}),
        ({"parameters": {"parameters": 1}}, {"parameters": 1}),
        ({"c": 2}, {"c": 2}),
    ],
    ids=str,
)
def test_parameters_and_other_keys_become_keyword_arguments(rest, parameters):
    body = json.dumps({"instances": [1], **rest}).encode()
    assert decode(body, SETTINGS, with_b64=False) == Instances([1], parameters)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b'{"instances": [1], "parameters": [1]}',
            "must be an object, not a list of 1 values",
        ),
        (
            b'{"instances": [1], "parameters": {"b": 1, "a": 1}, "b": 2, "a": 3}',
            "the key 'a' stands both in 'parameters' and beside it",
        ),
        (b'{"parameters": {}}', "no key 'instances'"),
        (b"[]", "must be a JSON object"),
    ],
    ids=["list", "twice", "no_instances", "no_object"],
)
def test_parameters_that_cannot_be_passed_are_refused(body, message):
    with pytest.raises(BadInput, match=message):
        decode(body, SETTINGS, with_b64=False)


@pytest.mark.parametrize(
    "body", [b'{"inputs": {"b64": "YQ=="}}', b"[1]", b'"a"', b"null"], ids=repr
)
def test_a_class_of_its_own_gets_the_body_as_it_is(body):
    read = decode_body(body, SETTINGS, with_b64=True)
    assert read == Instances(json.loads(body), form="body")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"], ids=repr)
def test_what_is_not_json_is_refused_as_its_model_server_did(body):
    with pytest.raises(BadInput, match=r"^JSON deserialization failed for the request data: "):
        decode_body(body, SETTINGS, with_b64=True)


@pytest.mark.parametrize(
    ("body", "size"),
    [({"instances": [1, 2]}, 2), ({"instances": 1}, 1), ({}, 1), ([1, 2], 2), (None, 1)],
    ids=str,
)
def test_the_instances_of_a_whole_body_are_counted(body, size):
    assert Instances(body, form="body").size == size


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8", "application/json;x=1", ""],
)
def test_json_is_taken_whatever_its_parameters(content_type):
    check_content_type(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "application/x-pickle",
        "application/jsonl",
        "json",
        ";",
    ],
)
def test_any_other_content_type_is_refused(content_type):
    with pytest.raises(BadInput, match=f"Unsupported content type of the request: {content_type}"):
        check_content_type(content_type)


def test_writes_the_body_that_the_class_made():
    assert (
        encode_body({"predictions": [1], "x": (1, 2)}, SETTINGS) == b'{"predictions":[1],"x":[1,2]}'
    )
    error = UserCodeError("predict raised ValueError: no /srv/models/iris/x")
    assert json.loads(encode_detail(error, SETTINGS)) == {
        "detail": "predict raised ValueError: no …/x"
    }
