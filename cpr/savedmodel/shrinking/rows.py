"""Finds the rows of weights that belong to words which a vocabulary does not have any more.

That they may go is right only if the numbers that a table gives do nothing but
choose rows. The graph must prove it: each number is followed from the table to
the weights, and whatever else it meets there must not depend on it. Rows go in
order, so numbers below the first that goes, as of padding, stay what they are.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from cpr.savedmodel.shrinking.nodes import fill
from cpr.savedmodel.shrinking.row_weights import RowWeights, Unproven
from cpr.savedmodel.shrinking.spreading import Placed, Spread

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


class Rows:
    """The weights whose rows the numbers of some tables choose, and nothing else.

    Args:
        spread: The graph.
        tables: The places of the tables' handles.
        gone: The numbers that no word has any more.

    Attributes:
        weights: Those weights.
        gone: The same numbers, in order.

    Raises:
        Unproven: The numbers are read by something else, or the weights are.
    """

    def __init__(self, spread: Spread, tables: Collection[str], gone: Collection[int]) -> None:
        self._spread = spread
        self.gone = np.array(sorted(gone), "i8")
        self._first = int(self.gone[0])
        self._lowest = 0
        self._indices: set[str] = set()
        self._sizes: set[str] = set()
        self._wraps: dict[str, Placed] = {}
        self.weights = RowWeights(spread)
        finds = [node for name in tables for node in self._finds(name)]
        if not finds:
            raise Unproven("nothing but loops, branches and data sets reads the table")
        self._follow(finds)
        for name in sorted(self._indices):
            for node, place in spread.read(name):
                self._check_reader(node, place)
        for name in sorted(self._indices):
            self._check_inputs(spread.nodes[name])
        for name in sorted(self._sizes):
            self._check_size(name)
        count = self.weights.check(self._indices, int(self.gone[-1]))
        self._check_wraps(count)
        if self._indices & spread.answered:
            raise Unproven("a signature answers them")

    @property
    def uses_size(self) -> bool:
        """Whether numbers are counted from the table's size on, as those of unknown words are."""
        return bool(self._sizes)

    def cut(self) -> int:
        """Cut the rows of constants, in place; how many."""
        done: set[int] = set()
        for placed in self._wraps.values():
            if id(placed.node) not in done:
                done.add(id(placed.node))
                self._count_from_new_end(placed)
        return self.weights.cut(self.gone)

    def _count_from_new_end(self, placed: Placed) -> None:
        place = self._end(placed)
        was = self._spread.value(placed.inputs[place])
        assert was is not None
        node, body = placed.node, placed.body
        made = body.add("Const", f"{node.name}/cpr_rows", device=node.device)
        made.attr["dtype"].type = node.attr["T"].type
        fill(made, (was - len(self.gone)).astype(was.dtype))
        node.input[place] = body.output(made.name, "output")

    def _end(self, placed: Placed) -> int:
        """Which input of a sum is the number of rows."""
        return next(one for one in (0, 1) if placed.inputs[one] not in self._indices)

    def _finds(self, table: str) -> list[Placed]:
        found = []
        for node, place in self._spread.read(table):
            if node.op.startswith("LookupTableFind") and place == 0:
                self._small(node.inputs[2], node)
                found.append(node)
            elif node.op.startswith("LookupTableSize"):
                self._sizes.add(node.name)
            elif not (node.op.startswith(_FILLING) and place == 0):
                raise Unproven(f"{node.op} reads the table")
        return found

    def _follow(self, waiting: list[Placed]) -> None:
        while waiting:
            node = waiting.pop()
            if node.name not in self._indices:
                self._indices.add(node.name)
                waiting += [
                    reader
                    for reader, place in self._spread.read(node.name)
                    if place in _HANDING.get(reader.op, ())
                ]

    def _check_inputs(self, node: Placed) -> None:
        """Whether all that a node hands on are numbers of rows that stay what they are."""
        for place in _HANDING.get(node.op, ()):
            name = node.inputs[place]
            if name in self._indices or (node.op in _CHOOSING and self._is_known_sum(name)):
                continue
            self._small(name, node)

    def _small(self, name: str, node: Placed, limit: int | None = None) -> None:
        """Check that an input is a constant below all numbers that go, or below `limit`."""
        values = self._spread.value(name)
        limit = self._first if limit is None else limit
        if values is None or (values.size and (values.max() >= limit or values.min() < -1)):
            raise Unproven(f"{node.op} {node.name} mixes other numbers with those of words")
        if node.op not in _COMPARING and values.size:
            self._lowest = min(self._lowest, int(values.min()))

    def _is_known_sum(self, name: str) -> bool:
        """Whether it is a sum that stays right: counted from the table's size, or from the end."""
        node = self._spread.nodes.get(name)
        if node is None or name in self._wraps:
            return node is not None
        terms = [self._spread.nodes.get(one) for one in node.inputs]
        buckets = [one for one in terms if one is None or one.name not in self._sizes]
        return (
            node.op in ("Add", "AddV2")
            and len(terms) == len(buckets) + 1
            and all(one and one.op.startswith("StringToHashBucket") for one in buckets)
        )

    def _check_reader(self, node: Placed, place: int) -> None:
        if place in _HANDING.get(node.op, ()) or node.op in _SHAPES:
            return
        if node.op in _COMPARING:
            is_below = node.op in ("Less", "GreaterEqual") and place == 0
            self._small(node.inputs[1 - place], node, limit=self._first + is_below)
        elif not self.weights.take(node, place) and not self._wraps_negatives(node, place):
            raise Unproven(f"{node.op} reads the numbers of words too")

    def _wraps_negatives(self, node: Placed, place: int) -> bool:
        """Whether it is how Keras counts from the end: ``where(i < 0, i + rows, i)``."""
        if node.op not in ("Add", "AddV2"):
            return False
        rows = self._spread.value(node.inputs[1 - place])
        choices = self._spread.read(node.name)
        if rows is None or rows.size != 1 or not choices:
            return False
        for choice, where in choices:
            asked = self._spread.nodes.get(choice.inputs[0])
            if choice.name not in self._indices or where != 1 or not self._is_negative(asked):
                return False
        self._wraps[node.name] = node
        return True

    def _is_negative(self, asked: Placed | None) -> bool:
        """Whether it asks if a number of a word is below 0."""
        if asked is None or asked.op != "Less" or asked.inputs[0] not in self._indices:
            return False
        zero = self._spread.value(asked.inputs[1])
        return zero is not None and not zero.any()

    def _check_size(self, name: str) -> None:
        """Check that a table's size is only what numbers of unknown words begin with."""
        for node, _ in self._spread.read(name):
            readers = self._spread.read(node.name)
            is_sum = node.op in ("Add", "AddV2") and readers
            if not is_sum or any(one.name not in self._indices for one, _ in readers):
                raise Unproven(f"{node.op} reads the size of the table")

    def _check_wraps(self, count: int | None) -> None:
        for placed in self._wraps.values():
            ends = self._spread.value(placed.inputs[self._end(placed)])
            is_everywhere = all(name in self._wraps for name in self._spread.same(placed))
            if ends is None or int(ends.ravel()[0]) != count or not is_everywhere:
                raise Unproven(f"{placed.name} counts from another end than that of the rows")
        if self._wraps and self._lowest < 0 and (count or 0) - 1 in self.gone:
            raise Unproven("the last row is chosen by counting from the end, too")
