"""Cuts the rows of weights that belong to words which a vocabulary does not have any more.

That is right only if the numbers that a table gives do nothing but choose rows.
The graph must prove it: each number is followed from the table to the weights,
and whatever else it meets there must not depend on it. Rows go in order, so
numbers below the first that goes, as of padding, stay what they are.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from cpr.savedmodel.protos import Message
from cpr.savedmodel.reach import is_control, node_of, signature_nodes
from cpr.savedmodel.shrinking.nodes import Body, constant, fill, readers_of

# What hands numbers on: as which of its inputs it gets them; the others only shape them.
_HANDING: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("Identity", "Reshape", "ExpandDims", "Squeeze", "Cast", "Transpose"), (0,)),
    **dict.fromkeys(("Tile", "StridedSlice", "Slice", "BroadcastTo", "StopGradient"), (0,)),
    **dict.fromkeys(("SelectV2", "Select", "RaggedTensorToTensor"), (1, 2)),
    "PadV2": (0, 2),
    "SparseToDense": (2, 3),
}
_COMPARING = ("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual")
_SHAPES = ("Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike")
_CHOOSING = ("SelectV2", "Select")
_FILLING = ("InitializeTable", "LookupTableImport")


class Unproven(Exception):
    """The rows have to stay; the message says why."""


class Rows:
    """The weights whose rows the numbers of some tables choose, and nothing else.

    Args:
        graph: A GraphDef.
        meta_graph: The MetaGraph that it is of.
        tables: The nodes of the tables' handles.
        gone: The numbers that no word has any more.

    Raises:
        Unproven: The numbers are read by something else, or the weights are.
    """

    def __init__(self, meta_graph: Message, tables: Collection[str], gone: Collection[int]) -> None:
        graph = meta_graph.graph_def
        self._body = Body(graph.node)
        self._nodes = {node.name: node for node in graph.node}
        self._readers = readers_of(graph.node)
        self._gone = np.array(sorted(gone), "i8")
        self._first = int(self._gone[0])
        self._lowest = 0
        self._indices: set[str] = set()
        self._sizes: set[str] = set()
        self._weights: dict[str, Message] = {}
        self._wraps: list[Message] = []
        finds = [node for name in tables for node in self._finds(name)]
        if not finds:
            raise Unproven(
                "the table is read in a function, which --freeze puts where it is called"
            )
        self._follow(finds)
        for name in sorted(self._indices):
            for node, place in self._data_readers(name):
                self._check_reader(node, place)
        for name in sorted(self._indices):
            self._check_inputs(self._nodes[name])
        for name in sorted(self._sizes):
            self._check_size(name)
        self._check_weights()
        if (self._indices | self._weights.keys()) & set(signature_nodes(meta_graph)):
            raise Unproven("a signature answers them")

    @property
    def uses_size(self) -> bool:
        """Whether numbers are counted from the table's size on, as those of unknown words are."""
        return bool(self._sizes)

    def cut(self) -> int:
        """Cut the rows, in place; how many, of all weights."""
        rows = 0
        for node in self._weights.values():
            values = constant(node)
            assert values is not None
            kept = np.delete(values, self._gone, axis=0)
            rows += len(values) - len(kept)
            fill(node, kept)
        for node in self._wraps:
            place = next(one for one in (0, 1) if node_of(node.input[one]) not in self._indices)
            was = constant(self._nodes[node_of(node.input[place])])
            assert was is not None
            made = self._body.add("Const", f"{node.name}/cpr_rows")
            made.attr["dtype"].type = node.attr["T"].type
            fill(made, (was - len(self._gone)).astype(was.dtype))
            node.input[place] = made.name
        return rows

    def _finds(self, table: str) -> list[Message]:
        found = []
        for node, place in self._data_readers(table):
            if node.op.startswith("LookupTableFind") and place == 0:
                self._small(node.input[2], node)
                found.append(node)
            elif node.op.startswith("LookupTableSize"):
                self._sizes.add(node.name)
            elif not (node.op.startswith(_FILLING) and place == 0):
                raise Unproven(f"{node.op} reads the table")
        return found

    def _data_readers(self, name: str) -> list[tuple[Message, int]]:
        found = self._readers.get(name, [])
        return [(node, place) for node, place in found if not is_control(node.input[place])]

    def _follow(self, waiting: list[Message]) -> None:
        while waiting:
            node = waiting.pop()
            if node.name not in self._indices:
                self._indices.add(node.name)
                waiting += [
                    reader
                    for reader, place in self._data_readers(node.name)
                    if place in _HANDING.get(reader.op, ()) and node_of(reader.input[place])
                ]

    def _check_inputs(self, node: Message) -> None:
        """Whether all that a node hands on are numbers of rows that stay what they are."""
        for place in _HANDING.get(node.op, ()):
            name = node_of(node.input[place])
            if name in self._indices or (node.op in _CHOOSING and self._is_known_sum(name)):
                continue
            self._small(node.input[place], node)

    def _small(self, reference: str, node: Message, limit: int | None = None) -> None:
        """Check that an input is a constant below all numbers that go, or below `limit`."""
        values = constant(self._nodes.get(node_of(reference)))
        limit = self._first if limit is None else limit
        if values is None or (values.size and (values.max() >= limit or values.min() < -1)):
            raise Unproven(f"{node.op} {node.name} mixes other numbers with those of words")
        if node.op not in _COMPARING and values.size:
            self._lowest = min(self._lowest, int(values.min()))

    def _is_known_sum(self, name: str) -> bool:
        """Whether it is a sum that stays right: counted from the table's size, or from the end."""
        node = self._nodes[name]
        if node in self._wraps:
            return True
        terms = [self._nodes[node_of(one)] for one in node.input if not is_control(one)]
        buckets = [one for one in terms if one.name not in self._sizes]
        return (
            node.op in ("Add", "AddV2")
            and len(terms) == len(buckets) + 1
            and all(one.op.startswith("StringToHashBucket") for one in buckets)
        )

    def _check_reader(self, node: Message, place: int) -> None:
        if node.name in self._indices or node.op in _SHAPES:
            return
        if node.op in _COMPARING:
            is_below = node.op in ("Less", "GreaterEqual") and place == 0
            self._small(node.input[1 - place], node, limit=self._first + is_below)
        elif node.op == "GatherV2" and place == 1 and self._takes_rows(node):
            weights = self._nodes[node_of(node.input[0])]
            self._weights[weights.name] = weights
        elif not self._wraps_negatives(node, place):
            raise Unproven(f"{node.op} reads the numbers of words too")

    def _takes_rows(self, node: Message) -> bool:
        if constant(self._nodes.get(node_of(node.input[0]))) is None:
            raise Unproven(
                "its weights are no constants of the graph, which --freeze makes of them"
            )
        axis = constant(self._nodes.get(node_of(node.input[2])))
        has_batches = "batch_dims" in node.attr and node.attr["batch_dims"].i != 0
        return axis is not None and not axis.any() and not has_batches

    def _wraps_negatives(self, node: Message, place: int) -> bool:
        """Whether it is how Keras counts from the end: ``where(i < 0, i + rows, i)``."""
        if node.op not in ("Add", "AddV2"):
            return False
        rows = constant(self._nodes.get(node_of(node.input[1 - place])))
        choices = self._data_readers(node.name)
        if rows is None or rows.size != 1 or not choices:
            return False
        for choice, where in choices:
            asked = self._nodes.get(node_of(choice.input[0]))
            if (
                choice.name not in self._indices
                or where != 1
                or asked is None
                or asked.op != "Less"
            ):
                return False
            zero = constant(self._nodes.get(node_of(asked.input[1])))
            if node_of(asked.input[0]) not in self._indices or zero is None or zero.any():
                return False
        self._wraps.append(node)
        return True

    def _check_size(self, name: str) -> None:
        """Check that a table's size is only what numbers of unknown words begin with."""
        for node, _ in self._data_readers(name):
            readers = self._data_readers(node.name)
            is_sum = node.op in ("Add", "AddV2") and readers
            if not is_sum or any(one.name not in self._indices for one, _ in readers):
                raise Unproven(f"{node.op} reads the size of the table")

    def _check_weights(self) -> None:
        if not self._weights:
            raise Unproven("no weights have a row for each word")
        counts = set()
        for name, node in self._weights.items():
            for reader, place in self._data_readers(name):
                if (
                    reader.op != "GatherV2"
                    or place
                    or node_of(reader.input[1]) not in self._indices
                ):
                    raise Unproven(f"{reader.op} reads {name} too")
            values = constant(node)
            assert values is not None
            counts.add(len(values))
            if values.ndim == 0 or len(values) <= int(self._gone[-1]):
                raise Unproven(f"{name} has no row for each word")
        for node in self._wraps:
            ends = [constant(self._nodes.get(node_of(one))) for one in node.input]
            if counts != {int(one.ravel()[0]) for one in ends if one is not None}:
                raise Unproven(f"{node.name} counts from another end than that of the rows")
        if self._wraps and self._lowest < 0 and max(counts) - 1 in self._gone:
            raise Unproven("the last row is chosen by counting from the end, too")
