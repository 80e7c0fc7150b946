"""What the record holds of a signature: what it takes and answers, and the file behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cpr.runtimes.signatures import Signature


def entry_of(declared: Signature, inner: Signature, told: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of a signature.

    Args:
        declared: As it is served,
        inner: and as its graph has it.
        told: What was written for the graph, under its own names.
    """
    inputs, outputs = (
        _tensors(getattr(declared, side), getattr(inner, side)) for side in ("inputs", "outputs")
    )
    entry = {"method": declared.method, "inputs": inputs, "outputs": outputs}
    entry |= {key: told[key] for key in ("file", "why_not", "largest") if key in told}
    taken = inputs
    if "examples" in told:
        entry["examples"], taken = _examples(told["examples"], inputs)
    for key, tensors in (("readers", taken), ("writers", outputs)):
        found = told.get(key, {})
        by_alias = {a: found[item["name"]] for a, item in tensors.items() if item["name"] in found}
        if by_alias:
            entry[key] = by_alias
    for side, tensors in (("inputs", taken), ("outputs", outputs)):
        names = told.get("tensors", {}).get(side, {})
        for item in tensors.values():
            item["name"] = names.get(item["name"], item["name"])
    return entry


def function_inputs(entry: dict[str, Any]) -> dict[str, Any]:
    """What the file of an entry takes: the inputs of the signature, or features of examples."""
    inputs: dict[str, Any] = entry.get("examples", entry)["inputs"]
    return inputs


def _tensors(outer: Mapping[str, Any], within: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Inputs or outputs; `name` is the tensor's in the file."""
    by_tensor = {spec.name: alias for alias, spec in within.items()}
    return {
        alias: {
            "tensor": spec.name,
            "dtype": spec.dtype,
            "shape": None if spec.shape is None else list(spec.shape),
            "name": by_tensor.get(spec.name, alias) if outer is not within else alias,
        }
        for alias, spec in outer.items()
    }


def _examples(
    told: Mapping[str, Any], inputs: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What is read of examples, and the features as the inputs that they are for the file."""
    (alias,) = (alias for alias, item in inputs.items() if item["name"] == told["input"])
    taken = {
        one["key"]: {
            "tensor": one["key"],
            "dtype": one["dtype"],
            "shape": [None, *one["shape"]],
            "name": told["names"][one["key"]],
        }
        for one in told["features"]
        if one["is_used"]
    }
    return {"input": alias, "features": told["features"], "inputs": taken}, taken
