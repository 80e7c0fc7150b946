"""``{"b64": "…"}`` objects, the JSON form of bytes on AI Platform and TensorFlow Serving."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from cpr.errors import BadInput, shorten


def may_hold_b64(body: bytes) -> bool:
    """Whether a body can hold such an object at all; spares the walk where it cannot."""
    return b'b64"' in body or b"\\u" in body


def decode_b64(value: Any, path: str = "instances") -> Any:
    """Replace every object whose only key is ``b64`` by its bytes, at any depth.

    An object with further keys is left alone, but its values are walked. The
    alphabet is the standard one; padding may be left out.

    Raises:
        BadInput: The text is not base64; the message names the place.
    """
    if isinstance(value, list):
        return [decode_b64(item, f"{path}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, dict):
        if len(value) == 1 and "b64" in value:
            return _to_bytes(value["b64"], path)
        return {key: decode_b64(item, f"{path}.{key}") for key, item in value.items()}
    return value


def _to_bytes(text: Any, path: str) -> bytes:
    if not isinstance(text, str):
        raise BadInput(f"Base64 decode failed at {path}: b64 is {shorten(text)}, not a string.")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"Base64 decode failed at {path}: {error}: {shorten(text)}") from error
