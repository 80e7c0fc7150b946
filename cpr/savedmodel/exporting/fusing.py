"""Preprocessing and postprocessing, made part of the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cpr.errors import UsageError
from cpr.savedmodel.exporting.function_source import declared_inputs
from cpr.savedmodel.exporting.fused_transformer import FusedTransformer
from cpr.savedmodel.exporting.heads import then
from cpr.savedmodel.exporting.structures import apply_by_name, as_arrays, constants, named_outputs
from cpr.savedmodel.servable import ServableFunction, Tensors
from cpr.wire.tensors import Array


def with_preprocessing(
    tf: Any, function: ServableFunction, preprocess: Callable[..., Any], inputs: Mapping[str, Any]
) -> ServableFunction:
    """The function behind another, whose inputs become the signature's.

    The other returns what the function takes: a dict by its input names, or
    tensors in their order.

    Args:
        tf: TensorFlow.
        function: What is called with the result.
        preprocess: A tf.function, or a plain function of tensors.
        inputs: Its inputs; needed unless it declares them itself.

    Raises:
        UsageError: Its inputs are not known.
    """
    specs = dict(inputs) or getattr(preprocess, "inputs", None) or declared_inputs(preprocess)
    # What Keras calls its input is of no use to someone who calls a Python function.
    names = list(function.inputs)

    def prepare(tensors: Tensors) -> dict[str, Any]:
        is_fused = isinstance(preprocess, FusedTransformer)
        made = preprocess(tensors) if is_fused else apply_by_name(preprocess, tensors)
        prepared = _by_input_name(made, names)
        return {
            name: tf.cast(value, function.inputs[name].dtype)
            if function.inputs[name].dtype.name != "string"
            else value
            for name, value in prepared.items()
        }

    def call(tensors: Tensors) -> Tensors:
        return function.call(prepare(tensors))

    examples = getattr(preprocess, "examples", None)
    reference = function.reference
    if reference is None:
        return replace(function, call=call, inputs=specs, examples=examples)
    inner = reference

    def refer(arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        if isinstance(preprocess, FusedTransformer):
            made = _by_input_name(preprocess.reference(arrays), names)
            return inner(
                {name: value.astype(_numpy(function, name)) for name, value in made.items()}
            )
        return inner(as_arrays(prepare(constants(tf, arrays, specs))))

    return replace(function, call=call, inputs=specs, reference=refer, examples=examples)


def with_postprocessing(
    tf: Any, function: ServableFunction, postprocess: Callable[..., Any]
) -> ServableFunction:
    """The function with another after it, which takes its outputs and returns the signature's."""

    def on_tensors(tensors: Tensors) -> Tensors:
        return named_outputs(apply_by_name(postprocess, tensors))

    def on_arrays(arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        tensors = {name: tf.constant(_plain(value)) for name, value in arrays.items()}
        return as_arrays(on_tensors(tensors))

    return then(function, on_tensors, on_arrays)


def with_labels(tf: Any, function: ServableFunction, labels: list[str]) -> ServableFunction:
    """The function with an output ``classes``: the labels, one row an instance.

    That is what the method classify answers with, beside the output ``scores``.

    Raises:
        UsageError: The scores are not one a label.
    """

    def add(tensors: Tensors) -> Tensors:
        if "scores" not in tensors:
            raise UsageError(
                f"labels need an output 'scores'; there is {', '.join(map(repr, tensors))}.",
                hint="Rename it: Head(outputs={'scores': NAME}, labels=…).",
            )
        scores = tensors["scores"]
        if scores.shape[-1] != len(labels):
            raise UsageError(f"there are {len(labels)} labels for scores of shape {scores.shape}.")
        return {"classes": tf.tile([labels], [tf.shape(scores)[0], 1]), **tensors}

    def add_arrays(arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        row = [label.encode() for label in labels]
        classes = np.array([row] * len(arrays["scores"]), dtype=object)
        return {"classes": classes, **arrays}

    return then(function, add, add_arrays)


def _by_input_name(prepared: Any, names: list[str]) -> dict[str, Any]:
    """What preprocessing returned, by the names of the inputs that it is for."""
    if isinstance(prepared, Mapping):
        if len(names) == 1 and len(prepared) == 1:
            return {names[0]: next(iter(prepared.values()))}
        if set(prepared) >= set(names):
            return {name: prepared[name] for name in names}
    else:
        values = list(prepared) if isinstance(prepared, (list, tuple)) else [prepared]
        if len(values) == len(names):
            return dict(zip(names, values, strict=True))
    got = (
        f"the keys {', '.join(map(repr, prepared))}" if isinstance(prepared, Mapping) else "others"
    )
    raise UsageError(
        f"preprocessing returned {got}; the model takes {', '.join(map(repr, names))}.",
        hint="Return a dict of tensors by these names.",
    )


def _numpy(function: ServableFunction, name: str) -> Any:
    return function.inputs[name].dtype.as_numpy_dtype


def _plain(array: Array) -> Any:
    return array.tolist() if array.dtype == object else array
