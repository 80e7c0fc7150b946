"""When several calls may share one predict, and how their predictions part again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cpr.messages import Instances


def plan(requests: Sequence[Instances | None]) -> list[list[int]]:
    """Group the positions of requests that can be joined into one.

    Joined are requests whose instances are lists and whose parameters are
    equal; every other request stays alone. None marks a position to leave
    out. Order is kept inside a group, and between the groups' first members.
    """
    groups: dict[Any, list[int]] = {}
    for position, request in enumerate(requests):
        if request is None:
            continue
        key = _key(request)
        groups.setdefault(position if key is None else key, []).append(position)
    return list(groups.values())


def join(requests: Sequence[Instances]) -> Instances:
    """One request with the instances of all, in order."""
    if len(requests) == 1:
        return requests[0]
    values = [instance for request in requests for instance in request.values]
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


def _key(request: Instances) -> str | None:
    """What requests that can be joined have in common; None for one that stays alone."""
    if type(request.values) is not list or not request.values:
        return None
    if not request.parameters:
        return ""
    try:
        return json.dumps(request.parameters, sort_keys=True)
    except RecursionError:
        return None
