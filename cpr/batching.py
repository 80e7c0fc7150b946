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
        if type(request.values) is list and request.values:
            key = _key(request.parameters)
        else:
            key = position
        groups.setdefault(key, []).append(position)
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
    if isinstance(predictions, (str, bytes, dict)) or not hasattr(predictions, "__getitem__"):
        return None
    try:
        total = len(predictions)
    except TypeError:  # a scalar array
        return None
    if total != sum(counts):
        return None
    parts, start = [], 0
    for count in counts:
        parts.append(predictions[start : start + count])
        start += count
    return parts


def _key(parameters: Mapping[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True) if parameters else ""
