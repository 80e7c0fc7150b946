"""The weights that the numbers of words choose rows of: constants of a graph, or variables."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from cpr.savedmodel.shrinking.nodes import constant, fill
from cpr.savedmodel.shrinking.spreading import Placed, Spread
from cpr.wire.tensors import Array

_VARIABLES = ("VarHandleOp", "VariableV2")
_READING = ("ReadVariableOp", "Identity")
_ASSIGNING = ("AssignVariableOp", "Assign")
_ASKING = ("VarIsInitializedOp", "IsVariableInitialized")


class Unproven(Exception):
    """The rows have to stay; the message says why."""


class RowWeights:
    """The weights of one vocabulary; they are found by what takes rows of them.

    Args:
        spread: The graph.

    Attributes:
        initial: What gives variables values to begin to train with, which nothing runs.
    """

    def __init__(self, spread: Spread) -> None:
        self._spread = spread
        self._found: dict[str, Placed] = {}
        self.initial: dict[str, Placed] = {}

    @property
    def variables(self) -> list[Placed]:
        """Those that are variables."""
        return [one for one in self._found.values() if one.op in _VARIABLES]

    def take(self, node: Placed, place: int) -> bool:
        """Whether a node that reads numbers takes these rows of weights, which are noted."""
        attributes = node.node.attr
        has_batches = "batch_dims" in attributes and attributes["batch_dims"].i != 0
        if node.op not in ("GatherV2", "ResourceGather") or place != 1 or has_batches:
            return False
        if node.op == "GatherV2":
            axis = self._spread.value(node.inputs[2])
            if axis is None or axis.any():
                return False
        weights = self._source(node.inputs[0])
        if weights is None:
            raise Unproven("the weights that they choose rows of are computed")
        self._found[weights.name] = weights
        return True

    def check(self, indices: Collection[str], last: int) -> int | None:
        """Check that only `indices` choose rows of the weights, which have one for each number.

        Returns:
            How many rows there are; None if the weights differ in that.

        Raises:
            Unproven: They are read in another way, too.
        """
        if not self._found:
            raise Unproven("no weights have a row for each word")
        counts = set()
        for name, weights in self._found.items():
            self._check_readers(name, name, indices)
            if any(one not in self._found for one in self._spread.same(weights)):
                raise Unproven(f"{name} stands for other weights in another place")
            if name in self._spread.answered:
                raise Unproven("a signature answers the weights")
            count = _rows(weights)
            if count <= last:
                raise Unproven(f"{name} has no row for each word")
            counts.add(count)
        return counts.pop() if len(counts) == 1 else None

    def is_only_restored(self, name: str) -> bool:
        """Whether nothing but the restore does anything with a variable."""
        return all(self._is_filling(*one) for one in self._spread.read(name))

    def cut(self, gone: Array) -> int:
        """Cut the rows of constants, in place; how many."""
        rows = 0
        constants = {id(one.node): one.node for one in self._found.values() if one.op == "Const"}
        for node in constants.values():
            values = constant(node)
            assert values is not None
            fill(node, np.delete(values, gone, axis=0))
            rows += len(gone)
        return rows

    def _source(self, name: str) -> Placed | None:
        """The constant or variable that is read, if it is one."""
        placed = self._spread.nodes.get(name)
        for _ in self._spread.nodes:  # a damaged graph reads in a circle
            if placed is None or placed.op not in _READING:
                break
            placed = self._spread.nodes.get(placed.inputs[0])
        if placed is None:
            return None
        is_constant = placed.op == "Const" and constant(placed.node) is not None
        return placed if is_constant or placed.op in _VARIABLES else None

    def _check_readers(self, name: str, weights: str, indices: Collection[str]) -> None:
        for reader, place in self._spread.read(name):
            if reader.op in ("GatherV2", "ResourceGather"):
                if place == 0 and reader.inputs[1] in indices:
                    continue
            elif reader.op in _READING:
                if reader.name in self._spread.answered:
                    raise Unproven("a signature answers the weights")
                self._check_readers(reader.name, weights, indices)
                continue
            elif self._is_filling(reader, place):
                continue
            raise Unproven(f"{reader.op} reads {weights} too")

    def _is_filling(self, reader: Placed, place: int) -> bool:
        """Whether a node that reads a variable only has to do with its first values."""
        if reader.op in _ASKING or self._is_restored(reader, place):
            return True
        is_idle = reader.body.function is None and reader.name not in self._spread.running
        if reader.op in _ASSIGNING and place == 0 and is_idle:
            self.initial[reader.name] = reader
            return True
        return False

    def _is_restored(self, reader: Placed, place: int) -> bool:
        """Whether a node assigns a variable what is restored, as it is."""
        if reader.op not in _ASSIGNING or place != 0 or len(reader.inputs) != 2:
            return False
        value = self._spread.nodes.get(reader.inputs[1])
        while value is not None and value.op == "Identity":
            value = self._spread.nodes.get(value.inputs[0])
        return value is not None and value.op == "RestoreV2"


def _rows(weights: Placed) -> int:
    """How many rows weights have; 0 if that is not known."""
    if weights.op == "Const":
        values = constant(weights.node)
        return len(values) if values is not None and values.ndim else 0
    shape = weights.node.attr["shape"].shape
    return 0 if shape.unknown_rank or not shape.dim else int(shape.dim[0].size)
