"""Which operations a graph holds, and those that serving should not: unsafe, or for training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cpr.savedmodel import protos
from cpr.savedmodel.unwanted_ops import training_reason, unsafe_reason

_PLACES = 5


@dataclass(frozen=True)
class Node:
    """A node, and the function of the library that it stands in; "" for the graph itself."""

    function: str
    proto: protos.Message

    @property
    def place(self) -> str:
        """The node's name, within its function's."""
        return f"{self.function}/{self.proto.name}" if self.function else str(self.proto.name)


@dataclass(frozen=True)
class UnwantedOp:
    """An operation that serving should not need.

    Attributes:
        op: Its name.
        reason: What it is or does, in a few words.
        count: How many nodes are one.
        places: The first few of them.
    """

    op: str
    reason: str
    count: int
    places: tuple[str, ...]


def nodes(meta_graph: protos.Message) -> Iterator[Node]:
    """Every node: those of the graph, then those of each function of its library."""
    graph = meta_graph.graph_def
    for node in graph.node:
        yield Node("", node)
    for function in graph.library.function:
        for node in function.node_def:
            yield Node(function.signature.name, node)


def op_histogram(meta_graph: protos.Message) -> dict[str, int]:
    """How often each operation occurs in the graph and its functions, the most frequent first.

    A call of a function counts as the call alone; its name is no operation.
    """
    graph = meta_graph.graph_def
    counts = Counter(node.op for node in graph.node)
    for function in graph.library.function:
        counts.update(node.op for node in function.node_def)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def unsafe_ops(meta_graph: protos.Message) -> tuple[UnwantedOp, ...]:
    """Operations that reach files, the network, Python or the process, by name.

    See `cpr.savedmodel.unwanted_ops` for the list and its sources. What the
    model's own loading does (restoring variables, reading the vocabulary that
    is an asset) is not among them.
    """
    return _unwanted(meta_graph, unsafe_reason)


def training_ops(meta_graph: protos.Message) -> tuple[UnwantedOp, ...]:
    """Operations that only training needs: readers, queues, dropout, losses, optimizers."""
    return _unwanted(meta_graph, training_reason)


def _unwanted(
    meta_graph: protos.Message, reason_of: Callable[[protos.Message], str]
) -> tuple[UnwantedOp, ...]:
    found: dict[tuple[str, str], list[str]] = {}
    for node in nodes(meta_graph):
        reason = reason_of(node.proto)
        if reason:
            found.setdefault((str(node.proto.op), reason), []).append(node.place)
    return tuple(
        UnwantedOp(op, reason, len(places), tuple(places[:_PLACES]))
        for (op, reason), places in sorted(found.items())
    )
