"""What Python's own `json.dumps` refuses, with the path to it."""

from __future__ import annotations

from typing import Any

_DEPTH = 200


def strict_fault(value: Any, path: str = "predictions", depth: int = 0) -> str:
    """The path and type of the first value that it refuses; "" if there is none."""
    if value is None or isinstance(value, (str, int, float)) or depth > _DEPTH:
        return ""
    if isinstance(value, dict):
        for key in value:
            if key is not None and not isinstance(key, (str, int, float)):
                return f"{path} has a key of type {_kind(key)}"
        members = [(f"{path}.{key}", item) for key, item in value.items()]
    elif isinstance(value, (list, tuple)):
        members = [(f"{path}[{i}]", item) for i, item in enumerate(value)]
    else:
        return f"{path} is of type {_kind(value)}"
    found = (strict_fault(item, inner, depth + 1) for inner, item in members)
    return next(filter(None, found), "")


def _kind(value: Any) -> str:
    kind = type(value)
    module = kind.__module__.partition(".")[0]
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"
