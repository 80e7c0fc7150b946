"""What a signature reaches: nodes, functions, and through them variables and tables.

A graph names an input ``node``, ``node:1`` or, if it only has to come before,
``^node``; the body of a function ``node:output:0``. Nodes call functions of the
library by name, in attributes; functions are reached whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from cpr.savedmodel import protos
from cpr.savedmodel.meta_graph import HIDDEN_PREFIX

INIT_SIGNATURE = "__saved_model_init_op"
MAIN_OP = "saved_model_main_op"
_INIT_COLLECTIONS = (MAIN_OP, "legacy_init_op")
_GRADIENT = "_gradient_op_type"
# Nodes without data inputs that are no state: values, and what is fed.
_VALUES = {"Const", "Placeholder", "PlaceholderWithDefault", "NoOp"}


@dataclass(frozen=True)
class Reach:
    """What is reached: names of nodes of the graph, and of functions of its library."""

    nodes: frozenset[str]
    functions: frozenset[str]


def node_of(reference: str) -> str:
    """The node that an input refers to; in a function, that may be an argument."""
    return reference.removeprefix("^").partition(":")[0]


def is_control(reference: str) -> bool:
    """Whether an input only has to come before, and brings no data."""
    return reference.startswith("^")


def is_state(node: protos.Message) -> bool:
    """Whether a node stands for state that others read or write: a variable, a table."""
    has_data = any(not is_control(reference) for reference in node.input)
    return not has_data and node.op not in _VALUES


def signature_nodes(
    meta_graph: protos.Message, names: Collection[str] | None = None
) -> Iterator[str]:
    """The nodes of the inputs and outputs of signatures; by default of all for serving."""
    for name, signature in sorted(meta_graph.signature_def.items()):
        is_wanted = name in names if names is not None else not name.startswith(HIDDEN_PREFIX)
        if is_wanted:
            for info in (*signature.inputs.values(), *signature.outputs.values()):
                yield from (node_of(tensor) for tensor in tensors_of(info))


def tensors_of(info: protos.Message) -> Iterator[str]:
    """The names of the tensors of a ``TensorInfo``: one, or those that a sparse one is made of."""
    encoding = info.WhichOneof("encoding")
    if encoding == "coo_sparse":
        sparse = info.coo_sparse
        yield from (
            sparse.values_tensor_name,
            sparse.indices_tensor_name,
            sparse.dense_shape_tensor_name,
        )
    elif encoding == "composite_tensor":
        for component in info.composite_tensor.components:
            yield from tensors_of(component)
    elif info.name:
        yield str(info.name)


def initializers(meta_graph: protos.Message) -> list[str]:
    """The nodes that are run when the model is loaded, after the variables are restored."""
    found = []
    if INIT_SIGNATURE in meta_graph.signature_def:
        outputs = meta_graph.signature_def[INIT_SIGNATURE].outputs
        found += [node_of(info.name) for info in outputs.values()]
    for key in _INIT_COLLECTIONS:
        if key in meta_graph.collection_def:
            names = meta_graph.collection_def[key].node_list.value
            found += [node_of(name) for name in names]
    return list(dict.fromkeys(found))


def reach(
    meta_graph: protos.Message, roots: Iterable[str], *, functions: Iterable[str] = ()
) -> Reach:
    """What nodes and functions of a graph reach; roots that are not there reach nothing."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    seen: set[str] = set()
    waiting = [root for root in roots if root in nodes]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [node_of(text) for text in nodes[name].input if node_of(text) in nodes]
    return Reach(
        frozenset(seen),
        frozenset(_functions(meta_graph, [nodes[name] for name in seen], functions)),
    )


def _functions(
    meta_graph: protos.Message, nodes: Iterable[protos.Message], functions: Iterable[str]
) -> set[str]:
    library = meta_graph.graph_def.library
    bodies = {function.signature.name: function for function in library.function}
    gradients = {item.function_name: item.gradient_func for item in library.gradient}
    registered = {
        item.registered_op_type: item.gradient_func for item in library.registered_gradients
    }
    seen: set[str] = set()
    waiting = [name for name in functions if name in bodies]
    waiting += [name for node in nodes for name in _called(node, bodies, registered)]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        body = bodies[name]
        waiting += [found for node in body.node_def for found in _called(node, bodies, registered)]
        # The function's own gradient, by name: what a caller's tape asks for.
        waiting += [text for value in body.attr.values() if (text := _text(value)) in bodies]
        if gradients.get(name) in bodies:
            waiting.append(gradients[name])
    return seen


def _called(
    node: protos.Message, bodies: Collection[str], registered: dict[str, str]
) -> Iterator[str]:
    if node.op in bodies:
        yield node.op
    for key, value in node.attr.items():
        kind = value.WhichOneof("value")
        if kind == "func":
            names = [value.func.name]
        elif kind == "list":
            names = [item.name for item in value.list.func]
        elif kind == "s":
            text = _text(value)
            names = [registered.get(text, "") if key == _GRADIENT else text]
        else:
            continue
        yield from (name for name in names if name in bodies)


def _text(value: protos.Message) -> str:
    return str(value.s.decode("utf-8", errors="replace"))
