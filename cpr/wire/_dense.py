"""Nested lists to one array, naming the first value that does not fit."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from cpr.errors import BadInput, shorten
from cpr.wire._regular_lists import copied, few_floats, regular

# numpy 1 stops here, and no graph op goes further.
MAX_RANK = 32

Array = npt.NDArray[Any]

_LISTS = {list, tuple}
_NUMBERS = {int, float}
_SCALARS = {int, float, bool, str, bytes, type(None)}
_JSON = _SCALARS | _LISTS | {dict}
# By numpy's kinds: what JSON gives them, and in words. All other kinds take any number.
_ACCEPTED: dict[str, tuple[set[type], str]] = {
    "S": ({str, bytes}, "text or bytes"),
    "U": ({str}, "text"),
    "O": (_SCALARS, "a scalar"),
    "b": ({bool}, "true or false"),
    **dict.fromkeys("iu", ({int}, "an integer")),
}
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
    if type(instances) is list:
        array = _from_regular(instances, target)
        if array is not None:
            return array
    if type(instances) not in _JSON:
        return _from_array(instances, target, what, nulls_as_nan)
    flat, shape, kinds = _flatten(instances, what)
    if not kinds <= _JSON:
        return _from_array(instances, target, what, nulls_as_nan)
    return _from_leaves(flat, shape, kinds, target, what, nulls_as_nan)


def _from_regular(instances: list[Any], target: np.dtype[Any] | None) -> Array | None:
    """The array of lists without a fault; None where `_flatten` has to look at each value."""
    if target is not None and target.kind in "SUOb":
        return None
    code = "d" if target is None else target.char
    if code in "fd":
        few = few_floats(instances, code)
        if few is not None:
            return few
    values = regular(instances)
    if values is None:
        return None
    if values.dtype.kind == "f":
        if target is not None and target.kind in "iu":
            return None
    elif target is None:
        return copied(values, np.int64)
    elif target.kind in "iu":
        limits = np.iinfo(target)
        fits = limits.min <= int(values.min()) and int(values.max()) <= limits.max
        return copied(values, target) if fits else None
    with np.errstate(over="ignore"):  # as `_floats`
        if target is None or target.kind == "f":
            return copied(values, np.float64 if target is None else target)
        return copied(values, np.float64).astype(target)


def _flatten(nested: Any, what: str) -> tuple[list[Any], tuple[int, ...], set[type]]:
    """The leaves, the shape and the leaves' types, level by level, so that any depth is safe."""
    level: list[Any] = [nested]
    shape: list[int] = []
    kinds = _kinds(level)
    while level and type(level[0]) in _LISTS:
        if not kinds <= _JSON:
            break
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
        kinds = _kinds(level)
    return level, tuple(shape), kinds


def _kinds(values: list[Any]) -> set[type]:
    """The types of the values; to count one of them is quicker than to make a set of all."""
    types = list(map(type, values))
    return set(types[:1]) if types and types.count(types[0]) == len(types) else set(types)


def _from_leaves(
    flat: list[Any],
    shape: Sequence[int],
    kinds: set[type],
    target: np.dtype[Any] | None,
    what: str,
    nulls_as_nan: bool,
) -> Array:
    if nulls_as_nan and type(None) in kinds and (target is None or target.kind == "f"):
        flat = [float("nan") if value is None else value for value in flat]
        kinds = kinds - {type(None)} | {float}
    dtype, allowed = _infer(flat, kinds) if target is None else (target, _accepted(target)[0])
    if not kinds <= allowed:
        expected = _like_first(flat, shape, what) if target is None else _in_words(target)
        raise _wrong(flat, shape, lambda v: type(v) not in allowed, expected, what)
    if dtype.kind in "SUO":
        return _objects(flat, shape, dtype, what)
    if dtype.kind == "b":
        return np.array(flat, bool).reshape(shape)
    if dtype.kind in "iu":
        return _integers(flat, shape, dtype, what)
    return _floats(flat, shape, dtype, what)


def _infer(flat: list[Any], kinds: set[type]) -> tuple[np.dtype[Any], set[type]]:
    """The dtype that the first value asks for, and the types allowed beside it."""
    first = type(flat[0]) if flat else float
    if first not in _NAMES:
        return np.dtype(object), set(_NAMES)
    if kinds == {bool}:
        return np.dtype(bool), kinds
    if first in (str, bytes):
        return np.dtype(first), {first}
    is_whole = int in kinds and float not in kinds
    return np.dtype(np.int64 if is_whole else np.float64), _NUMBERS | {bool}


def _accepted(target: np.dtype[Any]) -> tuple[set[type], str]:
    """The JSON types that an array of this dtype can be made of, and their name."""
    return _ACCEPTED.get(target.kind, (_NUMBERS, "a number"))


def _in_words(target: np.dtype[Any]) -> str:
    name = _accepted(target)[1]
    return name if target.kind in "SUOb" else f"{name} ({target.name})"


def _like_first(flat: list[Any], shape: Sequence[int], what: str) -> str:
    name = _NAMES.get(type(flat[0]))
    return f"{name}, as {_path(what, 0, shape)} is" if name else "a number, a boolean or text"


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
    try:
        return _packed(flat, target.char).astype(target, copy=False).reshape(shape)
    except struct.error as error:
        limits = np.iinfo(target)
        expected = f"an integer from {limits.min} to {limits.max} ({target.name})"
        problem = _wrong(flat, shape, lambda v: not limits.min <= v <= limits.max, expected, what)
        raise problem from error


def _floats(flat: list[Any], shape: Sequence[int], target: np.dtype[Any], what: str) -> Array:
    try:
        doubles = _packed(flat, "d")
    except struct.error as error:
        problem = _wrong(flat, shape, _overflows_double, "a number that fits a double", what)
        raise problem from error
    with np.errstate(over="ignore"):  # float32 rounds to infinity, as TensorFlow Serving's
        return doubles.astype(target, copy=False).reshape(shape)


def _packed(numbers: list[Any], code: str) -> Array:
    """An array of one of the types that `struct` writes, in a third of np.array's time.

    Raises:
        struct.error: A number is out of the type's range.
    """
    array = np.empty(len(numbers), code)
    struct.pack_into(f"{len(numbers)}{code}", array.data, 0, *numbers)
    return array


def _from_array(value: Any, target: np.dtype[Any] | None, what: str, nulls_as_nan: bool) -> Array:
    """What a preprocessor made: an array, a data frame, a sparse matrix, a tensor."""
    try:
        array = np.asarray(value.toarray() if hasattr(value, "toarray") else value)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{_path(what, 0, ())} cannot be made an array: {error}") from error
    if array.dtype.kind in "OSU":
        flat = [v.item() if isinstance(v, np.generic) else v for v in array.ravel().tolist()]
        kinds = _kinds(flat)
        if not kinds <= _SCALARS:
            raise _wrong(flat, array.shape, lambda v: type(v) not in _SCALARS, "a scalar", what)
        return _from_leaves(flat, array.shape, kinds, target, what, nulls_as_nan)
    if target is None:
        return array
    if not np.can_cast(array.dtype, target, "same_kind") or target.kind in "SU":
        raise BadInput(
            f"{_path(what, 0, ())} holds {array.dtype.name} values; expected {_in_words(target)}."
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
