"""The collections of a graph of TensorFlow 1: lists of nodes, variables, contexts.

Importing a graph looks up every node that they name, so what is gone must not be
named. Entries that are messages are read by their form: whatever in them is the
name of a node is one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from cpr.savedmodel import protos
from cpr.savedmodel.meta_graph import packed_asset
from cpr.savedmodel.reach import node_of
from cpr.savedmodel.wire_format import fields

# Loops and branches of TensorFlow 1: they stay whole or go whole.
_CONTEXTS = {"cond_context", "while_context"}
_DROPPED = {"savers", "saved_model_train_op"}
# How deep messages may nest: protobuf's own limit.
_DEPTH = 100


def needed_by_collections(meta_graph: protos.Message, reached: Collection[str]) -> Iterator[str]:
    """The nodes that have to stay because others do which a collection names with them."""
    nodes = {node.name for node in meta_graph.graph_def.node}
    for key, collection in meta_graph.collection_def.items():
        for entry in collection.bytes_list.value:
            if key in _CONTEXTS:
                named = _nodes_in(entry, nodes)
                if not named.isdisjoint(reached):
                    yield from named
            elif _variable_of(entry) in reached:
                yield from _nodes_in(entry, nodes)


def cut_collections(meta_graph: protos.Message, before: Collection[str]) -> None:
    """Take out of the collections what names nodes that are gone.

    `before` are the names of all nodes that the graph had.
    """
    nodes = {node.name for node in meta_graph.graph_def.node}
    for key in sorted(meta_graph.collection_def):
        collection = meta_graph.collection_def[key]
        kind = collection.WhichOneof("kind")
        if kind is None:
            continue
        values = getattr(collection, kind).value
        if kind == "node_list":
            kept = [name for name in values if node_of(name) in nodes]
        elif kind == "bytes_list":
            kept = [entry for entry in values if _nodes_in(entry, before) <= nodes]
        elif kind == "any_list":
            kept = [packed for packed in values if _is_alive(packed, nodes)]
        else:
            continue
        if key in _DROPPED or not kept:
            del meta_graph.collection_def[key]
        elif len(kept) < len(values):
            fresh = (
                [protos.AnyMessage.FromString(item.SerializeToString()) for item in kept]
                if (kind == "any_list")
                else kept
            )
            del values[:]
            values.extend(fresh)


def _is_alive(packed: protos.Message, nodes: Collection[str]) -> bool:
    asset = packed_asset(packed)
    return asset is None or node_of(asset.tensor_info.name) in nodes


def _variable_of(entry: bytes) -> str:
    """The node of the variable that an entry describes, "" if it describes something else."""
    try:
        return node_of(protos.VariableDef.FromString(entry).variable_name)
    except protos.DecodeError:
        return ""


def _nodes_in(entry: bytes, nodes: Collection[str]) -> set[str]:
    """The nodes that a message names, at any depth."""
    found: set[str] = set()
    waiting = [(entry, 0)]
    while waiting:
        message, depth = waiting.pop()
        try:
            values = [value for _, value in fields(message) if isinstance(value, bytes)]
        except IndexError:
            continue  # no message but text
        for value in values:
            name = node_of(value.decode("utf-8", errors="replace"))
            if name in nodes:
                found.add(name)
            elif depth < _DEPTH:
                waiting.append((value, depth + 1))
    return found
