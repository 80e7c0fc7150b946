"""Which variables signatures reach, and which of them a loader leaves empty.

A model of TensorFlow 2 is loaded in two ways. ``tf.saved_model.load`` restores
objects, and a signature's function holds those that it uses. TensorFlow
Serving and the loader of TensorFlow 1 run the graph's restore operation, and
follow the signature's tensors through the graph. The two need not agree: Keras
3 writes weights twice, one copy for each, and a compiled Keras 3 model that
``tf.saved_model.save`` wrote has no restore for its weights in the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cpr.savedmodel import protos
from cpr.savedmodel.reach import Reach, initializers, reach, signature_nodes
from cpr.savedmodel.restores import Restoration, Unclear, restorations

_VARIABLES = {"VarHandleOp", "VariableV2", "Variable"}
_SIGNATURES, _INITIALIZE = "signatures", "_initialize"


@dataclass(frozen=True)
class Flow:
    """What runs when a graph is loaded and asked.

    Attributes:
        signatures: What the signatures reach.
        loading: What the initializers reach.
        restored: What the saver's restore fills; None where that cannot be told.
    """

    signatures: Reach
    loading: Reach
    restored: tuple[Restoration, ...] | None

    @property
    def nodes(self) -> frozenset[str]:
        """The nodes of the graph that either reaches."""
        return self.signatures.nodes | self.loading.nodes


def flow_of(meta_graph: protos.Message) -> Flow:
    """What runs in a graph, from its signatures, initializers and restore."""
    try:
        restored = tuple(restorations(meta_graph))
    except Unclear:
        restored = None
    return Flow(
        reach(meta_graph, signature_nodes(meta_graph)),
        reach(meta_graph, initializers(meta_graph)),
        restored,
    )


def reached_keys(
    meta_graph: protos.Message, flow: Flow, objects: protos.Message | None
) -> tuple[str, ...] | None:
    """The variables, as the index has them, that a signature needs in either way.

    Args:
        meta_graph: The graph.
        flow: What runs in it.
        objects: The ``TrackableObjectGraph`` among the variables, if there is one.

    Returns:
        None where the graph does not let it be told.
    """
    if flow.restored is None:
        return None
    nodes = flow.nodes
    found = {key for item in flow.restored if nodes & set(item.targets) for key in item.keys}
    return tuple(sorted(found | set(_captured(meta_graph, objects))))


def unrestored(meta_graph: protos.Message, flow: Flow) -> tuple[str, ...]:
    """The variables that signatures reach in the graph, and no restore or initializer fills."""
    if flow.restored is None:
        return ()
    filled = {target for item in flow.restored for target in item.targets}
    return tuple(
        node.name
        for node in meta_graph.graph_def.node
        if node.op in _VARIABLES
        and node.name in flow.signatures.nodes
        and node.name not in filled
        and node.name not in flow.loading.nodes
    )


def _captured(meta_graph: protos.Message, objects: protos.Message | None) -> Iterator[str]:
    """The keys of the objects that signatures hold, and the functions that loading runs."""
    graph = meta_graph.object_graph_def
    if objects is None or not graph.nodes:
        return
    for function in (*_functions(graph), *_initializing(graph)):
        for node in graph.concrete_functions[function].bound_inputs:
            if 0 <= node < len(objects.nodes):
                yield from (item.checkpoint_key for item in objects.nodes[node].attributes)


def _functions(graph: protos.Message) -> Iterator[str]:
    for child in graph.nodes[0].children:
        if child.local_name == _SIGNATURES and 0 <= child.node_id < len(graph.nodes):
            for reference in graph.nodes[child.node_id].children:
                if 0 <= reference.node_id < len(graph.nodes):
                    name = graph.nodes[
                        reference.node_id
                    ].bare_concrete_function.concrete_function_name
                    if name in graph.concrete_functions:
                        yield name


def _initializing(graph: protos.Message) -> Iterator[str]:
    """The functions that ``tf.saved_model.load`` runs, to fill tables and unpack weights."""
    for node in graph.nodes:
        for child in node.children:
            if child.local_name == _INITIALIZE and 0 <= child.node_id < len(graph.nodes):
                for name in graph.nodes[child.node_id].function.concrete_functions:
                    if name in graph.concrete_functions:
                        yield name
