"""Compares what ``cpr inspect --json`` says of a SavedModel with TensorFlow's own view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_FIELDS = ("tags", "signatures", "hidden", "assets", "nodes", "functions", "ops")


def disagreements(document: Mapping[str, Any], view: Mapping[str, Any]) -> Iterator[str]:
    """Each field that differs, with both values."""
    ours, theirs = document["summary"]["graphs"], view["graphs"]
    if len(ours) != len(theirs):
        yield f"graphs: {len(ours)}, TensorFlow has {len(theirs)}"
        return
    for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        seen = _seen(one)
        for field in _FIELDS:
            yield from _differing(f"graph {place}: {field}", seen[field], other[field])
        facts = {key: one["facts"].get(key) for key in other["facts"]}
        yield from _differing(f"graph {place}: facts", facts, other["facts"])
        denied = set(view["denied"]) & set(other["ops"])
        if missed := denied - {item["op"] for item in one["unsafe"]}:
            yield f"graph {place}: not called unsafe: {', '.join(sorted(missed))}"
    variables = {
        item["key"]: [item["dtype"], item["shape"], item["size"]]
        for item in document["summary"]["variables"]
    }
    for key, known in view["variables"].items():
        if known[2] is None and key in variables:
            variables[key][2] = None
    yield from _differing("variables", variables, view["variables"])


def _seen(graph: Mapping[str, Any]) -> dict[str, Any]:
    assets = sorted([one["filename"], one["tensor"], one["size"]] for one in graph["assets"])
    signatures = {
        name: {
            "method": item["method"],
            "inputs": _tensors(item["inputs"]),
            "outputs": _tensors(item["outputs"]),
        }
        for name, item in graph["signatures"].items()
    }
    return {**graph, "assets": assets, "signatures": signatures}


def _tensors(tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {
        alias: {key: item[key] for key in ("dtype", "shape", "tensor")}
        for alias, item in tensors.items()
    }


def _differing(where: str, ours: Any, theirs: Any) -> Iterator[str]:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in sorted({*ours, *theirs}):
            yield from _differing(f"{where}: {key}", ours.get(key), theirs.get(key))
    elif ours != theirs:
        yield f"{where} is {ours!r}, TensorFlow has {theirs!r}"
