"""JSON in and out: strict and fast, or exactly as AI Platform did it.

Reading is strict JSON (RFC 8259, UTF-8, 64-bit integers exact, larger ones
become floats). Writing takes what predictors return: besides JSON's own types
numpy scalars and arrays, tensors, DataFrames, dates, tuples and bytes. With
`strict` both are Python's `json` at its defaults, which is what the platform
used.
"""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import orjson

from cpr.errors import BadInput, BadOutput
from cpr.wire.foreign import to_json_type
from cpr.wire.plain import Nonfinite, plain
from cpr.wire.weight import check_weight

_LARGE_BYTES = 100_000
_NULL = int.from_bytes(b"null", "little")
# Whether the collector was enabled, for each that has it at rest: only the first can find so.
_found_enabled: list[bool] = []
_lock = threading.RLock()  # a finalizer that the collector runs may read JSON too
# What NaT becomes.
EPOCH = b"1970-01-01T00:00:00"
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
        if len(body) > _LARGE_BYTES:
            # 6 MB of nested empty lists took 1.3 s, and takes 0.26 s.
            with collector_at_rest():
                return json.loads(body) if strict else orjson.loads(body)
        return json.loads(body) if strict else orjson.loads(body)
    except RecursionError as error:
        raise BadInput("it is nested too deeply.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"it is not valid {error.encoding.upper()}: {error.reason}.") from error
    except ValueError as error:
        raise BadInput(f"{error}.") from error


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Keep the garbage collector from looking again and again at all that is made here.

    Where several threads are at such work, the last of them to end enables it again.
    """
    with _lock:
        _found_enabled.append(gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            if _found_enabled.pop():
                gc.enable()


def dumps(
    value: Any,
    *,
    nonfinite: Nonfinite = "error",
    strict: bool = False,
    name: str = "predictions",
    key: str = "",
) -> bytes:
    """Write a predictor's value as one JSON document.

    Args:
        value: Whatever predict returned.
        nonfinite: What NaN and infinities become: an error that names the
            place, ``null``, or the bare words that Python and TensorFlow
            Serving write, which are not JSON.
        strict: ``json.dumps`` at its defaults, as AI Platform did.
        name: Of the value, for the path in messages.
        key: Of the value, where it is to stand in an object.

    Raises:
        BadOutput: Some part of the value has no JSON form; the message holds
            the path to it, such as ``predictions[3].score``. Or the document
            would fill the memory.
    """
    check_weight(value, name=name)
    if strict:
        return _dumps_strict({key: value} if key else value)
    try:
        body = dumps_quickly({key: value} if key else value)
    except (TypeError, RecursionError):
        body = b""
    if not body or holds_epoch(body) or (nonfinite != "null" and holds_null(body)):
        body = _dumps_slowly(value, nonfinite, name)
        return b'{"%b":%b}' % (key.encode(), body) if key else body
    return body


def dumps_quickly(value: Any) -> bytes:
    """Write what JSON and numpy have; look closer where `EPOCH` or ``null`` comes out.

    orjson writes NaN and infinities as null, and NaT as the epoch, silently.

    Raises:
        TypeError: Some part has no JSON form, or is too deep.
    """
    return orjson.dumps(value, default=to_json_type, option=orjson.OPT_SERIALIZE_NUMPY)


def holds_null(body: bytes) -> bool:
    """Whether ``null`` is in a body, maybe of a text."""
    # A letter that no number has is found in a fiftieth of the time.
    if b"u" not in body:
        return False
    if len(body) < _LARGE_BYTES:
        return b"null" in body
    # As numbers of four bytes, from each of the first four on: a fifth of the time.
    counts = ((len(body) - start) // 4 for start in range(4))
    return any(
        bool((np.frombuffer(body, "<u4", count, start) == _NULL).any())
        for start, count in enumerate(counts)
    )


def holds_epoch(body: bytes) -> bool:
    """Whether `EPOCH` is in a body, maybe of a text."""
    return b"T" in body and b"-" in body and EPOCH in body


def _dumps_strict(value: Any) -> bytes:
    try:
        return json.dumps(value).encode("ascii")
    except Exception as error:  # the platform caught every one
        raise BadOutput(_STRICT_FAILURE.format(error=error)) from error


def _dumps_slowly(value: Any, nonfinite: Nonfinite, name: str) -> bytes:
    listed = plain(value, nonfinite, name=name)
    if nonfinite != "literal":
        try:
            return orjson.dumps(listed)
        except TypeError:
            pass  # integers beyond 64 bit, lone surrogates, depth beyond orjson's limit
    try:
        return json.dumps(listed, separators=(",", ":")).encode("ascii")
    except (ValueError, RecursionError) as error:  # integers of thousands of digits
        raise BadOutput(f"{name} cannot be written as JSON: {error}") from error
