"""Request bodies, as a caller in Python has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cpr.errors import BadInput, BadOutput
from cpr.wire.json_codec import dumps

Body = Mapping[str, Any] | bytes | str


def encode(body: Body) -> bytes:
    """A request body as bytes; bytes and text are taken as they are.

    Raises:
        BadInput: Some part of it has no JSON form, naming the place.
    """
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes):
        return body
    try:
        return dumps(dict(body), name="request")
    except BadOutput as error:
        raise BadInput(f"the request cannot be written as JSON: {error.problem}") from error
