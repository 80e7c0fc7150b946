"""Nested lists of floats alone, or of small integers alone, to an array at once.

`marshal` writes such lists three times as fast as Python looks at each value,
with the type before each: where all types and lengths stand at the places
where they are in lists without a fault, there is no fault. Whatever it finds
else is for `cpr.wire._dense` to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from marshal import dumps
from math import prod
from struct import Struct
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Of fewer values, to look at each is quicker.
_FEWEST = 2048
# The size of a numpy type is a C int. Before each list stand its type and its length.
_MOST_BYTES, _BYTES_A_LIST = (1 << 31) - 1, 5
# numpy 1 has 32 dimensions, of which a view takes one more.
_MOST_DIMENSIONS = 16
# The version that writes each value out, though it may have been there before.
_VERSION = 2
_LIST = ord("[")
_LEAVES = {
    float: (ord("g"), np.dtype([("type", "u1"), ("value", "<f8")])),
    int: (ord("i"), np.dtype([("type", "u1"), ("value", "<i4")])),
}
_SHORT = 32


def regular(nested: Any) -> Array | None:
    """The float64 or int32 array of lists that hold floats, or ints, and nothing else.

    None for all other values: no list, lists that are ragged, too deep, empty
    or hold something else, and few numbers. The array is a view with gaps; see
    `copied`.
    """
    shape: list[int] = []
    first = nested
    while type(first) is list and first and len(shape) < _MOST_DIMENSIONS:
        shape.append(len(first))
        first = first[0]
    if prod(shape) < _FEWEST or type(first) not in _LEAVES:
        return None
    tag, leaf = _LEAVES[type(first)]
    size = leaf.itemsize
    for count in reversed(shape):
        size = _BYTES_A_LIST + count * size
    if size > _MOST_BYTES:
        return None
    try:
        data = dumps(nested, _VERSION)
    except ValueError:  # something that it does not write, or lists beyond its depth
        return None
    if len(data) != size:
        return None
    layout = _layout(tuple(shape), leaf)
    level = np.frombuffer(data, layout)
    for count in shape:
        if not _all_are(level["type"], _LIST) or not _all_are(level["size"], count):
            return None
        level = level["items"]
    values: Array = level["value"][0]
    return values if _all_are(level["type"], tag) else None


def copied(values: Array, dtype: npt.DTypeLike) -> Array:
    """What `regular` gave, as an array of its own."""
    copy = np.empty(values.shape, dtype)
    for part, target in zip(_columns(values), _columns(copy), strict=True):
        target[...] = part
    return copy


def few_floats(rows: list[Any], code: str) -> Array | None:
    """The array of a few rows that hold floats and nothing else; None for all other lists.

    Args:
        rows: Maybe lists of one length.
        code: The array's type: ``"f"`` or ``"d"``.
    """
    width = len(rows[0]) if rows and type(rows[0]) is list else 0
    if not 0 < len(rows) * width < _FEWEST:
        return None
    flat: list[Any] = []
    for row in rows:
        if type(row) is not list or len(row) != width:
            return None
        flat += row
    if list(map(type, flat)).count(float) != len(flat):
        return None
    array = np.empty((len(rows), width), code)
    _packer(len(flat), code)(array, 0, *flat)
    return array


@lru_cache(maxsize=256)
def _packer(count: int, code: str) -> Callable[..., None]:
    return Struct(f"{count}{code}").pack_into


@lru_cache(maxsize=64)
def _layout(shape: tuple[int, ...], leaf: np.dtype[Any]) -> np.dtype[Any]:
    """How marshal lays out lists of this shape."""
    layout = leaf
    for size in reversed(shape):
        layout = np.dtype([("type", "u1"), ("size", "<i4"), ("items", layout, (size,))])
    return layout


def _all_are(found: Array, wanted: int) -> bool:
    return all(bool((part == wanted).all()) for part in _columns(found))


def _columns(values: Array) -> Iterator[Array]:
    """The values, by the last dimension where it is short: numpy is slow in short rows."""
    if values.ndim > 1 and values.shape[-1] <= _SHORT < values.size // values.shape[-1]:
        return (values[..., column] for column in range(values.shape[-1]))
    return iter((values,))
