"""What is asked of a model: calls of each signature, and requests that must be refused alike."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cpr.savedmodel.meta_graph import choose_meta_graph
from cpr.savedmodel.reader import read_saved_model
from cpr.savedmodel.samples.inputs import sample_inputs

SEVERAL = 3


@dataclass(frozen=True)
class Call:
    """One call of a signature; `is_odd` where the values are none that a tool was tried on."""

    signature: str
    name: str
    inputs: Mapping[str, Any]
    is_odd: bool = False


@dataclass(frozen=True)
class Request:
    """One HTTP request; `call` is the call that it makes, None where it must be refused."""

    name: str
    path: str
    body: Mapping[str, Any]
    call: Call | None = None


def variants(folder: Path, tags: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Inputs that might do, for each signature of a graph."""
    graph = choose_meta_graph(read_saved_model(folder), tags)
    return sample_inputs(graph, folder)


def calls(taken: Mapping[str, Mapping[str, Any]]) -> list[Call]:
    """The calls of all signatures, made of inputs that the model takes."""
    return [call for name, inputs in taken.items() for call in _calls(name, inputs)]


def requests(
    made: Sequence[Call], samples: Mapping[str, Any], with_rows: Collection[str]
) -> list[Request]:
    """The calls as TensorFlow Serving's columns and as AI Platform's rows, and wrong requests.

    Args:
        made: The calls.
        samples: The request that ``cpr inspect`` suggests, by signature.
        with_rows: The signatures that answer with a row for each instance.
    """
    found = [
        request
        for call in made
        for request in _as_http(call)
        if request.path == "columns" or call.signature in with_rows
    ]
    for name, sample in samples.items():
        if sample is not None:
            body = {**sample, "signature_name": name}
            found.append(Request(f"{name}: inspect's sample", "rows", body, Call(name, "", {})))
    firsts = {call.signature: call for call in reversed(made)}
    return found + [request for call in firsts.values() for request in _wrong(call)]


def _calls(name: str, inputs: Mapping[str, Any]) -> Iterator[Call]:
    yield Call(name, "as sampled", inputs)
    if not inputs or any(value.ndim == 0 for value in inputs.values()):
        yield Call(name, "again", inputs)
        return
    yield Call(name, "one", {alias: value[:1] for alias, value in inputs.items()})
    yield Call(name, "several", {alias: value[:SEVERAL] for alias, value in inputs.items()})
    for odd, change in (("zeros", _zeros), ("large", _large), ("negative", _negative)):
        changed = {alias: change(value) for alias, value in inputs.items()}
        yield Call(name, odd, changed, is_odd=True)


def _zeros(value: Any) -> Any:
    return np.full_like(value, b"") if value.dtype == object else np.zeros_like(value)


def _large(value: Any) -> Any:
    if value.dtype == object:
        return np.full_like(value, "žluťoučký kůň 马 ".encode() * 20)
    if value.dtype.kind == "f":
        return (value * 1e4).astype(value.dtype)
    return value


def _negative(value: Any) -> Any:
    if value.dtype == object:
        return np.full_like(value, b"\xff\x00\xfe")
    return -np.abs(value) if value.dtype.kind in "if" else value


def _as_http(call: Call) -> Iterator[Request]:
    columns = {alias: _in_json(value) for alias, value in call.inputs.items()}
    named = {"signature_name": call.signature}
    label = f"{call.signature}: {call.name}"
    yield Request(f"{label}, columns", "columns", {**named, "inputs": columns}, call)
    sizes = {np.shape(value)[:1] for value in call.inputs.values()}
    if len(sizes) == 1 and () not in sizes:
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        yield Request(f"{label}, rows", "rows", {**named, "instances": rows}, call)


def _wrong(call: Call) -> Iterator[Request]:
    """Requests of a wrong rank, size, type and name."""
    label, named = call.signature, {"signature_name": call.signature}
    columns = {alias: _in_json(value) for alias, value in call.inputs.items()}
    for alias, value in call.inputs.items():
        others = {name: item for name, item in columns.items() if name != alias}
        bodies = {
            "one rank more": {**columns, alias: [columns[alias]]},
            "one rank less": {**columns, alias: _flat(columns[alias])},
            "nothing": {**columns, alias: []},
            "another type": {**columns, alias: {"no": "tensor"}},
            "no such input": others,
        }
        if value.ndim > 1:
            bodies["another size"] = {**columns, alias: [row[:1] * 2 for row in columns[alias]]}
        if value.dtype.kind in "iu":
            bodies["out of range"] = {**columns, alias: _in_json(np.full_like(value, 10**6))}
        for wrong, inputs in bodies.items():
            yield Request(f"{label}: {wrong}: {alias}", "columns", {**named, "inputs": inputs})
    yield Request(f"{label}: no signature", "rows", {"signature_name": "no", "instances": [0]})


def _in_json(value: Any) -> Any:
    def encoded(item: Any) -> Any:
        if isinstance(item, list):
            return [encoded(one) for one in item]
        if isinstance(item, bytes):
            return {"b64": base64.b64encode(item).decode()}
        return item

    return encoded(np.asarray(value).tolist())


def _flat(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value
