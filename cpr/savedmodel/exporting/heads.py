"""The signatures of an export: which function each runs, its outputs and its method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cpr.errors import UsageError, shorten
from cpr.savedmodel.layout import DEFAULT_SIGNATURE
from cpr.savedmodel.servable import METHODS, Servable, ServableFunction, Tensors
from cpr.suggest import did_you_mean
from cpr.wire.tensors import Array

# A module's function of one of these names is its default signature.
_USUAL = (DEFAULT_SIGNATURE, "serve", "call", "predict")


@dataclass(frozen=True)
class Head:
    """One signature of an export.

    Attributes:
        function: The source's function by name, or a function of one's own;
            None is the source's default.
        outputs: The outputs to keep, by name; a mapping renames them, new
            name to old. Empty keeps all.
        method: ``predict``, ``classify`` or ``regress``; empty is the source's.
        examples: A feature spec: the signature takes serialized `tf.Example`s.
        labels: The names of the classes: an output ``classes`` of them is added.
    """

    function: str | Callable[..., Any] | None = None
    outputs: Sequence[str] | Mapping[str, str] = ()
    method: str = ""
    examples: Mapping[str, Any] | None = None
    labels: Sequence[str] = field(default=())


def as_heads(signatures: Mapping[str, Any] | None, servable: Servable) -> dict[str, Head]:
    """The heads that are wanted; by default all functions of the source.

    One that is called as the default usually is becomes ``serving_default``
    too, and keeps its name.

    Raises:
        UsageError: A head is not one.
    """
    if signatures is None:
        names = list(servable.functions)
        default = next((name for name in _USUAL if name in names), None)
        default = names[0] if len(names) == 1 else default
        heads = {name: Head(name) for name in names}
        return heads if default is None else {DEFAULT_SIGNATURE: Head(default), **heads}
    return {name: _as_head(name, value) for name, value in signatures.items()}


def function_of(
    head: Head, servable: Servable, make: Callable[[Any], ServableFunction]
) -> ServableFunction:
    """The function that a head runs, with the head's outputs only.

    Args:
        head: The head.
        servable: The opened source.
        make: Makes a servable function of the caller's own.

    Raises:
        UsageError: The source has no such function, or the method is unknown.
    """
    function = _find(head, servable) if not callable(head.function) else make(head.function)
    if head.method and head.method not in METHODS:
        raise UsageError(
            f"unknown method {head.method!r}; known are {', '.join(METHODS)}.",
            hint=did_you_mean(head.method, METHODS),
        )
    return replace(function, method=METHODS[head.method]) if head.method else function


def with_outputs(function: ServableFunction, head: Head) -> ServableFunction:
    """The function, returning only the outputs that a head keeps, under the head's names."""
    if not head.outputs:
        return function
    names = head.outputs
    wanted = dict(names) if isinstance(names, Mapping) else {name: name for name in names}

    def select(outputs: Mapping[str, Any]) -> dict[str, Any]:
        for name in wanted.values():
            if name not in outputs:
                raise UsageError(
                    f"there is no output {name!r}; there are {', '.join(map(repr, outputs))}.",
                    hint=did_you_mean(name, outputs),
                )
        return {new: outputs[old] for new, old in wanted.items()}

    return then(function, select, select)


def then(
    function: ServableFunction,
    on_tensors: Callable[[Tensors], Tensors],
    on_arrays: Callable[[Mapping[str, Array]], Mapping[str, Array]],
) -> ServableFunction:
    """The function with another after it, in the graph and in the reference."""
    call, reference = function.call, function.reference

    def call_both(tensors: Tensors) -> Tensors:
        return on_tensors(call(tensors))

    if reference is None:
        return replace(function, call=call_both)
    inner = reference

    def refer_both(arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        return on_arrays(inner(arrays))

    return replace(function, call=call_both, reference=refer_both)


def _as_head(name: str, value: Any) -> Head:
    if isinstance(value, Head):
        return value
    if isinstance(value, str) or callable(value):
        return Head(value)
    if isinstance(value, (list, tuple, Mapping)):
        return Head(outputs=value)
    raise UsageError(
        f"the signature {name!r} is {shorten(value)}; expected a cpr.savedmodel.Head.",
        hint="A function, its name, or the names of the outputs to keep do as well.",
    )


def _find(head: Head, servable: Servable) -> ServableFunction:
    functions = servable.functions
    name = head.function
    if name is None:
        name = next((usual for usual in _USUAL if usual in functions), None)
        name = next(iter(functions)) if len(functions) == 1 else name
    if name in functions:
        return functions[str(name)]
    known = ", ".join(map(repr, functions))
    if name is None:
        raise UsageError(
            f"{servable.source} has several functions and none is the default: {known}.",
            hint="Say which: signatures={'serving_default': NAME, …}.",
        )
    raise UsageError(
        f"{servable.source} has no function {name!r}; it has {known}.",
        hint=did_you_mean(str(name), functions),
    )
