"""Writes what a graph itself holds in fewer bytes: integers short, and all large values once.

A tensor in a graph is written as it is in memory, or number by number; the
second takes one byte for each seven bits of a number, where an int64 takes
eight. Every TensorFlow reads both.
"""

from __future__ import annotations

import hashlib

import numpy as np

from cpr.savedmodel.meta_graph import assets
from cpr.savedmodel.protos import Message
from cpr.savedmodel.reach import node_of, signature_nodes
from cpr.savedmodel.shrinking.nodes import bodies
from cpr.savedmodel.shrinking.packing import DT_INT32, DT_INT64

_FORMS = {DT_INT64: ("<i8", "int64_val"), DT_INT32: ("<i4", "int_val")}
_SMALLEST = 256
_IDLE = ("Const", "Placeholder")
_HANDLES = ("HandleOp", "TableV2", "TableOfTensorsV2")


def narrow_constants(meta_graph: Message) -> int:
    """Write constant integers number by number where that is shorter; how many."""
    return sum(
        _narrow(node.attr["value"].tensor)
        for body in bodies(meta_graph)
        for node in body.nodes
        if node.op == "Const"
    )


def share_constants(meta_graph: Message) -> int:
    """Have a graph hold each large constant once, in place; how many bytes that saves.

    Signatures that run the same operations have each constant that was folded
    of them.
    """
    kept = {*signature_nodes(meta_graph), *(node_of(one.tensor) for one in assets(meta_graph))}
    _without_idle_waits(meta_graph)
    first: dict[bytes, str] = {}
    instead: dict[str, str] = {}
    saved = 0
    for node in meta_graph.graph_def.node:
        if node.op != "Const" or node.input or node.name in kept:
            continue
        value = node.attr["value"].SerializeToString(deterministic=True)
        if len(value) >= _SMALLEST:
            key = hashlib.sha256(node.device.encode() + b"\0" + value).digest()
            instead[node.name] = first.setdefault(key, node.name)
            saved += len(value) if instead[node.name] != node.name else 0
    nodes = meta_graph.graph_def.node
    for node in nodes:
        for place, reference in enumerate(node.input):
            name = node_of(reference)
            if instead.get(name, name) != name:
                node.input[place] = reference.replace(name, instead[name], 1)
    gone = {name for name, other in instead.items() if name != other}
    for place in reversed([place for place, one in enumerate(nodes) if one.name in gone]):
        del nodes[place]
    return saved


def _without_idle_waits(meta_graph: Message) -> None:
    """Have constants not wait for what only is there: handles, other constants, what is fed.

    Grappler leaves that behind where it has folded what read them.
    """
    idle = {
        node.name
        for node in meta_graph.graph_def.node
        if not node.input and (node.op in _IDLE or node.op.endswith(_HANDLES))
    }
    for node in meta_graph.graph_def.node:
        if node.op == "Const" and node.input:
            node.input[:] = [one for one in node.input if node_of(one) not in idle]


def _narrow(tensor: Message) -> bool:
    form, field = _FORMS.get(tensor.dtype, ("", ""))
    if not form or len(tensor.tensor_content) < _SMALLEST:
        return False
    values = np.frombuffer(tensor.tensor_content, form)
    if values.min() < 0 or _size(values) >= len(tensor.tensor_content):
        return False
    tensor.tensor_content = b""
    getattr(tensor, field).extend(values.tolist())
    return True


def _size(values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
    """The bytes that numbers take one by one."""
    limits = [1 << bits for bits in range(7, 64, 7)]
    return int(values.size + sum(int((values >= limit).sum()) for limit in limits))
