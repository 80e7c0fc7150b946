"""KServe's V1 protocol: ``instances`` in, ``predictions`` out, errors with true statuses.

Every other top-level key of the body is a parameter, as for AI Platform.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from cpr.config import PredictorSettings
from cpr.errors import BadInput, CprError, shorten
from cpr.messages import Instances
from cpr.suggest import did_you_mean
from cpr.wire.b64 import decode_b64, may_hold_b64
from cpr.wire.error_text import error_body, error_text
from cpr.wire.json_codec import dumps, loads
from cpr.wire.tensors import describe


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
    del settings
    document = read_object(body)
    if "instances" not in document:
        raise missing_instances(document)
    values = document.pop("instances")
    if with_b64 and may_hold_b64(body):
        values = decode_b64(values)
    return Instances(values, document)


def encode(predictions: Any, settings: PredictorSettings) -> bytes:
    """Write the response body ``{"predictions": …}``.

    Raises:
        BadOutput: The predictions have no JSON form.
    """
    return dumps(predictions, nonfinite=settings.nonfinite, key="predictions")


def encode_error(error: CprError, settings: PredictorSettings) -> bytes:
    """Write an error as ``{"error": "<text>"}``, without a traceback or folders."""
    del settings
    return error_body(error_text(error))


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body holds.

    Raises:
        BadInput: It holds something else.
    """
    try:
        document = loads(body)
    except BadInput as error:
        raise undecodable(body, error) from error
    if type(document) is not dict:
        raise BadInput(f"the body must be a JSON object, not {describe(document)}.")
    return document


def undecodable(body: bytes, error: BadInput) -> BadInput:
    """Why a body is not JSON, with its beginning and end."""
    if not body.strip():
        return BadInput('the body is empty; expected {"instances": [...]}.')
    return BadInput(
        f"the body is not valid JSON: {error.problem} "
        f"The body is: {shorten(body.decode('utf-8', 'replace'))}"
    )


def missing_instances(document: dict[str, Any]) -> BadInput:
    """That an object lacks `instances`, and what it has."""
    keys = list(islice(document, 8))
    named = ", ".join(map(shorten, keys)) or "none"
    more = ", …" if len(document) > len(keys) else ""
    near = next(filter(None, (did_you_mean(key, ["instances"]) for key in keys)), "")
    return BadInput(
        f"the body has no key 'instances'; its keys are: {named}{more}. {near}".rstrip()
    )
