"""Signatures of models that declare their tensors: TensorFlow, Keras, LiteRT, ONNX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ANYTHING: Mapping[str, Any] = {"form": "any", "inputs": {}, "outputs": {}}


def tensor(dtype: str, shape: Sequence[int | None] | None, **more: Any) -> dict[str, Any]:
    """One input or output; `shape` begins with the number of instances."""
    return {"dtype": dtype, "shape": None if shape is None else list(shape), **more}


def tensor_signatures(signatures: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The signatures of a `SignaturePredictor`, in alphabetical order."""
    return {name: _signature(signatures[name]) for name in sorted(signatures)}


def onnx_signature(inputs: Sequence[Any]) -> dict[str, Any]:
    """What an `OnnxModel` takes; its outputs are known once it has answered."""
    described = {item.name: tensor(_name_of(item.dtype), item.shape) for item in inputs}
    return {"form": _form(described), "inputs": described, "outputs": {}}


def _signature(signature: Any) -> dict[str, Any]:
    sides = {
        side: {
            alias: tensor(spec.dtype, spec.shape, tensor=spec.name)
            for alias, spec in getattr(signature, side).items()
        }
        for side in ("inputs", "outputs")
    }
    return {"form": _form(sides["inputs"]), **sides, "method": signature.method}


def _form(inputs: Mapping[str, Any]) -> str:
    return "value" if len(inputs) == 1 else "object"


def _name_of(dtype: Any) -> str:
    name: str = dtype.__name__
    return {"str_": "string", "bool_": "bool"}.get(name, name)
