"""Nested lists to one array, naming the first value that does not fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from cpr.errors import BadInput, shorten

# numpy 1 stops here, and no graph op goes further.
MAX_RANK = 32

Array = npt.NDArray[Any]

_LISTS = {list, tuple}
_NUMBERS = {int, float}
_SCALARS = {int, float, bool, str, bytes, type(None)}
_JSON = _SCALARS | _LISTS | {dict}
_NAMES = {int: "a number", float: "a number", bool: "a boolean", str: "text", bytes: "bytes"}


def dense(
    instances: Any,
    dtype: npt.DTypeLike | None = None,
    *,
    what: str = "instances",
    nulls_as_nan: bool = False,
) -> Array:
    """One array of nested lists, as strict about types as TensorFlow Serving.

    A given `dtype` is strict: floats take any number, integers only integer
    tokens within range, booleans only booleans. ``bytes`` gives an object
    array of bytes with text encoded as UTF-8, ``str`` an object array of
    text, ``object`` any scalars as they are. Without a `dtype`, numbers become
    int64 or float64, booleans bool, text or bytes an object array, and a
    mixture of those is refused. An array passes through, cast where safe.

    Args:
        instances: Nested lists or tuples of JSON scalars, a scalar, or
            anything that numpy takes as an array.
        dtype: What the array must hold.
        what: The name that paths in messages start with; ``{}`` in it is
            where the first index goes, as in ``instances{}.age``.
        nulls_as_nan: Whether null becomes NaN where the array holds floats.

    Raises:
        BadInput: The lists are ragged or hold a wrong value; names its path.
    """
    target = None if dtype is None else np.dtype(dtype)
    if type(instances) not in _JSON:
        return _from_array(instances, target, what, nulls_as_nan)
    flat, shape = _flatten(instances, what)
    if not set(map(type, flat)) <= _JSON:
        return _from_array(instances, target, what, nulls_as_nan)
    return _from_leaves(flat, shape, target, what, nulls_as_nan)


def _flatten(nested: Any, what: str) -> tuple[list[Any], tuple[int, ...]]:
    """The leaves and the shape, level by level, so that any depth is safe."""
    level: list[Any] = [nested]
    shape: list[int] = []
    while level and type(level[0]) in _LISTS:
        kinds = set(map(type, level))
        if not kinds <= _JSON:
            return level, tuple(shape)
        if not kinds <= _LISTS:
            expected = f"a list, as {_path(what, 0, shape)} is"
            raise _wrong(level, shape, lambda v: type(v) not in _LISTS, expected, what)
        size = len(level[0])
        if len(set(map(len, level))) > 1:
            index = next(i for i, value in enumerate(level) if len(value) != size)
            raise BadInput(
                f"{_path(what, index, shape)} has {len(level[index])} values where "
                f"{_path(what, 0, shape)} has {size}; all must have as many."
            )
        shape.append(size)
        if len(shape) > MAX_RANK:
            raise BadInput(f"{_path(what, 0, ())} is nested more than {MAX_RANK} lists deep.")
        level = list(chain.from_iterable(level))
    return level, tuple(shape)


def _from_leaves(
    flat: list[Any],
    shape: Sequence[int],
    target: np.dtype[Any] | None,
    what: str,
    nulls_as_nan: bool,
) -> Array:
    kinds = set(map(type, flat))
    if nulls_as_nan and type(None) in kinds and (target is None or target.kind == "f"):
        flat = [float("nan") if value is None else value for value in flat]
        kinds = kinds - {type(None)} | {float}
    if target is None:
        target, allowed, expected = _infer(flat, kinds, _path(what, 0, shape))
    else:
        allowed, expected = _accepts(target)
    if not kinds <= allowed:
        raise _wrong(flat, shape, lambda v: type(v) not in allowed, expected, what)
    if target.kind in "SUO":
        return _objects(flat, shape, target, what)
    if target.kind in "iu":
        return _integers(flat, shape, target, what)
    try:
        with np.errstate(over="ignore"):  # float32 rounds to infinity, as TensorFlow Serving's
            # Other libraries' floats (bfloat16, kind V) are reached through double.
            return (
                np.array(flat, float if target.kind == "V" else target)
                .astype(target, copy=False)
                .reshape(shape)
            )
    except OverflowError as error:
        problem = _wrong(flat, shape, _overflows_double, "a number that fits a double", what)
        raise problem from error


def _infer(
    flat: list[Any], kinds: set[type], first_path: str
) -> tuple[np.dtype[Any], set[type], str]:
    """The dtype that the first value asks for, the types allowed, and both in words."""
    first = type(flat[0]) if flat else float
    if first not in _NAMES:
        return np.dtype(object), set(_NAMES), "a number, a boolean or text"
    expected = f"{_NAMES[first]}, as {first_path} is"
    if kinds == {bool}:
        return np.dtype(bool), kinds, expected
    if first in (str, bytes):
        return np.dtype(first), {first}, expected
    is_whole = int in kinds and float not in kinds
    return np.dtype(np.int64 if is_whole else np.float64), _NUMBERS | {bool}, expected


def _accepts(target: np.dtype[Any]) -> tuple[set[type], str]:
    """The JSON types that an array of this dtype can be made of, and in words."""
    if target.kind == "S":
        return {str, bytes}, "text or bytes"
    if target.kind == "U":
        return {str}, "text"
    if target.kind == "O":
        return _SCALARS, "a scalar"
    if target.kind == "b":
        return {bool}, "true or false"
    if target.kind in "iu":
        return {int}, f"an integer ({target.name})"
    return _NUMBERS, f"a number ({target.name})"


def _objects(flat: list[Any], shape: Sequence[int], target: np.dtype[Any], what: str) -> Array:
    array = np.empty(len(flat), object)
    try:
        if target.kind == "S":
            flat = [v if type(v) is bytes else v.encode("utf-8") for v in flat]
        array[:] = flat
    except UnicodeEncodeError as error:
        problem = _wrong(flat, shape, _is_not_utf8, "text without lone surrogates", what)
        raise problem from error
    return array.reshape(shape)


def _integers(flat: list[Any], shape: Sequence[int], target: np.dtype[Any], what: str) -> Array:
    limits = np.iinfo(target)
    if flat and (min(flat) < limits.min or max(flat) > limits.max):
        expected = f"an integer from {limits.min} to {limits.max} ({target.name})"
        raise _wrong(flat, shape, lambda v: not limits.min <= v <= limits.max, expected, what)
    return np.array(flat, target).reshape(shape)


def _from_array(value: Any, target: np.dtype[Any] | None, what: str, nulls_as_nan: bool) -> Array:
    """What a preprocessor made: an array, a data frame, a sparse matrix, a tensor."""
    try:
        array = np.asarray(value.toarray() if hasattr(value, "toarray") else value)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{_path(what, 0, ())} cannot be made an array: {error}") from error
    if array.dtype.kind in "OSU":
        flat = [v.item() if isinstance(v, np.generic) else v for v in array.ravel().tolist()]
        if not set(map(type, flat)) <= _SCALARS:
            raise _wrong(flat, array.shape, lambda v: type(v) not in _SCALARS, "a scalar", what)
        return _from_leaves(flat, array.shape, target, what, nulls_as_nan)
    if target is None:
        return array
    if not np.can_cast(array.dtype, target, "same_kind") or target.kind in "SU":
        raise BadInput(
            f"{_path(what, 0, ())} holds {array.dtype.name} values; expected {_accepts(target)[1]}."
        )
    with np.errstate(over="ignore"):
        return array.astype(target, copy=False)


def _wrong(
    flat: list[Any],
    shape: Sequence[int],
    is_wrong: Callable[[Any], bool],
    expected: str,
    what: str,
) -> BadInput:
    """The error about the first value that is wrong."""
    index = next(i for i, value in enumerate(flat) if is_wrong(value))
    return BadInput(f"{_path(what, index, shape)} is {describe(flat[index])}; expected {expected}.")


def describe(value: Any) -> str:
    """A JSON value in a message; lists and objects by their size, however deep."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)} values"
    if isinstance(value, dict):
        return f"an object with {len(value)} keys"
    return shorten(value)


def _path(what: str, index: int, shape: Sequence[int]) -> str:
    indices = [] if 0 in shape else [f"[{i}]" for i in np.unravel_index(index, tuple(shape))]
    if "{}" in what:
        what = what.replace("{}", "".join(indices[:1]), 1)
        indices = indices[1:]
    return what + "".join(indices)


def _overflows_double(value: Any) -> bool:
    return isinstance(value, int) and abs(value) >= 2**1024 - 2**970


def _is_not_utf8(value: Any) -> bool:
    return isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value)
