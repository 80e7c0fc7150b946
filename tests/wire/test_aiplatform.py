"""AI Platform's dialect: instances in, predictions out, errors as its clients know them."""

import json

import numpy as np
import pytest

from cpr.config import PredictorSettings
from cpr.errors import (
    BadInput,
    BadOutput,
    CprError,
    EnvironmentProblem,
    LoadError,
    PredictionFailed,
    UserCodeError,
)
from cpr.messages import Instances
from cpr.wire.aiplatform import decode, encode, encode_error
from cpr.wire.vertex import encode_body

LENIENT, STRICT = PredictorSettings(), PredictorSettings(strict=True)
EXPECTED = (
    "The service expects the request to be a valid JSON object with a list-valued attribute "
    'called `instances`, i.e. `{"instances": [...]}`.'
)


@pytest.mark.parametrize("settings", [LENIENT, STRICT], ids=["lenient", "strict"])
@pytest.mark.parametrize(
    ("body", "values", "parameters"),
    [
        (b'{"instances": [[1, 2.5]]}', [[1, 2.5]], {}),
        (b'{"instances": []}', [], {}),
        (b'{"instances": {"a": 1}}', {"a": 1}, {}),
        (b'{"instances": "text"}', "text", {}),
        (b'{"instances": null}', None, {}),
        (b'{"instances": 0}', 0, {}),
        (
            b'{"instances": [1], "signature_name": "s", "n": {"a": []}}',
            [1],
            {"signature_name": "s", "n": {"a": []}},
        ),
        (
            b'{"parameters": {"a": 1}, "instances": [1], "self": 2}',
            [1],
            {"parameters": {"a": 1}, "self": 2},
        ),
        (b'{"instances": [1], "instances": [2]}', [2], {}),
        ('\n{"instances": ["é😀"]}\n'.encode(), ["é😀"], {}),
    ],
    ids=[
        "rows",
        "empty",
        "object",
        "text",
        "null",
        "number",
        "parameters",
        "odd_names",
        "twice",
        "utf_8",
    ],
)
def test_reads_instances_of_any_type_and_every_other_key(body, values, parameters, settings):
    assert decode(body, settings, with_b64=False) == Instances(values, parameters)


@pytest.mark.parametrize("settings", [LENIENT, STRICT], ids=["lenient", "strict"])
@pytest.mark.parametrize(
    ("body", "start", "then"),
    [
        (b"", "Empty request body. ", ""),
        (b" \r\n", "Empty request body. ", ""),
        (b'{"instances": [1,]}', "The request did not contain valid JSON: ", "line 1 column 1"),
        (b"instances=1", "The request did not contain valid JSON: ", "was: 'instances=1'"),
        (b"\xff\xfe\xfd", "The request did not contain valid JSON: ", "The received request was: "),
        (b"[" * 100_000, "The request did not contain valid JSON: ", "The received request was: "),
        (b'["instances"]', "Invalid request. ", "It is: ['instances']."),
        (b'"instances"', "Invalid request. ", "It is: 'instances'."),
        (b"null", "Invalid request. ", "It is: None."),
        (b"{}", "Invalid request. ", "Its keys are: none."),
        (b'{"instance": [1]}', "Invalid request. ", "'instance'. Did you mean 'instances'?"),
        (b'{"inputs": [1], "x": 2}', "Invalid request. ", "Its keys are: 'inputs', 'x'."),
    ],
    ids=[
        "empty",
        "blank",
        "comma",
        "form",
        "not_utf_8",
        "deep",
        "list",
        "text",
        "null",
        "no_keys",
        "typo",
        "keys",
    ],
)
def test_refuses_in_the_platforms_words_and_says_more(body, start, then, settings):
    with pytest.raises(BadInput) as caught:
        decode(body, settings, with_b64=True)
    problem = caught.value.problem
    assert problem.startswith(start)
    assert EXPECTED in problem
    assert then in problem


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1000 + b"]" * 1000,
        b'{"' + b"k" * 1_000_000 + b'": 1}',
        b"{" + b",".join(b'"%d": 1' % i for i in range(10_000)) + b"}",
        b'["' + b"x" * 1_000_000 + b'"]',
        b"x" * 1_000_000,
    ],
    ids=["deep", "long_key", "many_keys", "long_value", "long_rubbish"],
)
def test_a_huge_bad_body_makes_a_short_message(body):
    with pytest.raises(BadInput) as caught:
        decode(body, LENIENT, with_b64=True)
    assert len(caught.value.problem) < 500


def test_decodes_base64_in_instances_only_and_only_if_told():
    body = b'{"instances": [{"b64": "YQ=="}], "mask": {"b64": "YQ=="}}'
    left = {"b64": "YQ=="}
    assert decode(body, LENIENT, with_b64=False) == Instances([left], {"mask": left})
    assert decode(body, LENIENT, with_b64=True) == Instances([b"a"], {"mask": left})


def test_decodes_base64_in_every_encoding_that_strict_reads():
    body = '{"instances": [{"b64": "YQ=="}]}'
    assert decode(body.encode("utf-16"), STRICT, with_b64=True).values == [b"a"]
    assert decode(body.replace("b6", "\\u00626").encode(), LENIENT, with_b64=True).values == [b"a"]


