"""The signatures that a caller declares for a graph which has none of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from cpr.errors import LoadError, UsageError, shorten
from cpr.savedmodel.layout import DEFAULT_SIGNATURE
from cpr.savedmodel.migrating.model import V1Signature, named
from cpr.savedmodel.servable import SourceOptions

_SHOWN = 8
# Ops that end a graph without being an answer.
_NO_ANSWERS = {"NoOp", "Const", "Assert", "SaveV2", "Placeholder"}
# What tells an answer in a graph that goes on behind it, and what trains and saves.
_SCORES = {"Softmax", "LogSoftmax", "Sigmoid", "ArgMax", "TopKV2"}
_ANSWER = re.compile(r"(^|/)(y|outputs?|prob\w*|predictions?|scores?|logits|classes)$")
_TRAINING = re.compile(r"(^|/)(gradients|save)(_\d+)?/")
_TRAINS = re.compile(r"(Resource)?Apply|Assign|\w+Summary$|Restore")


def signatures_of(graph: Any, options: SourceOptions, source: str) -> dict[str, V1Signature]:
    """What the options name as inputs and outputs, or the only ones that there can be.

    Raises:
        LoadError: A name is not in the graph.
        UsageError: Nothing is named, and there is more than one candidate.
    """
    inputs, outputs = dict(options.inputs), dict(options.outputs)
    if not inputs:
        inputs = _only(_placeholders(graph), "inputs", source)
    if not outputs:
        outputs = _only(_ends(graph), "outputs", source, lambda ends: _likely(graph, ends))
    return named(graph, {DEFAULT_SIGNATURE: V1Signature(inputs, outputs)}, source)


def built_signatures(graph: Any, built: Any, source: str) -> dict[str, V1Signature]:
    """What a function that builds a graph returned, as signatures.

    Raises:
        UsageError: It is neither a pair of inputs and outputs, nor such pairs by name.
        LoadError: A tensor is of another graph.
    """
    by_name = built if isinstance(built, Mapping) else {DEFAULT_SIGNATURE: built}
    return named(graph, {str(name): _pair(name, value) for name, value in by_name.items()}, source)


def _pair(name: Any, value: Any) -> V1Signature:
    if isinstance(value, V1Signature):
        return value
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, Mapping) for v in value):
        return V1Signature(*value)
    raise UsageError(
        f"the function that builds the graph returned {shorten(value)} for the signature "
        f"{shorten(name)}; expected (inputs, outputs), each a dict of tensors by name.",
        hint='return {"x": x}, {"y": y}',
    )


def _placeholders(graph: Any) -> list[str]:
    return [op.name for op in graph.get_operations() if op.type == "Placeholder"]


def _ends(graph: Any) -> list[str]:
    """Ops whose outputs nothing in the graph reads."""
    return [
        op.name
        for op in graph.get_operations()
        if op.type not in _NO_ANSWERS
        and len(op.outputs) == 1
        and not any(tensor.consumers() for tensor in op.outputs)
    ]


def _likely(graph: Any, ends: list[str]) -> list[str]:
    """What a person may mean by the outputs, the likeliest first: no training and no saving.

    A training graph goes on behind its predictions, to a loss; those that end
    in scores or classes are told by what they do, others by their names.
    """
    ops = graph.get_operations()
    scores = [op.name for op in ops if op.type in _SCORES or _ANSWER.search(op.name)]
    found = [name for name in dict.fromkeys([*scores, *ends]) if not _TRAINING.search(name)]
    trains = {op.name for op in ops if _TRAINS.match(op.type)}
    return [name for name in found if name not in trains] or ends


def _only(
    candidates: list[str],
    what: str,
    source: str,
    likely: Callable[[list[str]], list[str]] = lambda names: names,
) -> dict[str, str]:
    if len(candidates) == 1:
        return {candidates[0].rpartition("/")[2]: f"{candidates[0]}:0"}
    if not candidates:
        raise LoadError(
            f"{source}: the graph has nothing that could be its {what}.",
            hint=f"Name the tensors: {what}={{'x': 'x:0'}}.",
        )
    candidates = likely(candidates)
    shown = ", ".join(candidates[:_SHOWN]) + (", …" if len(candidates) > _SHOWN else "")
    raise UsageError(
        f"{source}: say which tensors are the {what}; there are {len(candidates)} candidates: "
        f"{shown}.",
        hint=f"{what}={{'{what[:-1]}': '{candidates[0]}:0'}}, or "
        f"--{what[:-1]} {what[:-1]}={candidates[0]}:0",
    )
