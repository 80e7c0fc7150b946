"""A Keras model as a session: traced once, so that a call costs microseconds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from cpr.errors import LoadError
from cpr.runtimes.signatures import Signature
from cpr.runtimes.tf_session import TfSession
from cpr.savedmodel.keras_interface import (
    input_names,
    is_stateful,
    output_names,
    structure_of,
)
from cpr.savedmodel.layout import DEFAULT_SIGNATURE
from cpr.savedmodel.tensorflow_library import first_line


def export(tf: Any, model: Any, path: Path) -> tuple[TfSession, Signature]:
    """Trace a model and load the graph; also its signature under Keras's names.

    The graph goes through a temporary SavedModel, which is gone on return.

    Args:
        tf: TensorFlow.
        model: A built model of Keras 3 or tf_keras.
        path: Where it came from, for messages.

    Raises:
        LoadError: The model has no declared inputs, or cannot be traced.
    """
    with tempfile.TemporaryDirectory(prefix="cpr-keras-") as folder:
        return export_to(Path(folder), tf, model, path)


def export_to(folder: Path, tf: Any, model: Any, path: Path) -> tuple[TfSession, Signature]:
    """As `export`, through a SavedModel that is left in `folder`."""
    inputs = list(getattr(model, "inputs", None) or [])
    if not inputs:
        raise LoadError(
            f"{path} does not say what its inputs are.",
            hint="Give the model an Input layer and save it again, or write a predictor class.",
        )
    structure = structure_of(model, inputs)
    produced: list[Any] = []

    def call(*tensors: Any) -> dict[str, Any]:
        outputs = model(tf.nest.pack_sequence_as(structure, list(tensors)), training=False)
        produced.append(outputs)
        return {f"output_{i}": value for i, value in enumerate(tf.nest.flatten(outputs))}

    # A model built by calling it once recorded that call's batch; only state needs one.
    any_batch = not is_stateful(model)
    specs = [
        tf.TensorSpec(
            (None, *tensor.shape[1:]) if any_batch else tuple(tensor.shape),
            tf.as_dtype(tensor.dtype),
            name=f"input_{i}",
        )
        for i, tensor in enumerate(inputs)
    ]
    try:
        function = tf.function(call, input_signature=specs)
        function.get_concrete_function()
        session = _through_disk(tf, model, function, folder)
    except Exception as error:
        message = first_line(error, path.parent)
        raise LoadError(f"{path} cannot be made a graph: {message}") from error
    exported = session.signatures[DEFAULT_SIGNATURE]
    names = input_names(structure, inputs)
    outputs = output_names(tf, model, produced[0])
    return session, Signature(
        DEFAULT_SIGNATURE,
        exported.method,
        {name: exported.inputs[f"input_{i}"] for i, name in enumerate(names)},
        {name: exported.outputs[f"output_{i}"] for i, name in enumerate(outputs)},
    )


def _through_disk(tf: Any, model: Any, function: Any, folder: Path) -> TfSession:
    holder = tf.Module()
    # Keras 3 keeps its variables in wrappers that a session would not restore.
    holder.variables_read = [
        variable if isinstance(variable, tf.Variable) else variable.value
        for variable in model.variables
    ]
    try:
        tf.saved_model.save(holder, str(folder), signatures=function)
    except AssertionError:
        # Lookup tables and recurrent states are reached through the model
        # only; with it, weights are written twice, so it is not the rule.
        holder.model = model
        tf.saved_model.save(holder, str(folder), signatures=function)
    session = TfSession(tf, folder, ())
    if session.unrestored:
        names = ", ".join(session.unrestored)
        raise LoadError(f"it reads variables that do not belong to it ({names}).")
    return session