@pytest.mark.parametrize("inner", [b'"b64"', b'{"b64": "YQ=="}'], ids=["text", "bytes"])
def test_instances_too_deep_to_walk_for_base64_are_bad_input(inner):
    body = b'{"instances": ' + b"[" * 1000 + inner + b"]" * 1000 + b"}"
    with pytest.raises(BadInput, match="instances are nested too deeply"):
        decode(body, LENIENT, with_b64=True)


def test_strict_reads_what_pythons_json_reads():
    body = b'{"instances": [NaN, 1e400, 123456789012345678901234567890]}'
    with pytest.raises(BadInput):
        decode(body, LENIENT, with_b64=False)
    values = decode(body, STRICT, with_b64=False).values
    assert str(values) == "[nan, inf, 123456789012345678901234567890]"


@pytest.mark.parametrize(
    "predictions",
    [[1, "a", None], {"a": [1]}, "text", 7, None, [], ["é\u2028"]],
    ids=["list", "object", "text", "number", "null", "empty", "unicode"],
)
def test_writes_predictions_of_any_type(predictions):
    for settings in (LENIENT, STRICT):
        assert json.loads(encode(predictions, settings)) == {"predictions": predictions}
    assert encode(predictions, STRICT) == json.dumps({"predictions": predictions}).encode()


def test_converts_arrays_unless_strict():
    assert encode(np.array([1, 2]), LENIENT) == b'{"predictions":[1,2]}'
    with pytest.raises(BadOutput, match="Failed to json encode the prediction response: Object of"):
        encode(np.array([1, 2]), STRICT)


@pytest.mark.parametrize(
    ("nonfinite", "body"),
    [("null", b'{"predictions":[null]}'), ("literal", b'{"predictions":[NaN]}')],
)
def test_applies_the_policy_for_nan(nonfinite, body):
    assert encode([float("nan")], PredictorSettings(nonfinite=nonfinite)) == body
    with pytest.raises(BadOutput, match=r"nan at predictions\[0\],"):
        encode([float("nan")], LENIENT)
    assert encode([float("nan")], STRICT) == b'{"predictions": [NaN]}'


def test_a_whole_body_is_written_as_it_is_and_its_paths_start_at_its_keys():
    assert (
        encode_body({"predictions": [1], "model": "m"}, LENIENT)
        == b'{"predictions":[1],"model":"m"}'
    )
    assert encode_body({"a": (1,)}, STRICT) == b'{"a": [1]}'
    with pytest.raises(BadOutput, match=r"nan at predictions\[0\]\.p,"):
        encode_body({"predictions": [{"p": float("nan")}]}, LENIENT)


UNKNOWN = "Prediction failed: unknown error."
ERRORS = {
    "input": (BadInput("row 3 is short."), "row 3 is short.", "row 3 is short."),
    "model": (PredictionFailed("the model failed"), "Prediction failed: the model failed", UNKNOWN),
    "user": (
        UserCodeError("predict raised KeyError: 'a'"),
        "Prediction failed: predict raised KeyError: 'a'",
        UNKNOWN,
    ),
    "unknown": (CprError("odd"), "Prediction failed: odd", UNKNOWN),
    "output": (
        BadOutput("Failed to json encode"),
        "Prediction failed: Failed to json encode",
        "Failed to json encode",
    ),
    "load": (LoadError("no model"), "Prediction failed: no model", "Prediction failed: no model"),
    "machine": (
        EnvironmentProblem("no disk"),
        "Prediction failed: no disk",
        "Prediction failed: no disk",
    ),
    "not_text": (BadInput(ValueError("raised by a user")), "raised by a user", "raised by a user"),
    "surrogate": (BadInput("no \ud800 here"), "no ? here", "no ? here"),
}


@pytest.mark.parametrize(("error", "lenient", "strict"), ERRORS.values(), ids=ERRORS)
def test_writes_errors_as_one_text(error, lenient, strict):
    error.user_traceback = "Traceback: secret"
    error.hint = "what to do"
    hint = " what to do" if isinstance(error, BadInput) else ""
    assert json.loads(encode_error(error, LENIENT)) == {"error": lenient + hint}
    assert json.loads(encode_error(error, STRICT)) == {"error": strict}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "[Errno 2] No such file: '/tmp/model/0001/vocab.txt'",
            "[Errno 2] No such file: '…/vocab.txt'",
        ),
        ("(/usr/lib/python3/site.py:12)", "(…/site.py:12)"),
        ("at /home/me/models/", "at …/models/"),
        ("km/h and/or application/json", "km/h and/or application/json"),
        ("see https://example.com/a/b", "see https://example.com/a/b"),
        ("ratio 3 / 4, 1/2/3 and /x", "ratio 3 / 4, 1/2/3 and /x"),
    ],
    ids=["quoted", "with_line", "folder", "slashes", "address", "numbers"],
)
def test_an_error_shows_no_folder_of_the_machine(said, shown):
    assert json.loads(encode_error(BadInput(said), LENIENT)) == {"error": shown}
