"""JSON in and out: strict and fast, or exactly as AI Platform did it.

Reading is strict JSON (RFC 8259, UTF-8, 64-bit integers exact, larger ones
become floats). Writing takes what predictors return: besides JSON's own types
numpy scalars and arrays, tensors, DataFrames, tuples and bytes. With `strict`
both are Python's `json` at its defaults, which is what the platform used.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

import orjson

from cpr.errors import BadInput, BadOutput, shorten

Nonfinite = Literal["error", "null", "literal"]

_DEPTH_LIMIT = 500
_STRICT_FAILURE = (
    "Failed to json encode the prediction response: {error} If your output is not text, did you "
    "forget to suffix the alias of your output tensor with _bytes?"
)


def loads(body: bytes, *, strict: bool = False) -> Any:
    """Read one JSON document.

    Args:
        body: The document, UTF-8.
        strict: Read as AI Platform did: NaN, Infinity, UTF-16 and integers of
            any size are taken too.

    Raises:
        BadInput: It is not JSON; the message says why and where, for the
            caller to finish.
    """
    try:
        return json.loads(body) if strict else orjson.loads(body)
    except RecursionError as error:
        raise BadInput("it is nested too deeply.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"it is not valid UTF-8: {error.reason}.") from error
    except ValueError as error:
        raise BadInput(f"{error}.") from error


def dumps(value: Any, *, nonfinite: Nonfinite = "error", strict: bool = False) -> bytes:
    """Write a predictor's value as one JSON document.

    Args:
        value: Whatever predict returned.
        nonfinite: What NaN and infinities become: an error that names the
            place, ``null``, or the bare words that Python and TensorFlow
            Serving write, which are not JSON.
        strict: ``json.dumps`` at its defaults, as AI Platform did.

    Raises:
        BadOutput: Some part of the value has no JSON form; the message holds
            the path to it, such as ``[3].score``.
    """
    if strict:
        return _dumps_strict(value)
    try:
        body = orjson.dumps(value, default=to_json_type, option=orjson.OPT_SERIALIZE_NUMPY)
    except (TypeError, RecursionError):
        return _dumps_slowly(value, nonfinite)
    # orjson writes NaN and infinities as null, silently: look only where there is one.
    if nonfinite != "null" and b"null" in body:
        return _dumps_slowly(value, nonfinite)
    return body


def to_json_type(value: Any) -> Any:
    """One step from a foreign type towards JSON's own; TypeError if there is none.

    Bytes become ``{"b64": …}``, a DataFrame a list of its rows as objects.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"b64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, tuple):
        return list(value)
    if hasattr(value, "to_dicts"):  # a polars DataFrame
        return value.to_dicts()
    if hasattr(value, "to_dict") and hasattr(value, "columns"):  # a pandas DataFrame
        return value.to_dict(orient="records")
    if hasattr(value, "detach"):  # a torch tensor, which may want gradients
        return value.detach().cpu().numpy()
    if hasattr(value, "tolist"):
        return _shortest(value).tolist()
    if hasattr(value, "numpy"):  # a TensorFlow tensor
        return value.numpy()
    if hasattr(value, "__array__"):
        return value.__array__()
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def _shortest(value: Any) -> Any:
    """Narrow floats as the doubles of their shortest text: 0.1, not 0.10000000149011612."""
    if str(getattr(value, "dtype", "")) in ("float16", "float32"):
        return value.astype("U32").astype("float64")
    return value


def _dumps_strict(value: Any) -> bytes:
    try:
        return json.dumps(value).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise BadOutput(_STRICT_FAILURE.format(error=error)) from error


def _dumps_slowly(value: Any, nonfinite: Nonfinite) -> bytes:
    plain = _plain(value, "", nonfinite, 0)
    try:
        return orjson.dumps(plain) if nonfinite != "literal" else _dumps_strict(plain)
    except TypeError:  # integers beyond 64 bit, lone surrogates, depth beyond orjson's limit
        return _dumps_strict(plain)


def _plain(value: Any, path: str, nonfinite: Nonfinite, depth: int) -> Any:
    """The value in JSON's own types, or a BadOutput that names the path."""
    if depth > _DEPTH_LIMIT:
        raise BadOutput(
            f"the predictions are nested more than {_DEPTH_LIMIT} deep at {path[:60]}….",
            hint="Return plain lists and dicts; a value that contains itself cannot be written.",
        )
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return _finite(float(value), path, nonfinite)
    if isinstance(value, (list, tuple)):
        return [_plain(v, f"{path}[{i}]", nonfinite, depth + 1) for i, v in enumerate(value)]
    if isinstance(value, Mapping):
        return {
            _key(key, path): _plain(item, f"{path}.{key}", nonfinite, depth + 1)
            for key, item in value.items()
        }
    try:
        step = to_json_type(value)
    except (TypeError, ValueError, AttributeError) as error:
        with suppress(TypeError):  # dates, enums, dataclasses and UUIDs are orjson's own
            return orjson.loads(orjson.dumps(value, default=to_json_type))
        raise BadOutput(
            f"predict returned a value that is not JSON at {_named(path)}: "
            f"an object of type {type(value).__name__}.",
            hint="Return lists, dicts, strings, numbers, booleans, None, numpy arrays or bytes.",
        ) from error
    return _plain(step, path, nonfinite, depth + 1)


def _finite(value: float, path: str, nonfinite: Nonfinite) -> float | None:
    if math.isfinite(value) or nonfinite == "literal":
        return value
    if nonfinite == "null":
        return None
    raise BadOutput(
        f"predict returned {value} at {_named(path)}, which JSON cannot hold.",
        hint='Return a finite number, or set [predictor] nonfinite = "null" or "literal".',
    )


def _key(key: Any, path: str) -> str:
    """A dict key as Python's json writes it."""
    if isinstance(key, str):
        return key
    if hasattr(key, "item"):
        key = key.item()
    if key is None or isinstance(key, (bool, int, float)):
        return json.dumps(key)
    raise BadOutput(
        f"predict returned a dict with the key {shorten(key)} at {_named(path)}; JSON keys are "
        "strings.",
        hint="Turn the key into a string.",
    )


def _named(path: str) -> str:
    return f"predictions{path}"
