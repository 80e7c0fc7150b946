"""Between what functions take and return, nested or not, and tensors by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cpr.errors import UsageError, shorten
from cpr.savedmodel.servable import Tensors
from cpr.wire.tensors import Array


def named_outputs(outputs: Any) -> dict[str, Any]:
    """What a function returned, by name: its keys, or ``output_0`` and so on.

    Raises:
        UsageError: It is nested deeper than one level.
    """
    if isinstance(outputs, Mapping):
        named = {str(name): value for name, value in outputs.items()}
    elif hasattr(outputs, "_asdict"):
        named = dict(outputs._asdict())
    elif isinstance(outputs, (list, tuple)):
        named = {f"output_{i}": value for i, value in enumerate(outputs)}
    else:
        named = {"output_0": outputs}
    for name, value in named.items():
        if value is None or isinstance(value, (Mapping, list, tuple)):
            raise UsageError(
                f"the output {name!r} is {shorten(value)}; a signature's outputs are tensors.",
                hint="Return a dict of tensors by name.",
            )
    return named


def apply_by_name(function: Callable[..., Any], tensors: Tensors) -> Any:
    """Call a function with tensors in the way that its parameters ask for.

    By keyword where its parameters have the tensors' names; else with the one
    tensor; else with one dict of them all.
    """
    if set(tensors) <= set(parameter_names(function)):
        return function(**tensors)
    if len(tensors) == 1:
        return function(next(iter(tensors.values())))
    return function(dict(tensors))


def parameter_names(function: Any) -> list[str]:
    """The names of a function's parameters, without a method's own object."""
    wrapped = getattr(function, "python_function", function)
    try:
        parameters = inspect.signature(wrapped).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    names = [parameter.name for parameter in parameters if parameter.kind not in kinds]
    return names[1:] if names[:1] == ["self"] else names


def held_by(function: Any) -> list[Any]:
    """What a function may use besides its arguments: its object, and what it encloses."""
    inner = getattr(function, "python_function", function)
    cells = getattr(inner, "__closure__", None) or ()
    held = [cell.cell_contents for cell in cells if _is_full(cell)]
    named = getattr(getattr(inner, "__code__", None), "co_names", ())
    globals_of = getattr(inner, "__globals__", {})
    held += [globals_of[name] for name in named if name in globals_of]
    owners = (getattr(function, "__self__", None), getattr(inner, "__self__", None), function)
    return [*(owner for owner in owners if owner is not None), *held]


def _is_full(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty cell raises
    except ValueError:
        return False
    return True


def constants(tf: Any, arrays: Mapping[str, Array], specs: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors of the declared types, of arrays."""
    return {
        name: tf.constant(_listed(arrays[name], spec), dtype=spec.dtype)
        for name, spec in specs.items()
    }


def as_arrays(tensors: Mapping[str, Any]) -> dict[str, Array]:
    """Arrays of tensors; sparse and ragged ones are not taken."""
    return {name: np.asarray(value) for name, value in tensors.items()}


def _listed(array: Array, spec: Any) -> Any:
    return array.tolist() if spec.dtype.name == "string" else array
