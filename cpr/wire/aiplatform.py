"""AI Platform Prediction's request and response: ``instances`` in, ``predictions`` out.

Every other top-level key of the body is a parameter. Error texts begin as the
platform's did, so that clients which look for them still find them; then they
say what the platform kept to itself.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from cpr.config import PredictorSettings
from cpr.errors import BadInput, BadOutput, CprError, shorten
from cpr.messages import Instances
from cpr.suggest import did_you_mean
from cpr.wire.b64 import decode_b64, may_hold_b64
from cpr.wire.error_text import error_body, error_text, without_folders
from cpr.wire.failures import failure
from cpr.wire.json_codec import dumps, loads
from cpr.wire.tensors import describe

_EXPECTED = (
    "The service expects the request to be a valid JSON object with a list-valued attribute "
    'called `instances`, i.e. `{"instances": [...]}`.'
)

_SHOWN_BYTES = 10_000
# Of errors that the platform's front would have told, not its model server.
LIMIT_STATUSES = (413, 415)


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
        raise _without_instances(document, len(body))
    values = document.pop("instances")
    if with_b64 and may_hold_b64(body):
        values = decode_b64(values)
    return Instances(values, document)


def encode(predictions: Any, settings: PredictorSettings) -> bytes:
    """Write the response body ``{"predictions": …}``.

    Raises:
        BadOutput: The predictions have no JSON form.
    """
    return dumps(
        predictions, nonfinite=settings.nonfinite, strict=settings.strict, key="predictions"
    )


def encode_error(error: CprError, settings: PredictorSettings) -> bytes:
    """Write an error as the platform's ``{"error": "<text>"}``.

    The text holds the problem, and the hint where the request is at fault,
    never a traceback; of a path it keeps the file name. With `strict` there is
    no hint, and whatever went wrong in predict is the platform's unknown error.
    What goes beyond a limit is told as the platform's front told it.
    """
    if error.http_status in LIMIT_STATUSES:
        return failure("aiplatform", error.http_status, error_text(error))[1]
    problem = without_folders(str(error.problem))
    if isinstance(error, BadInput):
        return error_body(problem if settings.strict else error_text(error))
    if settings.strict and isinstance(error, BadOutput):
        return error_body(problem)
    if settings.strict and error.exit_code in (12, 14, 70):
        return error_body("Prediction failed: unknown error.")
    return error_body(f"Prediction failed: {problem}")


def _undecodable(body: bytes, error: BadInput) -> BadInput:
    if not body.strip():
        return BadInput(f"Empty request body. {_EXPECTED}")
    return BadInput(
        f"The request did not contain valid JSON: {error.problem} {_EXPECTED} "
        f"The received request was: {shorten(body.decode('utf-8', 'replace'))}"
    )


def _without_instances(document: Any, size: int) -> BadInput:
    if type(document) is dict:
        keys = list(islice(document, 8))
        named = ", ".join(map(shorten, keys)) or "none"
        more = ", …" if len(document) > len(keys) else ""
        near = next(filter(None, (did_you_mean(key, ["instances"]) for key in keys)), "")
        found = f"Its keys are: {named}{more}. {near}".rstrip()
    else:
        # The repr of a large one takes longer than reading it did.
        shown = shorten(document) if size < _SHOWN_BYTES else describe(document)
        found = f"It is: {shown}."
    return BadInput(f"Invalid request. {_EXPECTED} The received request has no such key. {found}")
