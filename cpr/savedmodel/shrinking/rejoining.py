"""Has a graph read the variables that it restores.

A compiled model of Keras 3 that ``tf.saved_model.save`` wrote has each weight as
two variables of its graph: signatures read one, and the restore fills the other.
``tf.saved_model.load`` goes by the objects, where both are one. TensorFlow Serving
and the loader of TensorFlow 1 go by the graph, and find the first without a value.
"""

from __future__ import annotations

from cpr.savedmodel.protos import Message
from cpr.savedmodel.reach import is_control, node_of
from cpr.savedmodel.restores import Unclear, called_function, restorations
from cpr.savedmodel.shrinking.objects import object_values

_HANDLE = "VarHandleOp"


def read_restored(meta_graph: Message, trackables: Message) -> int:
    """Have what reads a variable without a value read the restored one of the same object.

    Args:
        meta_graph: Changed in place.
        trackables: The graph of objects among its variables.

    Returns:
        How many variables went.
    """
    try:
        restored = {
            key: item.targets
            for item in restorations(meta_graph)
            if len(item.keys) == 1
            for key in item.keys
        }
    except Unclear:
        return 0
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    filled = {name for names in restored.values() for name in names}
    instead: dict[str, str] = {}
    values = object_values(meta_graph.object_graph_def, trackables)
    names = {node_id: key for key, some in values.items() for node_id in some}
    for name, captured in captured_objects(meta_graph).items():
        keys = {names.get(node_id, "") for node_id in captured}
        targets = [target for key in keys for target in restored.get(key, ())]
        is_empty = name in nodes and nodes[name].op == _HANDLE and name not in filled
        if is_empty and len(keys) == 1 and targets and _is_alike(nodes[name], nodes[targets[0]]):
            instead[name] = targets[0]
    graph = meta_graph.graph_def
    for node in graph.node:
        for place, reference in enumerate(node.input):
            name = node_of(reference)
            if name in instead:
                node.input[place] = reference.replace(name, instead[name], 1)
    for place in reversed([place for place, one in enumerate(graph.node) if one.name in instead]):
        del graph.node[place]
    return len(instead)


def captured_objects(meta_graph: Message) -> dict[str, set[int]]:
    """The nodes that calls of the graph get in place of objects -> which objects these are."""
    objects = meta_graph.object_graph_def
    found: dict[str, set[int]] = {}
    for node in meta_graph.graph_def.node:
        function = called_function(meta_graph, node)
        if function is None or function.signature.name not in objects.concrete_functions:
            continue
        bound = objects.concrete_functions[function.signature.name].bound_inputs
        given = [node_of(reference) for reference in node.input if not is_control(reference)]
        for name, node_id in zip(given[len(given) - len(bound) :], bound, strict=False):
            found.setdefault(name, set()).add(node_id)
    return found


def _is_alike(one: Message, other: Message) -> bool:
    return other.op == _HANDLE and all(
        one.attr[key] == other.attr[key] for key in ("dtype", "shape")
    )
