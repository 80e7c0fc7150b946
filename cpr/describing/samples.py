"""Request bodies that can be sent as they are: those given, or one invented."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

import orjson

_COUNT = 12
_BYTES = 16_000
_VALUES = 2_000
_ZEROS = {"string": "text", "bool": False}


def given_samples(bodies: Iterable[bytes]) -> list[dict[str, Any]]:
    """The bodies that are short JSON objects with instances, parsed."""
    found: list[dict[str, Any]] = []
    for body in bodies:
        if len(body) > _BYTES or len(found) == _COUNT:
            continue
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            continue  # a sample may be there to show what is refused
        if isinstance(parsed, dict) and "instances" in parsed:
            found.append(parsed)
    return found


def invented_sample(signatures: Mapping[str, Any], default: str) -> list[dict[str, Any]]:
    """A request for the default signature; none where it would be a guess, or huge."""
    name = default or next(iter(signatures), "")
    signature = signatures.get(name, {"form": "any"})
    if signature["form"] == "any":
        return []
    inputs = signature["inputs"]
    shapes = [item["shape"] or [None] for item in inputs.values()]
    if sum(prod(size or 1 for size in shape[1:]) for shape in shapes) > _VALUES:
        return []
    instance: Any = {alias: _value(alias, item) for alias, item in inputs.items()}
    if signature["form"] == "value":
        instance = next(iter(instance.values()))
    elif signature["form"] == "row":
        instance = list(instance.values())
    named = {} if default else {"signature_name": name}
    return [{**named, "instances": [instance]}]


def _value(alias: str, item: Mapping[str, Any]) -> Any:
    """An invented value of one instance."""
    dtype = item["dtype"]
    if item.get("choices"):
        return item["choices"][0]
    value: Any = _ZEROS.get(dtype, 0 if "int" in dtype else 0.0)
    if dtype == "string" and alias.endswith("_bytes"):
        value = {"b64": "dGV4dA=="}
    for size in reversed((item["shape"] or [None])[1:]):
        value = [value] * (size or 1)
    return value
