"""A predictor's value in JSON's own types, or an error that names the place."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from cpr.errors import BadOutput, shorten
from cpr.wire.foreign import to_json_type

Nonfinite = Literal["error", "null", "literal"]

_DEPTH_LIMIT = 500
_LEAVES = (str, int, bool, type(None))
_TOO_DEEP = "Return plain lists and dicts; a value that contains itself cannot be written."
_ALLOWED = "Return lists, dicts, strings, numbers, booleans, None, numpy arrays or bytes."


class _Refused(Exception):
    """A value without JSON form; every level on the way out adds its key to `path`."""

    def __init__(self, before: str, after: str = ".", *, hint: str) -> None:
        super().__init__(before)
        self.before = before
        self.after = after
        self.hint = hint
        self.path: list[int | str] = []

    def explain(self, name: str) -> BadOutput:
        steps = [f"[{key}]" if isinstance(key, int) else f".{key}" for key in reversed(self.path)]
        place = "".join([name, *steps]).lstrip(".") or "the top"
        if len(place) > 120:
            place = f"{place[:80]}…{place[-39:]}"
        return BadOutput(f"{self.before} at {place}{self.after}", hint=self.hint)


def plain(value: Any, nonfinite: Nonfinite, *, name: str = "predictions") -> Any:
    """Turn a value into lists, dicts with string keys, str, int, float, bool and None.

    Args:
        value: Whatever predict returned.
        nonfinite: As for `cpr.wire.json_codec.dumps`; with ``literal`` NaN
            and infinities stay floats.
        name: Of the value, for the path in messages.

    Raises:
        BadOutput: Some part of it has no JSON form; the message holds the
            path to it, such as ``predictions[3].score``.
    """
    try:
        return _plain(value, nonfinite, 0)
    except _Refused as refusal:
        raise refusal.explain(name) from refusal.__cause__
    except RecursionError as error:
        raise BadOutput(
            "predict returned a value that is nested too deeply.", hint=_TOO_DEEP
        ) from (error)
    except Exception as error:  # of a list or dict that is the user's own
        raise BadOutput(
            f"predict returned a value that cannot be read: {type(error).__name__}: {error}",
            hint=_ALLOWED,
        ) from error


def _plain(value: Any, nonfinite: Nonfinite, depth: int) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return _finite(float(value), nonfinite)
    if depth > _DEPTH_LIMIT:
        raise _Refused(f"predict returned more than {_DEPTH_LIMIT} levels", hint=_TOO_DEEP)
    result: Any
    members: Iterable[tuple[Any, Any]]
    if isinstance(value, (list, tuple)):
        result, members = [None] * len(value), enumerate(value)
    elif isinstance(value, Mapping):
        result, members = {}, [(_key(key), item) for key, item in value.items()]
    else:
        return _plain(_step(value), nonfinite, depth + 1)
    for key, item in members:
        kind = type(item)
        if kind in _LEAVES or (kind is float and math.isfinite(item)):
            result[key] = item
            continue
        try:
            result[key] = _plain(item, nonfinite, depth + 1)
        except _Refused as refusal:
            refusal.path.append(key)
            raise
    return result


def _step(value: Any) -> Any:
    try:
        return to_json_type(value)
    except Exception as error:
        kind = type(value).__name__
        reason = "" if str(error).startswith(f"a {kind} has no") else f" ({shorten(str(error))})"
        raise _Refused(
            "predict returned a value that is not JSON",
            f": an object of type {kind}{reason}.",
            hint=_ALLOWED,
        ) from error


def _finite(value: float, nonfinite: Nonfinite) -> float | None:
    if math.isfinite(value) or nonfinite == "literal":
        return value
    if nonfinite == "null":
        return None
    raise _Refused(
        f"predict returned {value}",
        ", which JSON cannot hold.",
        hint='Return a finite number, or set [predictor] nonfinite = "null" or "literal".',
    )


def _key(key: Any) -> str:
    """A dict key as Python's json writes it."""
    if isinstance(key, str):
        return key
    if hasattr(key, "item"):  # a numpy scalar
        key = key.item()
    if key is None or isinstance(key, (bool, int, float)):
        return json.dumps(key)
    raise _Refused(
        f"predict returned a dict with the key {shorten(key)}",
        "; JSON keys are strings.",
        hint="Turn the key into a string.",
    )
