"""When several calls may share one predict, and how their predictions part again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from cpr.messages import Instances


def plan(requests: Sequence[Instances | None], max_batch_size: int = 0) -> list[list[int]]:
    """Group the positions of requests that can be joined into one.

    Joined are requests whose instances are lists and whose parameters are
    equal; every other request stays alone. None marks a position to leave
    out. Order is kept inside a group, and between the groups' first members.

    Args:
        requests: The decoded requests.
        max_batch_size: The most instances of a group, 0 for any number. A
            request that has more by itself stays whole, and alone.
    """
    groups: dict[Any, list[int]] = {}
    for position, request in enumerate(requests):
        if request is None:
            continue
        values, parameters, form = request
        if type(values) is not list or not values or form not in _JOINED:
            groups[position] = [position]
            continue
        key = _key(parameters, position) if parameters else ""
        group = groups.get(key)
        if group is None:
            groups[key] = [position]
        else:
            group.append(position)
    if not max_batch_size:
        return list(groups.values())
    parts = [part for group in groups.values() for part in _cut(group, requests, max_batch_size)]
    return sorted(parts)


# The rows of a model's tensors are instances to predict, and its predictions are their rows.
_JOINED = ("instances", "rows")


def join(requests: Sequence[Instances]) -> Instances:
    """One request with the instances of all, in order."""
    if len(requests) == 1:
        return requests[0]
    values: list[Any] = []
    for request in requests:
        values += request.values
    return Instances(values, requests[0].parameters)


def split(predictions: Any, counts: Sequence[int]) -> list[Any] | None:
    """Part joint predictions by the instance counts of the calls; None if they cannot be.

    They can if they are a sequence, array or DataFrame of one row for each
    instance.
    """
    if isinstance(predictions, (str, bytes, bytearray, memoryview, Mapping)):
        return None
    rows = getattr(predictions, "iloc", predictions)  # pandas slices by label otherwise
    parts, start = [], 0
    try:
        if len(predictions) != sum(counts):
            return None
        for count in counts:
            parts.append(rows[start : start + count])
            start += count
    except Exception:  # scalars, sets, iterators: whatever has no rows to part
        return None
    return parts


def _key(parameters: Mapping[str, Any], position: int) -> bytes | str | int:
    """What requests that can be joined have in common; the position of one that cannot."""
    try:
        key = orjson.dumps(parameters, option=orjson.OPT_SORT_KEYS)
        # NaN, which AI Platform took, would be equal to null.
        return json.dumps(parameters, sort_keys=True) if b"null" in key else key
    except (TypeError, RecursionError):  # too deep, or integers beyond 64 bits
        return position


def _cut(
    group: list[int], requests: Sequence[Instances | None], max_batch_size: int
) -> list[list[int]]:
    parts: list[list[int]] = []
    size = 0
    for position in group:
        request = requests[position]
        count = len(request.values) if request is not None and len(group) > 1 else 1
        if parts and size + count <= max_batch_size:
            parts[-1].append(position)
            size += count
        else:
            parts.append([position])
            size = count
    return parts
