"""What a Keras model calls its inputs and outputs, and how it nests them; of any Keras."""

from __future__ import annotations

from typing import Any


def structure_of(model: Any, inputs: list[Any]) -> Any:
    """How the model wants its inputs nested; a Sequential model has one."""
    try:
        return model.input
    except AttributeError:
        return inputs[0] if len(inputs) == 1 else inputs


def input_names(structure: Any, inputs: list[Any]) -> list[str]:
    """The inputs' names, in the order in which nested inputs are flattened."""
    if isinstance(structure, dict):
        return sorted(structure)
    return [tensor.name.partition(":")[0] for tensor in inputs]


def output_names(tf: Any, model: Any, outputs: Any) -> list[str]:
    """The names of what a call returned, in the order in which it is flattened."""
    if isinstance(outputs, dict):
        return sorted(outputs)
    count = len(tf.nest.flatten(outputs))
    named = list(getattr(model, "output_names", None) or [])
    return named if len(set(named)) == count else [f"output_{i}" for i in range(count)]


def is_stateful(layer: Any) -> bool:
    """Whether it keeps state from call to call, and so the batch that it was built for."""
    inner = getattr(layer, "layers", None) or []
    return bool(getattr(layer, "stateful", False)) or any(map(is_stateful, inner))
