"""Cuts out of a TF1 graph what its outputs need, down to what is fed.

Everything else stays behind: losses, optimizers, readers, summaries, savers
and the functions that only they call.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cpr.errors import LoadError, shorten

# Where TensorFlow wants an op to be is for the machine that serves to decide, and the op that a
# node was to be beside may be gone.
_PLACEMENT = "_class"


def tensor_of(name: str) -> tuple[str, int]:
    """The node and the number of the output that a node's data input names.

    Raises:
        LoadError: It is no number.
    """
    node, _, index = name.partition(":")
    if index and not (index.isascii() and index.isdigit()):
        raise LoadError(
            f"{shorten(name)} is no tensor's name: a number is expected after the colon.",
            hint="Export the model again; this one is damaged.",
        )
    return node, int(index or 0)


def full_name(name: str) -> str:
    """The name of a tensor with its number: ``x:0`` for ``x``."""
    node, index = tensor_of(name)
    return f"{node}:{index}"


def cut(graph: Any, outputs: Iterable[str], *, fed: Iterable[str] = ()) -> Any:
    """The part of a GraphDef that makes the outputs, without devices.

    Args:
        graph: A GraphDef.
        outputs: Names of tensors, or of operations.
        fed: Names of tensors that are given; nothing behind them is kept.

    Returns:
        A new GraphDef of the same class, its nodes in the old order.
    """
    nodes = {node.name: node for node in graph.node}
    given = set(fed)
    pending = [name.partition(":")[0] for name in outputs if name not in given]
    kept: set[str] = set()
    while pending:
        name = pending.pop()
        if name in kept:
            continue
        kept.add(name)
        for source in nodes[name].input:
            if source.startswith("^"):
                pending.append(source[1:])
            elif full_name(source) not in given:
                pending.append(tensor_of(source)[0])
    return _copy(graph, kept, {tensor_of(name)[0] for name in given} - kept)


def called_functions(graph: Any, names: set[str] | None = None) -> set[str]:
    """The functions of the library that the nodes call, and those that these call."""
    library = {function.signature.name: function for function in graph.library.function}
    gradients = {entry.function_name: entry.gradient_func for entry in graph.library.gradient}
    pending = [node for node in graph.node if names is None or node.name in names]
    found: set[str] = set()
    while pending:
        for name in _called(pending.pop(), library):
            for one in (name, gradients.get(name, name)):
                if one not in found and one in library:
                    found.add(one)
                    pending += library[one].node_def
    return found


def _called(node: Any, library: Any) -> set[str]:
    names: set[str] = {node.op} & library.keys()
    for value in node.attr.values():
        kind = value.WhichOneof("value")
        if kind == "func":
            names.add(value.func.name)
        elif kind == "list":
            names |= {function.name for function in value.list.func}
    return names


def _copy(graph: Any, kept: set[str], dropped: set[str]) -> Any:
    result = type(graph)()
    result.versions.CopyFrom(graph.versions)
    for node in graph.node:
        if node.name not in kept:
            continue
        copy = result.node.add()
        copy.CopyFrom(node)
        copy.device = ""
        copy.attr.pop(_PLACEMENT, None)
        controls = [name for name in node.input if name[1:] in dropped and name[0] == "^"]
        if controls:
            del copy.input[:]
            copy.input.extend(name for name in node.input if name not in controls)
    functions = called_functions(graph, kept)
    for function in graph.library.function:
        if function.signature.name in functions:
            result.library.function.add().CopyFrom(function)
    for entry in graph.library.gradient:
        if entry.function_name in functions:
            result.library.gradient.add().CopyFrom(entry)
    return result
