"""Vertex AI's prediction request: ``instances`` and ``parameters`` in, ``predictions`` out.

A class written for AI Platform, and a ready-made predictor, get the members of
`parameters` as keyword arguments, beside those from further top-level keys. A
class written for Vertex AI gets the whole body, and answers with a whole body.
"""

from __future__ import annotations

from typing import Any

from cpr.config import PredictorSettings
from cpr.errors import BadInput, CprError, shorten
from cpr.messages import Instances
from cpr.wire import kserve
from cpr.wire.error_text import error_body, error_text
from cpr.wire.json_codec import dumps, loads
from cpr.wire.tensors import describe


def decode(body: bytes, settings: PredictorSettings, *, with_b64: bool) -> Instances:
    """Read a request body for a class that takes instances and keyword arguments.

    Raises:
        BadInput: As `cpr.wire.kserve.decode`; or `parameters` is no object, or
            holds a name that stands beside it too.
    """
    request = kserve.decode(body, settings, with_b64=with_b64)
    if "parameters" not in request.parameters:
        return request
    beside = dict(request.parameters)
    parameters = beside.pop("parameters")
    if parameters is None:
        return Instances(request.values, beside)
    if type(parameters) is not dict:
        raise BadInput(f"parameters must be an object, not {describe(parameters)}.")
    twice = parameters.keys() & beside.keys()
    if twice:
        raise BadInput(
            f"the key {min(twice)!r} stands both in 'parameters' and beside it.",
            hint="Give it once.",
        )
    return Instances(request.values, {**beside, **parameters})


def decode_body(body: bytes, settings: PredictorSettings, *, with_b64: bool) -> Instances:
    """Read a request body for a class that takes all of it, whatever it is.

    Raises:
        BadInput: It is not JSON.
    """
    del settings, with_b64
    try:
        return Instances(loads(body), form="body")
    except BadInput as error:
        raise BadInput(
            f"JSON deserialization failed for the request data: {error.problem} "
            f"The body is: {shorten(body.decode('utf-8', 'replace'))}"
        ) from error


def check_content_type(content_type: str) -> None:
    """Refuse what says that it is not JSON; parameters such as the charset do not matter.

    Raises:
        BadInput: As Vertex AI's own model server says it. That wanted the
            header; here it may be left out.
    """
    if content_type and content_type.partition(";")[0].strip().lower() != "application/json":
        raise BadInput(
            f"Unsupported content type of the request: {shorten(content_type)[1:-1]}.",
            hint="Send the header Content-Type: application/json.",
        )


def encode_body(body: Any, settings: PredictorSettings) -> bytes:
    """Write a whole response body that a Vertex AI class has made."""
    return dumps(body, nonfinite=settings.nonfinite, strict=settings.strict, name="")


def encode_detail(error: CprError, settings: PredictorSettings) -> bytes:
    """Write an error as Vertex AI's own model server did: ``{"detail": "<text>"}``."""
    del settings
    return error_body(error_text(error), "detail")
