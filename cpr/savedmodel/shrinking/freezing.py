"""Freezes the variables of a MetaGraph into constants, for a process that runs TensorFlow.

What comes out is a graph of TensorFlow 1: the objects of TensorFlow 2, which
are what one calls and trains besides signatures, stand for the variables and
go with them. Tables, assets, and variables that the model itself changes stay.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpr.savedmodel.meta_graph import tags
from cpr.savedmodel.protos import GraphDef, Message, VariableDef
from cpr.savedmodel.reach import (
    INIT_SIGNATURE,
    MAIN_OP,
    initializers,
    node_of,
    reach,
)
from cpr.savedmodel.restores import constant_strings, restorations
from cpr.savedmodel.shrinking.grappler import inline, kept_nodes
from cpr.savedmodel.shrinking.nodes import Body
from cpr.savedmodel.shrinking.variable_uses import only_read
from cpr.savedmodel.trackables import OBJECT_GRAPH_KEY

_FROZEN = "cpr_frozen"


@dataclass(frozen=True)
class Frozen:
    """The variables that are constants now, and why others are not."""

    variables: tuple[str, ...]
    left: dict[str, str]


def freeze(tf: Any, folder: Path, meta_graph: Message) -> Frozen:
    """Freeze what signatures only read of a MetaGraph, which is changed in place.

    Args:
        tf: TensorFlow.
        folder: The SavedModel that the MetaGraph is of, which is only read.
        meta_graph: Its functions are put where they are called, too.

    Raises:
        tensorflow.errors.OpError: The model cannot be loaded or inlined.
        ValueError: The same, or it is too large for a graph.
        Unclear: How it restores what it changes cannot be told.
    """
    whole = type(meta_graph)()
    whole.CopyFrom(meta_graph)
    _as_version_1(meta_graph)
    meta_graph.ClearField("saver_def")
    inline(tf, meta_graph)
    plain, left = only_read(meta_graph)
    left = {name: why for name, why in left.items() if name in _restored(whole)}
    _forget_others(meta_graph, left)
    if plain:
        graph = _converted(tf, folder, meta_graph, plain)
        meta_graph.graph_def.CopyFrom(graph)
    if left:
        _restore_again(meta_graph, whole, plain)
    return Frozen(tuple(sorted(plain)), left)


def _restored(whole: Message) -> set[str]:
    """The variables that have values in ``variables/``."""
    return {name for item in restorations(whole) for name in item.targets}


def _as_version_1(meta_graph: Message) -> None:
    """Make a graph of TensorFlow 1 of one of TensorFlow 2."""
    meta_graph.ClearField("object_graph_def")
    names = initializers(meta_graph)
    if INIT_SIGNATURE in meta_graph.signature_def:
        # It runs what a collection names; as a signature it would be one to call.
        del meta_graph.signature_def[INIT_SIGNATURE]
        meta_graph.collection_def[MAIN_OP].node_list.value[:] = names[:1]
    for name in [one for one in meta_graph.signature_def if one.startswith("__saved_model_")]:
        del meta_graph.signature_def[name]


def _forget_others(meta_graph: Message, kept: Collection[str]) -> None:
    """Leave in the collections of variables those that stay; what else is kept is for training."""
    for key in list(meta_graph.collection_def):
        collection = meta_graph.collection_def[key]
        if collection.WhichOneof("kind") != "bytes_list":
            continue
        if "variables" not in key:
            del meta_graph.collection_def[key]
            continue
        values = collection.bytes_list.value
        values[:] = [
            one for one in values if node_of(VariableDef.FromString(one).variable_name) in kept
        ]


def _converted(tf: Any, folder: Path, meta_graph: Message, plain: set[str]) -> Message:
    """The graph with constants in place of variables."""
    v1 = tf.compat.v1
    config = v1.ConfigProto(allow_soft_placement=True)
    graph = v1.GraphDef.FromString(meta_graph.graph_def.SerializeToString())
    with tf.Graph().as_default() as whole, v1.Session(config=config) as session:
        v1.saved_model.load(session, list(tags(meta_graph)), str(folder))
        for name in plain:
            _readable(tf, whole, name)
        made = v1.graph_util.convert_variables_to_constants(
            session, graph, kept_nodes(meta_graph), variable_names_whitelist=sorted(plain)
        )
    return GraphDef.FromString(made.SerializeToString())


def _readable(tf: Any, graph: Any, name: str) -> None:
    """Have a variable read by a node with the name that TensorFlow's converter looks for."""
    handle = graph.get_operation_by_name(name)
    reader = f"{name}/Read/ReadVariableOp"
    there = {one.name for one in handle.outputs[0].consumers()}
    if handle.type != "VarHandleOp" or reader in there:
        return
    with graph.device(handle.device):
        tf.raw_ops.ReadVariableOp(
            resource=handle.outputs[0], dtype=handle.get_attr("dtype"), name=reader
        )


def _restore_again(meta_graph: Message, whole: Message, plain: set[str]) -> None:
    """Take back what restores variables; for those that stay, `clean` leaves it."""
    graph = meta_graph.graph_def
    # The constants have the names of the variables that what restores still knows.
    for node in graph.node:
        node.input[:] = [
            f"{name}/{_FROZEN}{reference.removeprefix(name)}"
            if (name := node_of(reference)) in plain and not reference.startswith("^")
            else reference
            for reference in node.input
        ]
    for node in graph.node:
        if node.name in plain:
            node.name = f"{node.name}/{_FROZEN}"
    saver = whole.saver_def
    meta_graph.saver_def.CopyFrom(saver)
    needed = reach(whole, [node_of(saver.restore_op_name), node_of(saver.filename_tensor_name)])
    there = {node.name for node in graph.node}
    graph.node.extend(
        node
        for node in whole.graph_def.node
        if node.name in needed.nodes and node.name not in there
    )
    functions = {one.signature.name for one in graph.library.function}
    for function in whole.graph_def.library.function:
        if function.signature.name in needed.functions - functions:
            _forget_objects(function)
            graph.library.function.append(function)


def _forget_objects(function: Message) -> None:
    """Have a function not restore the graph of objects, the last that it restores."""
    body = Body(function.node_def, function)
    for node in list(function.node_def):
        if node.op != "RestoreV2":
            continue
        names = constant_strings(body.find(node.input[1]))
        slices = constant_strings(body.find(node.input[2]))
        if names and slices and names[-1] == OBJECT_GRAPH_KEY.encode():
            node.input[1] = body.with_strings(node.input[1], names[:-1], name="cpr_names")
            node.input[2] = body.with_strings(node.input[2], slices[:-1], name="cpr_slices")
            del node.attr["dtypes"].list.type[-1]
            node.attr.pop("_output_shapes", None)
