"""How much text a predictor's value is, told before it is written.

A list may hold the same list twice, that one another twice, and so on: forty
of them are 2 ** 40 values on paper. An array may be one number, seen as many.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from cpr.errors import BadOutput

MOST_BYTES = 1 << 30
"""What no answer may be longer than, roughly: a number counts as 8 bytes."""

_NUMBER = 8
_NUMBERS = {float, int, bool, type(None)}
_TEXTS = {str, bytes, bytearray}
# Beyond that many levels the writers give up.
_DEEPEST = 600


class _TooHeavy(Exception):
    """There is more than an answer may hold."""


def check_weight(value: Any, *, name: str = "predictions") -> None:
    """Refuse a value whose text would fill the memory.

    Raises:
        BadOutput: It would.
    """
    if _guess(value) <= MOST_BYTES:
        return
    try:
        _weigh(value, {}, 0)
    except RecursionError:
        return  # its writer gives up too, and says where
    except _TooHeavy as error:
        raise BadOutput(
            f"{name or 'the answer'} would be more than {MOST_BYTES >> 30} GiB when written out.",
            hint="Return less: a list that is in others many times, and an array that is "
            "broadcast, is written as often as it is seen.",
        ) from error


def is_too_large(array: Any) -> bool:
    """Whether the text of a numpy array would be too long."""
    return int(array.size) * _NUMBER > MOST_BYTES


def _guess(value: Any) -> int:
    """The bytes if all members were as heavy as one of them, at every level: the last, or first.

    To look at each member takes as long as to write it. Where lists hold each
    other often enough to matter, the first or the last does.
    """
    total, depth = _NUMBER, 0
    while depth < _DEEPEST and type(value) not in _NUMBERS:
        if type(value) in _TEXTS:
            return total * len(value)
        if type(value) is not list:
            if hasattr(type(value), "__array__"):
                return total * _count(value)
            value = _members(value)
        if not value:
            break
        total *= len(value)
        value = value[0] if type(value[-1]) in _NUMBERS else value[-1]
        depth += 1
    return total


def _count(array: Any) -> int:
    """How many values there are: the `size` of a torch tensor is a method."""
    shape = getattr(array, "shape", ())
    return prod(shape) if isinstance(shape, tuple) else 1


def _weigh(value: Any, known: dict[int, int], depth: int) -> int:
    """Bytes, each list looked at once; `known` are those of the ones before."""
    if type(value) in _NUMBERS:
        return _NUMBER
    if type(value) in _TEXTS:
        return _NUMBER + len(value)
    if id(value) in known:
        return known[id(value)]
    known[id(value)] = 0  # where it contains itself, its writer says so
    members = _members(value) if depth < _DEEPEST else ()
    if type(members) is list and _NUMBERS.issuperset(map(type, members)):
        total, members = _NUMBER + _NUMBER * len(members), ()
    elif hasattr(type(value), "__array__"):
        total = _NUMBER + int(getattr(value, "nbytes", 0))
    else:
        total = _NUMBER
    for member in members:
        total += _weigh(member, known, depth + 1)
        if total > MOST_BYTES:
            break
    if total > MOST_BYTES:
        raise _TooHeavy
    known[id(value)] = total
    return total


def _members(value: Any) -> Sequence[Any]:
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, dict):
        return [*value, *value.values()]
    if hasattr(type(value), "__dataclass_fields__"):
        return list(vars(value).values()) if hasattr(value, "__dict__") else ()
    return ()
