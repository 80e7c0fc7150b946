"""Takes words out of a vocabulary together with the rows of weights that they choose."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cpr.savedmodel.meta_graph import assets
from cpr.savedmodel.protos import Message
from cpr.savedmodel.reach import is_control, node_of
from cpr.savedmodel.shrinking.nodes import constant, fill, readers_of, strings_of
from cpr.savedmodel.shrinking.rows import Rows, Unproven

_FROM_FILE = ("InitializeTableFromTextFile", "InitializeTableFromTextFileV2")
_IN_FUNCTION = "the table is filled in a function, which --freeze puts where it is called"


@dataclass(frozen=True)
class Cut:
    """How many words and rows went."""

    words: int
    total: int
    rows: int


def cut_file(meta_graph: Message, name: str, path: Path, keep: Collection[bytes]) -> Cut:
    """Take words out of a file whose lines tables number, and their rows out of weights.

    Raises:
        Unproven: The graph does not show that this is right; nothing is changed.
    """
    lines = path.read_bytes().removesuffix(b"\n").split(b"\n")
    kept = [place for place, line in enumerate(lines) if line.removesuffix(b"\r") in keep]
    fillers = list(_fillers(meta_graph, name))
    for node in fillers:
        size = node.attr["vocab_size"].i if "vocab_size" in node.attr else -1
        if size not in (-1, len(lines)):
            raise Unproven("the table takes a part of the file")
    rows = _rows(meta_graph, [node_of(one.input[0]) for one in fillers], range(len(lines)), kept)
    for node in fillers:
        if "vocab_size" in node.attr and node.attr["vocab_size"].i != -1:
            node.attr["vocab_size"].i = len(kept)
    path.write_bytes(b"".join(lines[place] + b"\n" for place in kept))
    return Cut(len(lines) - len(kept), len(lines), rows.cut())


def cut_table(
    meta_graph: Message, words: Message, numbers: Message, keep: Collection[bytes]
) -> Cut:
    """Take words out of a table that constants fill, and their rows out of weights.

    Raises:
        Unproven: The graph does not show that this is right; nothing is changed.
    """
    texts, values = strings_of(words) or [], constant(numbers)
    if values is None or len(texts) != values.size or values.min() < 0:
        raise Unproven("the words have no numbers of their own")
    readers = readers_of(meta_graph.graph_def.node)
    fillers = [node for node, place in readers.get(words.name, ()) if place == 1]
    both = [node for node, place in readers.get(numbers.name, ()) if place == 2]
    if fillers != both or not fillers or any("Table" not in one.op for one in fillers):
        raise Unproven(_IN_FUNCTION)
    if {len(readers[one.name]) for one in (words, numbers)} != {len(fillers)}:
        raise Unproven("something else reads the words")
    kept = [place for place, text in enumerate(texts) if text in keep]
    flat = values.ravel().tolist()
    rows = _rows(meta_graph, [node_of(one.input[0]) for one in fillers], flat, kept)
    gone = np.array(sorted(set(flat) - {flat[place] for place in kept}))
    left = values.ravel()[kept]
    fill(numbers, (left - np.searchsorted(gone, left)).astype(values.dtype))
    tensor = words.attr["value"].tensor
    del tensor.string_val[:]
    tensor.string_val.extend(texts[place] for place in kept)
    tensor.tensor_shape.dim[0].size = len(kept)
    words.attr.pop("_output_shapes", None)
    return Cut(len(texts) - len(kept), len(texts), rows.cut())


def _rows(
    meta_graph: Message, tables: list[str], numbers: Collection[int], kept: list[int]
) -> Rows:
    """The rows that only words chose that are not kept."""
    every = list(numbers)
    gone = set(every) - {every[place] for place in kept}
    if not kept or not gone:
        raise Unproven("no word is kept" if gone else "every word is kept")
    rows = Rows(meta_graph, tables, gone)
    if rows.uses_size and sorted(every) != list(range(len(every))):
        raise Unproven("unknown words are numbered from the size of the table on")
    return rows


def _fillers(meta_graph: Message, name: str) -> Iterator[Message]:
    """The nodes that fill tables from an asset, in the graph itself."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    readers = readers_of(nodes.values())
    waiting = [node_of(one.tensor) for one in assets(meta_graph) if one.filename == name]
    is_found = False
    while waiting:
        for node, place in readers.get(waiting.pop(), ()):
            if is_control(node.input[place]):
                continue
            if node.op == "Identity":
                waiting.append(node.name)
            elif node.op in _FROM_FILE:
                is_found = True
                yield node
            elif not _is_handed_on(node, nodes, readers, waiting):
                raise Unproven(_IN_FUNCTION)
    if not is_found:
        raise Unproven(_IN_FUNCTION)


def _is_handed_on(
    node: Message,
    nodes: dict[str, Message],
    readers: dict[str, list[tuple[Message, int]]],
    waiting: list[str],
) -> bool:
    """Whether TensorFlow 2 keeps the path in a variable, whose readers are to be looked at."""
    if node.op != "AssignVariableOp":
        return False
    handle = node_of(node.input[0])
    for reader, place in readers.get(handle, ()):
        if reader.op == "ReadVariableOp":
            waiting.append(reader.name)
        elif reader.op != "AssignVariableOp" and not is_control(reader.input[place]):
            return False
    return True
