"""A request as JSON text: ``json.dumps``, without the cost of a value for each pixel.

The rows of a sample are one and the same list, as often as there are rows: each
is written once, and its text repeated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def sample_text(sample: Mapping[str, Any]) -> str:
    """What ``json.dumps`` makes of a request."""
    return _written(sample, {})


def _written(value: Any, known: dict[int, str]) -> str:
    if isinstance(value, Mapping):
        parts = (
            f"{json.dumps(key, ensure_ascii=False)}: {_written(item, known)}"
            for key, item in value.items()
        )
        return f"{{{', '.join(parts)}}}"
    if not isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if id(value) not in known:
        first = value[0] if value else None
        if all(item is first for item in value):
            parts_of = [_written(first, known)] * len(value)
        else:
            parts_of = [_written(item, known) for item in value]
        known[id(value)] = f"[{', '.join(parts_of)}]"
    return known[id(value)]
