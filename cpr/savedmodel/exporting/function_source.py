"""Opens what TensorFlow 2 itself calls functions: tf.function, tf.Module, SavedModel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cpr.errors import UsageError, shorten
from cpr.savedmodel.exporting.structures import (
    apply_by_name,
    as_arrays,
    constants,
    held_by,
    named_outputs,
    parameter_names,
)
from cpr.savedmodel.layout import DEFAULT_SIGNATURE
from cpr.savedmodel.reader import read_saved_model
from cpr.savedmodel.servable import Servable, ServableFunction, SourceOptions, Tensors
from cpr.savedmodel.tensorflow_library import load_saved_model
from cpr.wire.tensors import Array


def open_function(tf: Any, source: Any, options: SourceOptions) -> Servable:
    """Open a tf.function, a concrete function, or a plain function with declared inputs.

    Raises:
        UsageError: Its inputs are not known.
    """
    name = getattr(source, "__name__", None) or getattr(source, "name", "") or "function"
    return Servable(
        f"function {name!r}",
        {DEFAULT_SIGNATURE: servable_function(tf, source, options.inputs)},
        holders=tuple(held_by(source)),
    )


def open_module(tf: Any, source: Any, options: SourceOptions) -> Servable:
    """Open a tf.Module or another trackable object: its signatures, else its tf.functions.

    Raises:
        UsageError: It has neither.
    """
    found: dict[str, Any] = dict(getattr(source, "signatures", None) or {})
    if not found:
        found = {name: item for name, item in _functions_of(source) if _is_typed(item, options)}
    if not found:
        raise UsageError(
            f"{shorten(source)} has no tf.function with an input_signature.",
            hint="Give one an input_signature, or say inputs={name: tf.TensorSpec(…)}.",
        )
    functions = {
        DEFAULT_SIGNATURE if name == "__call__" else name: servable_function(
            tf, item, options.inputs
        )
        for name, item in found.items()
    }
    return Servable(f"{type(source).__name__} object", functions, holders=(source,))


def open_saved_model(tf: Any, source: Path, options: SourceOptions) -> Servable:
    """Open a TensorFlow 2 SavedModel: its signatures, with the methods that they have.

    Raises:
        LoadError: It cannot be loaded.
        UsageError: It has no signatures.
    """
    loaded = load_saved_model(tf, source)
    if not loaded.signatures:
        raise UsageError(
            f"{source} has no signatures: it can be loaded, but not served.",
            hint="Export the function of it that you mean: tf.saved_model.load(…), then "
            "export(loaded.function, …).",
        )
    methods = {
        name: signature.method_name
        for name, signature in read_saved_model(source).meta_graphs[0].signature_def.items()
    }
    functions = {
        name: servable_function(tf, item, {}, method=methods[name])
        for name, item in loaded.signatures.items()
    }
    return Servable(f"SavedModel {source}", functions, holders=(loaded,))


def servable_function(
    tf: Any, function: Any, inputs: Mapping[str, Any], *, method: str = ""
) -> ServableFunction:
    """A function that is called by name, of one of any kind that TensorFlow has.

    Raises:
        UsageError: Its inputs are not known.
    """
    specs = dict(inputs) or declared_inputs(function)
    call = _caller(function, specs)

    def reference(arrays: Mapping[str, Array]) -> dict[str, Array]:
        return as_arrays(call(constants(tf, arrays, specs)))

    made = ServableFunction(call, specs, reference=reference)
    return made if not method else ServableFunction(call, specs, method, reference)


def declared_inputs(function: Any) -> dict[str, Any]:
    """The `tf.TensorSpec` of each input of a tf.function or concrete function, by name.

    Raises:
        UsageError: It declares none, or nests them.
    """
    concrete = function
    if getattr(function, "input_signature", None) is not None:
        concrete = function.get_concrete_function()
    signature = getattr(concrete, "structured_input_signature", None)
    if signature is None:
        raise UsageError(
            f"the inputs of {shorten(function)} are not declared.",
            hint="Give it @tf.function(input_signature=…), or say inputs={name: tf.TensorSpec(…)}.",
        )
    positional, keywords = signature
    if len(positional) == 1 and isinstance(positional[0], Mapping):
        named = dict(positional[0])
    else:
        named = dict(zip(_positional_names(function, positional), positional, strict=False))
    named |= keywords
    for name, spec in named.items():
        if isinstance(spec, (Mapping, list, tuple)):
            raise UsageError(
                f"the input {name!r} is {shorten(spec)}; expected one tensor.",
                hint="Take tensors as parameters, or a single dict of them.",
            )
    # Others have a default that is no tensor, and keep it.
    return {name: spec for name, spec in named.items() if hasattr(spec, "shape")}


def _positional_names(function: Any, positional: tuple[Any, ...]) -> list[str]:
    names = parameter_names(function)
    if len(names) < len(positional):
        names = [getattr(spec, "name", "") or f"input_{i}" for i, spec in enumerate(positional)]
    return names


def _caller(function: Any, specs: Mapping[str, Any]) -> Callable[[Tensors], Tensors]:
    # A concrete function of a SavedModel takes keywords, but has no parameters to look at.
    is_keyword = hasattr(function, "structured_input_signature")
    fixed = {name: spec for name, spec in specs.items() if spec.shape.rank and spec.shape[0]}
    if fixed and hasattr(function, "python_function"):
        # Its own declaration would be in the way of a batch of another size.
        function = function.python_function

    def call(tensors: Tensors) -> Tensors:
        ordered = {name: tensors[name] for name in specs}
        for name in fixed if is_keyword else ():
            if not fixed[name].shape.is_compatible_with(ordered[name].shape) or (
                ordered[name].shape[0] is None
            ):
                raise ValueError(f"{name} is traced for {fixed[name].shape[0]} instances")
        return named_outputs(
            function(**ordered) if is_keyword else apply_by_name(function, ordered)
        )

    return call


def _functions_of(module: Any) -> list[tuple[str, Any]]:
    names = [name for name in dir(module) if name == "__call__" or not name.startswith("_")]
    items = ((name, getattr(module, name, None)) for name in names)
    return [(name, item) for name, item in items if hasattr(item, "get_concrete_function")]


def _is_typed(function: Any, options: SourceOptions) -> bool:
    return bool(options.inputs) or getattr(function, "input_signature", None) is not None
