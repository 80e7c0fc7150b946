"""Opens Keras models, of Keras 3 and tf_keras, and the files that they are saved in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cpr.artifacts.keras_file import inspect
from cpr.errors import LoadError
from cpr.savedmodel.exporting.structures import as_arrays, constants, named_outputs
from cpr.savedmodel.keras_interface import (
    input_names,
    is_stateful,
    output_names,
    structure_of,
)
from cpr.savedmodel.keras_loading import load_keras
from cpr.savedmodel.layout import DEFAULT_SIGNATURE
from cpr.savedmodel.servable import Servable, ServableFunction, SourceOptions, Tensors
from cpr.wire.tensors import Array


def open_keras_file(tf: Any, source: Path, options: SourceOptions) -> Servable:
    """Open a ``.keras`` archive or an ``.h5`` file; what tf.keras wrote, through tf_keras.

    Raises:
        LoadError: It is damaged, holds Python code, or needs classes that are
            not at hand.
    """
    model = load_keras(inspect(source))
    opened = open_keras_model(tf, model, options)
    return Servable(f"Keras file {source}", opened.functions, opened.holders)


def open_keras_model(tf: Any, source: Any, options: SourceOptions) -> Servable:
    """Open a built Keras model, as it answers when it is not training.

    Inputs have Keras's names; outputs too, where it has any.

    Raises:
        LoadError: The model does not say what its inputs are.
    """
    title = f"Keras model {getattr(source, 'name', 'model')!r}"
    specs, structure = _inputs(tf, source, options, title)

    def call(tensors: Tensors) -> Tensors:
        values = [tensors[name] for name in specs]
        for name, value in zip(specs, values, strict=True):
            if specs[name].shape[:1].is_fully_defined() and value.shape[0] is None:
                raise ValueError(f"the model keeps state for {specs[name].shape[0]} instances")
        outputs = source(tf.nest.pack_sequence_as(structure, values), training=False)
        return _named(tf, source, outputs)

    def reference(arrays: Mapping[str, Array]) -> dict[str, Array]:
        return as_arrays(call(constants(tf, arrays, specs)))

    function = ServableFunction(call, specs, reference=reference)
    return Servable(title, {DEFAULT_SIGNATURE: function}, holders=(source,))


def _inputs(tf: Any, model: Any, options: SourceOptions, title: str) -> tuple[dict[str, Any], Any]:
    """The inputs by name, and how the model wants them nested."""
    inputs = list(getattr(model, "inputs", None) or [])
    if options.inputs:
        specs = dict(options.inputs)
        return specs, next(iter(specs)) if len(specs) == 1 else dict(specs)
    if not inputs:
        raise LoadError(
            f"{title} does not say what its inputs are.",
            hint="Give it an Input layer, or declare them: inputs={name: tf.TensorSpec(…)}.",
        )
    structure = structure_of(model, inputs)
    # A model built by calling it once recorded that call's batch; only state needs one.
    keeps_batch = is_stateful(model)
    specs = {
        name: tf.TensorSpec(
            tuple(tensor.shape) if keeps_batch else (None, *tensor.shape[1:]),
            tf.as_dtype(tensor.dtype),
        )
        for name, tensor in zip(input_names(structure, inputs), inputs, strict=True)
    }
    return specs, structure


def _named(tf: Any, model: Any, outputs: Any) -> dict[str, Any]:
    if isinstance(outputs, dict):
        return named_outputs(outputs)
    return dict(zip(output_names(tf, model, outputs), tf.nest.flatten(outputs), strict=True))
