"""Folds what scales and shifts channels into the weights before it, as batch norms do.

A convolution or a matrix product, and after it products and sums with a
constant for each channel, is one with other weights, and one sum. Graphs whose
variables are constants are full of these.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cpr.savedmodel.protos import Message
from cpr.savedmodel.reach import is_control, node_of
from cpr.savedmodel.shrinking.nodes import Body, constant, fill, readers_of
from cpr.wire.tensors import Array

# The contraction, and the rank of what comes out.
_RANKS = {"Conv2D": 4, "DepthwiseConv2dNative": 4, "Conv3D": 5, "MatMul": 2}
_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
_EPSILON = 1e-4  # what the operation takes where the graph does not say
_SUMS = ("Add", "AddV2", "BiasAdd")


@dataclass
class _Chain:
    """What follows a contraction: ``y * scale + shift``, and the nodes that say so."""

    nodes: list[Message] = field(default_factory=list)
    scale: Any = 1.0
    shift: Any = 0.0
    is_scaled: bool = False

    def add(self, node: Message, scale: Any, shift: Any) -> None:
        self.nodes.append(node)
        self.is_scaled |= bool(np.any(scale != 1.0))
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is not folded
            self.scale, self.shift = self.scale * scale, self.shift * scale + shift


def fold_scales(graph: Message, kept: Collection[str]) -> int:
    """Fold the scales of a GraphDef in place; how many nodes that made superfluous.

    Args:
        graph: Its variables are constants.
        kept: The nodes whose values something beside the graph refers to.
    """
    body = Body(graph.node)
    nodes = {node.name: node for node in graph.node}
    readers = readers_of(graph.node)
    gone: set[str] = set()
    for weights in [node for node in graph.node if node.op == "Const"]:
        values = constant(weights)
        reading = readers.get(weights.name, [])
        if values is None or values.dtype.kind != "f" or weights.name in kept:
            continue
        if not all(place == 1 and node.op in _RANKS and _is_plain(node) for node, place in reading):
            continue  # others need the weights as they are
        chains = [
            _chain(node, _channels(node, values), nodes, readers, kept) for node, _ in reading
        ]
        made = _scaled([node for node, _ in reading], values, chains)
        if made is not None:
            for (node, _), chain in zip(reading, chains, strict=True):
                gone.update(_replace(body, node, values, chain))
            fill(weights, made)
    for place in reversed([place for place, one in enumerate(graph.node) if one.name in gone]):
        del graph.node[place]
    return len(gone)


def _is_plain(node: Message) -> bool:
    # Looking up what is not there would make it.
    return "data_format" not in node.attr or node.attr["data_format"].s in (b"NHWC", b"NDHWC")


def _is_transposed(node: Message) -> bool:
    return "transpose_b" in node.attr and bool(node.attr["transpose_b"].b)


def _channels(node: Message, weights: Array) -> int:
    if node.op == "DepthwiseConv2dNative":
        return int(weights.shape[-2] * weights.shape[-1])
    return int(weights.shape[0 if _is_transposed(node) else -1])


def _chain(
    start: Message,
    channels: int,
    nodes: dict[str, Message],
    readers: dict[str, list[tuple[Message, int]]],
    kept: Collection[str],
) -> _Chain:
    chain = _Chain()
    here = start
    while here.name not in kept:
        reading = readers.get(here.name, [])
        if len(reading) != 1:
            break
        node, place = reading[0]
        if node.input[place] not in (here.name, f"{here.name}:0"):
            break
        found = _affine(node, place, channels, _RANKS[start.op], nodes)
        if found is None or (node.op in _NORMS and _reads_more(node, readers)):
            break
        if any(is_control(one) for one in node.input):
            break
        chain.add(node, *found)
        here = node
    return chain


def _reads_more(node: Message, readers: dict[str, list[tuple[Message, int]]]) -> bool:
    """Whether something reads what a batch norm gives besides its result."""
    return any(
        reader.input[place] not in (node.name, f"{node.name}:0", f"^{node.name}")
        for reader, place in readers.get(node.name, [])
    )


def _affine(
    node: Message, place: int, channels: int, rank: int, nodes: dict[str, Message]
) -> tuple[Any, Any] | None:
    """What a node multiplies each channel by, and adds to it; None if it does other things."""
    if node.op in _NORMS:
        return _norm(node, place, nodes)
    if node.op not in ("Mul", "Sub", "RealDiv", *_SUMS) or not _is_plain(node):
        return None
    other = constant(nodes.get(node_of(node.input[1 - place])))
    if other is None or other.dtype.kind != "f" or other.ndim > rank:
        return None
    if other.size != 1 and other.shape != (1,) * (other.ndim - 1) + (channels,):
        return None
    values = other.astype("f8").ravel()
    if node.op == "Mul":
        return values, 0.0
    if node.op == "RealDiv":
        return None if place else (1 / values, 0.0) if values.all() else None
    if node.op == "Sub":
        return (1.0, -values) if place == 0 else (-1.0, values)
    return 1.0, values


def _norm(node: Message, place: int, nodes: dict[str, Message]) -> tuple[Any, Any] | None:
    # Where the graph does not say, it is for training.
    is_training = "is_training" not in node.attr or node.attr["is_training"].b
    if is_training or place or not _is_plain(node):
        return None
    parts = [constant(nodes.get(node_of(reference))) for reference in node.input[1:5]]
    if any(one is None for one in parts):
        return None
    scale, offset, mean, variance = (one.astype("f8") for one in parts if one is not None)
    epsilon = node.attr["epsilon"].f if "epsilon" in node.attr else _EPSILON
    by = scale / np.sqrt(variance + epsilon)
    return by, offset - mean * by


def _scaled(nodes: list[Message], weights: Array, chains: list[_Chain]) -> Array | None:
    """The weights with the scales in them, if these are the same wherever they are read."""
    first = chains[0].scale if chains else 1.0
    if not chains or not all(
        one.is_scaled and np.array_equal(one.scale, first) and np.isfinite(one.shift).all()
        for one in chains
    ):
        return None
    made = [_by_channel(node, weights, first) for node in nodes]
    is_same = all(np.array_equal(one, made[0]) for one in made)
    return made[0] if is_same and np.isfinite(made[0]).all() else None


def _by_channel(node: Message, weights: Array, scale: Any) -> Array:
    by = np.broadcast_to(scale, _channels(node, weights))
    if node.op == "DepthwiseConv2dNative":
        by = by.reshape(weights.shape[-2:])
    elif _is_transposed(node):
        by = by[:, np.newaxis]
    with np.errstate(over="ignore", invalid="ignore"):
        made: Array = (weights.astype("f8") * by).astype(weights.dtype)
    return made


def _replace(body: Body, node: Message, weights: Array, chain: _Chain) -> list[str]:
    """Have the last node of a chain be the sum; the names of the others, which go."""
    dtype = node.attr["T"].type
    last = chain.nodes[-1]
    shift = body.add("Const", f"{last.name}/cpr_shift", types={"dtype": dtype})
    values = np.broadcast_to(chain.shift, _channels(node, weights))
    fill(shift, values.astype(weights.dtype))
    name, device = last.name, last.device
    last.Clear()
    last.name, last.op, last.device = name, "BiasAdd", device
    last.input.extend([node.name, shift.name])
    last.attr["T"].type = dtype
    return [one.name for one in chain.nodes[:-1]]
