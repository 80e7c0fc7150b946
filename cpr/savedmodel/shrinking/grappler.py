"""Runs passes of Grappler, TensorFlow's own optimizer, over the graph of a MetaGraph.

For processes that run TensorFlow. A graph keeps the nodes that the parts
beside it refer to: signatures, initializers, assets, the saver.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cpr.savedmodel.meta_graph import assets
from cpr.savedmodel.protos import GraphDef, Message, VariableDef
from cpr.savedmodel.reach import initializers, node_of, tensors_of
from cpr.savedmodel.shrinking.nodes import bodies

FOLDING = (
    "pruning",
    "constfold",
    "arithmetic",
    "dependency",
    "constfold",
    "dependency",
)
"""Passes that compute what is constant, and once what is computed twice; none depends on the
machine that they run on."""
# How gradients go through loops and branches, told by nodes that may be gone.
_CONTEXTS = ("cond_context", "while_context")
_LOWERED, _HELD_BACK = "_lower_using_switch_merge", "_cpr_lower_using_switch_merge"


def optimize(tf: Any, meta_graph: Message, passes: Sequence[str], *, more: bool = False) -> None:
    """Run passes over the graph of a MetaGraph, in place; `more` also where it may cost safety.

    Raises:
        tensorflow.errors.OpError: A pass failed.
    """
    # Optional extra; and TensorFlow has no public name for them.
    from tensorflow.core.protobuf import meta_graph_pb2
    from tensorflow.python.grappler import tf_optimizer

    config = tf.compat.v1.ConfigProto()
    options = config.graph_options.rewrite_options
    options.min_graph_nodes = -1
    options.meta_optimizer_iterations = options.ONE
    options.fail_on_optimizer_errors = True
    options.optimizers.extend(passes)
    if more:
        options.function_optimization = options.AGGRESSIVE
    kept = kept_nodes(meta_graph)
    held_back = _hold_fed_back(meta_graph)
    work = meta_graph_pb2.MetaGraphDef.FromString(meta_graph.SerializeToString())
    # Of a saver it would want the saving too, of assets their files, of signatures plain tensors.
    for key in ("saver_def", "collection_def", "asset_file_def", "signature_def"):
        work.ClearField(key)
    for node in work.graph_def.node:
        if node.op == "Placeholder" and "shape" not in node.attr:  # it refuses the whole graph
            node.attr["shape"].shape.unknown_rank = True
    # What it takes for the ends of a graph.
    work.collection_def["train_op"].node_list.value[:] = kept
    graph = tf_optimizer.OptimizeGraph(config, work, strip_default_attributes=True)
    meta_graph.graph_def.CopyFrom(GraphDef.FromString(graph.SerializeToString()))
    for node in meta_graph.graph_def.node:
        if node.name in held_back:
            node.CopyFrom(held_back[node.name])
    for key in _CONTEXTS:
        meta_graph.collection_def.pop(key, None)


def inline(tf: Any, meta_graph: Message) -> None:
    """Put the bodies of functions where they are called; loops and branches stay calls."""
    for function in meta_graph.graph_def.library.function:
        # Another implementation for another machine, which keeps a function from being inlined.
        function.attr.pop("api_implements", None)
    _rename(meta_graph, _LOWERED, _HELD_BACK)
    optimize(tf, meta_graph, ("pruning", "function"), more=True)
    _rename(meta_graph, _HELD_BACK, _LOWERED)


def kept_nodes(meta_graph: Message) -> list[str]:
    """The nodes that must keep their names: what the parts beside the graph refer to."""
    names = {
        tensor
        for signature in meta_graph.signature_def.values()
        for info in (*signature.inputs.values(), *signature.outputs.values())
        for tensor in tensors_of(info)
    }
    saver = meta_graph.saver_def
    names |= {saver.filename_tensor_name, saver.save_tensor_name, saver.restore_op_name}
    names |= {one.tensor for one in assets(meta_graph)} | set(initializers(meta_graph))
    for name, collection in meta_graph.collection_def.items():
        names |= set(collection.node_list.value)
        if "variables" in name:
            names |= {one for value in collection.bytes_list.value for one in _of_variable(value)}
    there = {node.name for node in meta_graph.graph_def.node}
    return sorted({node_of(name) for name in names} & there)


def _of_variable(value: bytes) -> Iterator[str]:
    found = VariableDef.FromString(value)
    yield from (found.variable_name, found.initializer_name, found.snapshot_name)
    yield found.initial_value_name


def _hold_fed_back(meta_graph: Message) -> dict[str, Message]:
    """Have constants that are fed, as the paths of assets are, be no constants for now."""
    fed = {one.tensor for one in assets(meta_graph)}
    for signature in meta_graph.signature_def.values():
        fed |= {tensor for info in signature.inputs.values() for tensor in tensors_of(info)}
    names = {node_of(tensor) for tensor in fed}
    found = {}
    for node in meta_graph.graph_def.node:
        if node.name in names and node.op == "Const":
            found[node.name] = type(node)()
            found[node.name].CopyFrom(node)
            shape = node.attr.pop("value").tensor.tensor_shape
            node.op = "Placeholder"
            node.attr["shape"].shape.CopyFrom(shape)
    return found


def _rename(meta_graph: Message, old: str, new: str) -> None:
    """Rename an attribute that is set, in all nodes; Grappler keeps those that it does not know."""
    for body in bodies(meta_graph):
        for node in body.nodes:
            if old in node.attr and node.attr[old].b:
                node.attr[new].CopyFrom(node.attr.pop(old))
