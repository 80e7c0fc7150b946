"""Prunes the words that a model's tables know, by a list of those to keep.

A word that goes is from then on what a word that was never there is. If the
graph proves that this is right, the rows of weights that belong to such words
go with them (`rows.py`). Else the numbers of the others stay, and the weights
do: where a table numbers the lines of a file, the line of a word that went
holds a placeholder that no text contains.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cpr.errors import UsageError, shorten
from cpr.savedmodel.meta_graph import assets, find_asset
from cpr.savedmodel.protos import DataType, Message
from cpr.savedmodel.restores import constant_strings
from cpr.savedmodel.samples.words import PLACEHOLDER
from cpr.savedmodel.shrinking.cutting import FROM_FILE, Cutting
from cpr.savedmodel.shrinking.nodes import Body, bodies, constant
from cpr.savedmodel.shrinking.row_weights import Unproven
from cpr.suggest import did_you_mean
from cpr.wire.tensors import Array

_FROM_TENSORS = ("InitializeTable", "InitializeTableV2", "LookupTableImportV2")
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_WHOLE_LINE, _LINE_NUMBER = -2, -1
_DT_INT64 = DataType.Value("DT_INT64")
_DIGITS = bytes(byte for byte in range(33, 127))


@dataclass(frozen=True)
class _Constants:
    """A table that is filled from two constants of the graph."""

    words: Message
    numbers: Message
    users: tuple[tuple[Message, tuple[int, ...]], ...]
    """The functions that get the constants, and as which arguments."""

    def forget_sizes(self) -> None:
        """Have the functions not expect how many words there were."""
        for function, arguments in self.users:
            for argument in arguments:
                function.arg_attr[argument].attr.pop("_output_shapes", None)


@dataclass(frozen=True)
class Pruned:
    """What pruning did, in words, and the rows that have to go from ``variables/``."""

    told: tuple[str, ...]
    gone: Mapping[str, Array]


def words_of(content: bytes) -> list[str]:
    """The words of a file as TensorFlow's tables read it: only a line feed ends a line.

    Raises:
        UnicodeDecodeError: It is not UTF-8.
    """
    lines = content.decode("utf-8").removesuffix("\n").split("\n")
    return [line.removesuffix("\r") for line in lines]


def prune_vocabularies(
    meta_graph: Message,
    folder: Path,
    keep: Mapping[str, Collection[bytes]],
    *,
    is_only: bool = True,
) -> Pruned:
    """Prune vocabularies of a MetaGraph in place, and files in `folder`.

    Rows of weights that nothing but numbers of words that went chose go, too.

    Args:
        meta_graph: Changed where it holds words itself.
        folder: The SavedModel's directory, whose ``assets/`` are rewritten.
        keep: The words to keep, by the vocabulary's name; "" is the only one.
        is_only: Whether no other MetaGraph reads the same files and weights.

    Raises:
        UsageError: There is no such vocabulary, or the only one is meant and
            there are several.
    """
    files = _files(meta_graph, folder)
    tables = {f"table-{place}": one for place, one in enumerate(_tables(meta_graph), 1)}
    names = [*files, *tables]
    cutting = Cutting(meta_graph, folder)
    told = []
    for name, words in keep.items():
        chosen = _choose(name, names)
        told.append(f"{chosen}: ")
        try:
            if not is_only:
                raise Unproven("several graphs share them")
            if chosen in files:
                cut = cutting.cut_file(chosen, files[chosen], words)
            else:
                cut = cutting.cut_table(tables[chosen].words, tables[chosen].numbers, words)
                tables[chosen].forget_sizes()
            told[-1] += (
                f"{cut.words:,} of {cut.total:,} words pruned, and {cut.rows:,} rows of weights"
            )
            continue
        except Unproven as error:
            reason = str(error)
        if chosen in files:
            count, total = _prune_file(files[chosen], words)
        else:
            count, total = _prune_table(meta_graph, tables[chosen], words)
        told[-1] += f"{count:,} of {total:,} words pruned; their rows stay: {reason}"
    return Pruned(tuple(told), cutting.gone)


def _choose(name: str, names: list[str]) -> str:
    if name in names:
        return name
    if not name and len(names) == 1:
        return names[0]
    if not names:
        raise UsageError("The model has no vocabulary that can be pruned.")
    listed = ", ".join(names)
    if not name:
        raise UsageError(f"The model has several vocabularies: {listed}.", hint="Name one of them.")
    raise UsageError(
        f"The model has no vocabulary {shorten(name)}; it has {listed}.",
        hint=did_you_mean(name, names),
    )


def _files(meta_graph: Message, folder: Path) -> dict[str, Path]:
    """The assets, if every table that is filled from a file numbers its lines."""
    fillers = [node for body in bodies(meta_graph) for node in body.nodes if node.op in FROM_FILE]
    if not fillers or not all(
        (node.attr["key_index"].i, node.attr["value_index"].i) == (_WHOLE_LINE, _LINE_NUMBER)
        for node in fillers
    ):
        return {}
    found = {one.filename: find_asset(folder, one.filename) for one in assets(meta_graph)}
    return {name: path for name, path in found.items() if path is not None}


def _tables(meta_graph: Message) -> Iterator[_Constants]:
    """The tables from strings to numbers that are filled from constants."""
    functions = {one.signature.name: one for one in meta_graph.graph_def.library.function}
    graph = Body(meta_graph.graph_def.node)
    for node in meta_graph.graph_def.node:
        if node.op in _FROM_TENSORS:
            yield from _of(graph, list(node.input[1:3]), ())
        function = functions.get(node.attr["f"].func.name) if node.op in _CALLS else None
        if function is not None:
            yield from _filled_by(graph, node, function)


def _filled_by(graph: Body, call: Message, function: Message) -> Iterator[_Constants]:
    """The tables that a function fills from constants that a call gives it."""
    arguments = [argument.name for argument in function.signature.input_arg]
    for filler in function.node_def:
        if filler.op not in _FROM_TENSORS:
            continue
        places = tuple(arguments.index(name) for name in filler.input[1:3] if name in arguments)
        if len(places) == 2:
            yield from _of(graph, [call.input[one] for one in places], ((function, places),))


def _of(
    graph: Body, references: list[str], users: tuple[tuple[Message, tuple[int, ...]], ...]
) -> Iterator[_Constants]:
    words, numbers = (graph.find(reference) for reference in references)
    if constant_strings(words) is None or constant(numbers) is None:
        return
    if numbers is not None and numbers.attr["dtype"].type == _DT_INT64:
        yield _Constants(words, numbers, users)


def _prune_file(path: Path, keep: Collection[bytes]) -> tuple[int, int]:
    lines = path.read_bytes().split(b"\n")
    total = len(lines) - (not lines[-1])
    pruned = 0
    for place, line in enumerate(lines[:total]):
        word = line.removesuffix(b"\r")
        if word not in keep and not word.startswith(PLACEHOLDER):
            lines[place] = PLACEHOLDER + _counted(place)
            pruned += 1
    path.write_bytes(b"\n".join(lines))
    return pruned, total


def _prune_table(
    meta_graph: Message, table: _Constants, keep: Collection[bytes]
) -> tuple[int, int]:
    words = constant_strings(table.words) or []
    numbers = constant(table.numbers)
    assert numbers is not None
    is_counted = any(
        node.op.startswith("LookupTableSize") for body in bodies(meta_graph) for node in body.nodes
    )
    if is_counted or numbers.size != len(words):
        # What was never there may get numbers from the table's size on.
        kept = [word if word in keep else PLACEHOLDER + _counted(n) for n, word in enumerate(words)]
        _set(table.words, kept)
        return sum(word not in keep for word in words), len(words)
    places = [place for place, word in enumerate(words) if word in keep]
    if not places:
        raise UsageError(
            "None of the words to keep is in the vocabulary.", hint="Give one word a line."
        )
    _set(table.words, [words[place] for place in places])
    _set(table.numbers, numbers[places])
    table.forget_sizes()
    return len(words) - len(places), len(words)


def _set(node: Message, values: list[bytes] | Array) -> None:
    """Give a constant list other values."""
    tensor = node.attr["value"].tensor
    dtype = tensor.dtype
    tensor.Clear()
    tensor.dtype = dtype
    tensor.tensor_shape.dim.add(size=len(values))
    if isinstance(values, list):
        tensor.string_val.extend(values)
    else:
        tensor.tensor_content = values.tobytes()
    node.attr.pop("_output_shapes", None)


def _counted(number: int) -> bytes:
    """A short text for each number."""
    made = bytearray()
    while True:
        number, digit = divmod(number, len(_DIGITS))
        made.append(_DIGITS[digit])
        if not number:
            return bytes(made)
