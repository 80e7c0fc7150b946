"""What a graph in a session is asked: what waits for what, and what has a state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cpr.savedmodel.migrating.references import HANDLES


def leaves(graph: Any, names: Iterable[str]) -> list[str]:
    """The operations that groups stand for: what they wait for, without groups in between."""
    found: list[str] = []
    pending = [graph.get_operation_by_name(name) for name in names]
    seen = set()
    while pending:
        op = pending.pop()
        if op.name in seen:
            continue
        seen.add(op.name)
        if op.type == "NoOp":
            pending += op.control_inputs
        else:
            found.append(op.name)
    return found[::-1]


def ancestors(graph: Any, names: Iterable[str]) -> set[str]:
    """The operations, and those that they take tensors from, wherever these come from."""
    seen = set(names)
    pending = [graph.get_operation_by_name(name) for name in seen]
    while pending:
        op = pending.pop()
        for before in [*(tensor.op for tensor in op.inputs), *op.control_inputs]:
            if before.name not in seen:
                seen.add(before.name)
                pending.append(before)
    return seen


def takes_reference(graph: Any) -> Callable[[str, int], bool]:
    """Whether an op of the graph, by name, takes a reference as the input of a number."""

    def takes(name: str, index: int) -> bool:
        op = graph.get_operation_by_name(name)
        arguments = op.op_def.input_arg
        return bool(arguments[min(index, len(arguments) - 1)].is_ref)

    return takes


def is_handle(graph: Any, node: Any) -> bool:
    """Whether a node makes the handle of something with a state."""
    return node.op in HANDLES or _makes_resource(graph, node.name)


def _makes_resource(graph: Any, name: str) -> bool:
    """Whether an op has a state and no other output than a handle to it."""
    try:
        op = graph.get_operation_by_name(name)
    except KeyError:  # a read that was added
        return False
    dtypes = [tensor.dtype.name for tensor in op.outputs]
    return bool(op.op_def.is_stateful) and dtypes == ["resource"]
