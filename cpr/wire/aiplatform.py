"""AI Platform Prediction's request and response: ``instances`` in, ``predictions`` out.

Every other top-level key of the body is a parameter. Error texts begin as the
platform's did, so that clients which look for them still find them; then they
say what the platform kept to itself.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

import orjson

from cpr.config import PredictorSettings
from cpr.errors import BadInput, BadOutput, CprError, shorten
from cpr.messages import Instances
from cpr.suggest import did_you_mean
from cpr.wire.b64 import decode_b64, may_hold_b64
from cpr.wire.json_codec import dumps, loads

_EXPECTED = (
    "The service expects the request to be a valid JSON object with a list-valued attribute "
    'called `instances`, i.e. `{"instances": [...]}`.'
)

# The folders of an absolute path, as exceptions of the file system quote them.
_FOLDERS = re.compile(r"(?<![\w:/.…~-])/(?:[^\s/'\"`:;,()<>]+/)+(?=[^\s/])")


def decode(body: bytes, settings: PredictorSettings, *, with_b64: bool) -> Instances:
    """Read a request body.

    Args:
        body: The JSON object with `instances`; its value may have any type.
        settings: Of the predictor that will answer.
        with_b64: Replace ``{"b64": …}`` in the instances by bytes.

    Raises:
        BadInput: The body is empty, not JSON, not an object, or has no
            `instances`.
    """
    try:
        document = loads(body, strict=settings.strict)
    except BadInput as error:
        raise _undecodable(body, error) from error
    if type(document) is not dict or "instances" not in document:
        raise _without_instances(document)
    values = document.pop("instances")
    if with_b64 and may_hold_b64(body):
        values = decode_b64(values)
    return Instances(values, document)


def encode(predictions: Any, settings: PredictorSettings) -> bytes:
    """Write the response body ``{"predictions": …}``.

    Raises:
        BadOutput: The predictions have no JSON form.
    """
    if settings.strict:
        return dumps({"predictions": predictions}, strict=True)
    return b'{"predictions":' + dumps(predictions, nonfinite=settings.nonfinite) + b"}"


def encode_body(body: Any, settings: PredictorSettings) -> bytes:
    """Write a whole response body that a Vertex AI class has made."""
    return dumps(body, nonfinite=settings.nonfinite, strict=settings.strict, name="")


def encode_error(error: CprError, settings: PredictorSettings) -> bytes:
    """Write an error as the platform's ``{"error": "<text>"}``.

    The text holds the problem, and the hint where the request is at fault,
    never a traceback; of a path it keeps the file name. With `strict` there is
    no hint, and whatever went wrong in predict is the platform's unknown error.
    """
    problem = _FOLDERS.sub("…/", str(error.problem))
    if isinstance(error, BadInput) and not settings.strict:
        text = f"{problem} {_FOLDERS.sub('…/', error.hint)}".rstrip()
    elif isinstance(error, BadInput) or (settings.strict and isinstance(error, BadOutput)):
        text = problem
    elif settings.strict and error.exit_code in (12, 14, 70):
        text = "Prediction failed: unknown error."
    else:
        text = f"Prediction failed: {problem}"
    return orjson.dumps({"error": text.encode("utf-8", "replace").decode()})


def _undecodable(body: bytes, error: BadInput) -> BadInput:
    if not body.strip():
        return BadInput(f"Empty request body. {_EXPECTED}")
    return BadInput(
        f"The request did not contain valid JSON: {error.problem} {_EXPECTED} "
        f"The received request was: {shorten(body.decode('utf-8', 'replace'))}"
    )


def _without_instances(document: Any) -> BadInput:
    if type(document) is dict:
        keys = list(islice(document, 8))
        named = ", ".join(map(shorten, keys)) or "none"
        more = ", …" if len(document) > len(keys) else ""
        near = next(filter(None, (did_you_mean(key, ["instances"]) for key in keys)), "")
        found = f"Its keys are: {named}{more}. {near}".rstrip()
    else:
        found = f"It is: {shorten(document)}."
    return BadInput(f"Invalid request. {_EXPECTED} The received request has no such key. {found}")
