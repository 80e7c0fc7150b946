"""Takes words out of a vocabulary together with the rows of weights that they choose."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cpr.savedmodel.meta_graph import assets
from cpr.savedmodel.protos import Message
from cpr.savedmodel.reach import node_of
from cpr.savedmodel.restores import constant_strings
from cpr.savedmodel.shrinking.nodes import constant, fill
from cpr.savedmodel.shrinking.row_variables import RowVariables
from cpr.savedmodel.shrinking.row_weights import Unproven
from cpr.savedmodel.shrinking.rows import Rows
from cpr.savedmodel.shrinking.spreading import Placed, Spread, TooLarge
from cpr.wire.tensors import Array

FROM_FILE = ("InitializeTableFromTextFile", "InitializeTableFromTextFileV2")
"""What fills a table from a file."""


@dataclass(frozen=True)
class Cut:
    """How many words and rows went."""

    words: int
    total: int
    rows: int


class Cutting:
    """Takes words out of the vocabularies of one MetaGraph, one vocabulary after the other.

    Args:
        meta_graph: The only one of its model.
        folder: The model's directory; its ``variables/`` are only read.

    Attributes:
        gone: The rows that have to go from ``variables/``, by the variables' names.
    """

    def __init__(self, meta_graph: Message, folder: Path) -> None:
        self._meta_graph, self._folder = meta_graph, folder
        self.gone: dict[str, Array] = {}

    def cut_file(self, name: str, path: Path, keep: Collection[bytes]) -> Cut:
        """Take words out of a file whose lines tables number, and their rows out of weights.

        Raises:
            Unproven: The graph does not show that this is right; nothing is changed.
        """
        spread = _spread(self._meta_graph)
        lines = path.read_bytes().removesuffix(b"\n").split(b"\n")
        kept = [place for place, line in enumerate(lines) if line.removesuffix(b"\r") in keep]
        fillers = list(_fillers(self._meta_graph, spread, name))
        for placed in fillers:
            if _number(placed.node, "vocab_size", -1) not in (-1, len(lines)):
                raise Unproven("the table takes a part of the file")
        firsts = {_number(placed.node, "offset", 0) for placed in fillers}
        if len(firsts) > 1 or min(firsts) < 0:
            raise Unproven("tables number the words in different ways")
        tables = [one.inputs[0] for one in fillers]
        numbers = range(min(firsts), min(firsts) + len(lines))
        count = self._cut_rows(spread, tables, numbers, kept)
        for placed in fillers:
            if _number(placed.node, "vocab_size", -1) != -1:
                placed.node.attr["vocab_size"].i = len(kept)
        path.write_bytes(b"".join(lines[place] + b"\n" for place in kept))
        return Cut(len(lines) - len(kept), len(lines), count)

    def cut_table(self, words: Message, numbers: Message, keep: Collection[bytes]) -> Cut:
        """Take words out of a table that constants fill, and their rows out of weights.

        Raises:
            Unproven: The graph does not show that this is right; nothing is changed.
        """
        spread = _spread(self._meta_graph)
        texts, values = constant_strings(words) or [], constant(numbers)
        if values is None or len(texts) != values.size or values.min() < 0:
            raise Unproven("the words have no numbers of their own")
        readers = [*spread.read(words.name), *spread.read(numbers.name)]
        fillers = {one.name: one for one, _ in readers if "Table" in one.op}
        expected = [(one, place) for place in (1, 2) for one in fillers.values()]
        if not fillers or readers != expected:
            raise Unproven("something else reads the words")
        kept = [place for place, text in enumerate(texts) if text in keep]
        flat = values.ravel().tolist()
        tables = [one.inputs[0] for one in fillers.values()]
        count = self._cut_rows(spread, tables, flat, kept)
        gone = np.array(sorted(set(flat) - {flat[place] for place in kept}))
        left = values.ravel()[kept]
        fill(numbers, (left - np.searchsorted(gone, left)).astype(values.dtype))
        tensor = words.attr["value"].tensor
        del tensor.string_val[:]
        tensor.string_val.extend(texts[place] for place in kept)
        tensor.tensor_shape.dim[0].size = len(kept)
        words.attr.pop("_output_shapes", None)
        return Cut(len(texts) - len(kept), len(texts), count)

    def _cut_rows(
        self, spread: Spread, tables: list[str], numbers: Collection[int], kept: list[int]
    ) -> int:
        """Cut the rows that only words chose that are not kept; how many."""
        every = list(numbers)
        gone = set(every) - {every[place] for place in kept}
        if not kept or not gone:
            raise Unproven("no word is kept" if gone else "every word is kept")
        for name, function in self._meta_graph.object_graph_def.concrete_functions.items():
            if function.bound_inputs and name not in spread.functions:
                raise Unproven(f"{name} is a function that no signature calls")
        rows = Rows(spread, tables, gone)
        if rows.uses_size and sorted(every) != list(range(len(every))):
            raise Unproven("unknown words are numbered from the size of the table on")
        variables = RowVariables(self._meta_graph, self._folder, spread, rows.weights)
        if variables.keys.keys() & self.gone.keys():
            raise Unproven("another vocabulary chooses rows of the same weights")
        variables.narrow(rows.gone)
        self.gone.update(dict.fromkeys(variables.keys, rows.gone))
        return rows.cut() + len(rows.gone) * len(rows.weights.variables)


def _spread(meta_graph: Message) -> Spread:
    try:
        return Spread(meta_graph)
    except TooLarge as error:
        raise Unproven("the functions of the graph are too many") from error


def _number(node: Message, key: str, default: int) -> int:
    return int(node.attr[key].i) if key in node.attr else default


def _fillers(meta_graph: Message, spread: Spread, name: str) -> Iterator[Placed]:
    """The places that fill tables from an asset."""
    waiting = [node_of(one.tensor) for one in assets(meta_graph) if one.filename == name]
    is_found = False
    while waiting:
        for placed, _ in spread.read(waiting.pop()):
            if placed.op == "Identity":
                waiting.append(placed.name)
            elif placed.op in FROM_FILE:
                is_found = True
                yield placed
            elif not _is_handed_on(placed, spread, waiting):
                raise Unproven(f"{placed.op} reads the file")
    if not is_found:
        raise Unproven("nothing but loops, branches and data sets reads the file")


def _is_handed_on(placed: Placed, spread: Spread, waiting: list[str]) -> bool:
    """Whether TensorFlow 2 keeps the path in a variable, whose readers are to be looked at."""
    if placed.op != "AssignVariableOp":
        return False
    for reader, _ in spread.read(placed.inputs[0]):
        if reader.op == "ReadVariableOp":
            waiting.append(reader.name)
        elif reader.op != "AssignVariableOp":
            return False
    return True
