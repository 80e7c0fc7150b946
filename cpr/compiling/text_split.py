"""Splits a signature of text in two: looking words up, which is done here, and the rest.

What Keras's `TextVectorization` and `StringLookup` make of a text is the same
few operations each time: lower case, no punctuation, words, a number for each
word. They are recognised one by one; whatever else is in the graph declines
it. The rest of the graph takes the numbers, and any runtime can have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cpr.compiling.declined import Declined
from cpr.compiling.frozen import FrozenGraph, pruned
from cpr.extras import import_extra
from cpr.runtimes.signatures import Signature
from cpr.runtimes.tf_session import TfSession

# The only pattern that is known to be a set of characters: Keras's own.
_PATTERN = rb"""[!"#$%&()\*\+,-\./:;<=>?@\[\\\]^_`{|}~\']"""

# What the record holds of a reader, and its vocabulary.
Reader = tuple[dict[str, Any], dict[str, Any]]


def split_text(
    tf: Any, runner: Any, signature: Signature, frozen: FrozenGraph
) -> tuple[FrozenGraph, dict[str, Reader]]:
    """The graph behind the numbers of words, and what makes these of each input of texts.

    Args:
        tf: TensorFlow.
        runner: What has loaded the model, with its tables.
        signature: Of the model.
        frozen: The same as a graph.

    Raises:
        Declined: It does more with texts than to look words up.
    """
    texts = {alias for alias, spec in signature.inputs.items() if spec.dtype == "string"}
    if not texts or not _text_ops(tf, frozen):  # it only passes them on
        return frozen, {}
    graph = _Graph(tf, frozen)
    readers: dict[str, Reader] = {}
    cuts: dict[str, _Lookup] = {}
    for node in [node for node in frozen.graph.node if node.op == "LookupTableFindV2"]:
        lookup = graph.lookup(node)
        if lookup.alias in readers:
            raise Declined(f"it looks words of {lookup.alias!r} up twice")
        readers[lookup.alias] = (lookup.told, _vocabulary(tf, runner, frozen, lookup))
        cuts[lookup.alias] = lookup
    if set(readers) != texts:
        raise Declined(
            "it works on text in more ways than to look words up, of which no other runtime knows "
            f"enough: {', '.join(sorted(_text_ops(tf, frozen)))}; export a signature beside it "
            "that takes numbers, and that is compiled"
        )
    return _without_text(tf, frozen, cuts), readers


@dataclass(frozen=True)
class _Lookup:
    """A table that is asked for words.

    Attributes:
        alias: The input whose words.
        table: The node of the table.
        sink: The last node that is of looking up.
        told: How the texts become words, and words without a number one.
        rank: Of the numbers.
        length: How many numbers a text has, if that is fixed.
    """

    alias: str
    table: str
    sink: str
    told: dict[str, Any]
    rank: int
    length: int | None


class _Graph:
    """A frozen graph's nodes by name, and who takes what from them."""

    def __init__(self, tf: Any, frozen: FrozenGraph) -> None:
        self._tf = tf
        self._nodes = {node.name: node for node in frozen.graph.node}
        self._aliases = {_node(name): alias for alias, name in frozen.inputs.items()}
        self._ranks = {}
        self._takers: dict[str, list[Any]] = {}
        for node in frozen.graph.node:
            if node.op == "Placeholder":
                self._ranks[node.name] = len(node.attr["shape"].shape.dim)
            for name in _inputs(node):
                self._takers.setdefault(_node(name), []).append(node)

    def lookup(self, node: Any) -> _Lookup:
        """What a node looks up, and all that is of it before and after; raises Declined."""
        table, words, default = (self._origin(name) for name in _inputs(node))
        kinds = (node.attr["Tin"].type, node.attr["Tout"].type)
        if kinds != (self._tf.string.as_datatype_enum, self._tf.int64.as_datatype_enum):
            raise Declined("its table does not give words numbers")
        told: dict[str, Any] = {"steps": [], "default": self._number(default), "also": {}}
        is_split = words.op == "StringSplitV2"
        if is_split:
            texts, separator = (self._origin(name) for name in _inputs(words))
            if words.attr["maxsplit"].i != -1 or self._array(separator).item() != b"":
                raise Declined("it splits texts at something else than white space")
        else:
            texts = words
        placeholder = self._read_steps(texts, told["steps"])
        if placeholder.name not in self._aliases:
            sparse = sorted({one.op for one in self._nodes.values() if "Sparse" in one.op})
            if sparse:
                raise Declined(
                    "it makes sparse tensors of texts, as categorical columns do, and works on "
                    f"those with operations that no other runtime has: {', '.join(sparse)}"
                )
            raise Declined(f"it looks up what {placeholder.op} makes")
        sink, rank, length = self._after(node, told, is_split=is_split), 2, None
        if is_split:
            told["steps"].append("split")
            if self._ranks[placeholder.name] != 1 or sink.op != "RaggedTensorToTensor":
                raise Declined("it does something else with words than to give each text a row")
            length = told["length"]
        else:
            rank = self._ranks[placeholder.name]
        alias = self._aliases[placeholder.name]
        return _Lookup(alias, table.name, sink.name, told, rank, length)

    def _read_steps(self, node: Any, steps: list[str]) -> Any:
        """Note what is done with a text before; the node that it comes from."""
        while node.op in ("StringLower", "StaticRegexReplace"):
            if node.op == "StringLower" and not node.attr["encoding"].s:
                steps.insert(0, "lower")
            elif (node.attr["pattern"].s, node.attr["rewrite"].s) == (_PATTERN, b""):
                steps.insert(0, "strip")
            else:
                raise Declined(f"its {node.op} is not that of Keras's TextVectorization")
            node = self._origin(_inputs(node)[0])
        return node

    def _after(self, node: Any, told: dict[str, Any], *, is_split: bool) -> Any:
        """The last node that only passes numbers of words on."""
        while len(takers := self._takers.get(node.name, [])) == 1:
            taker = takers[0]
            if taker.op == "SelectV2" and _node(_inputs(taker)[2]) == node.name:
                self._read_exception(taker, told)
            elif taker.op == "RaggedTensorToTensor" and is_split:
                self._read_rows(taker, told)
                return taker
            elif taker.op != "Identity":
                break
            node = taker
        return node

    def _read_exception(self, node: Any, told: dict[str, Any]) -> None:
        """Note the one word that a select gives a number of its own."""
        asked, number, _ = (self._origin(name) for name in _inputs(node))
        if asked.op != "Equal":
            raise Declined(f"it selects numbers of words by {asked.op}")
        word = next((one for one in map(self._origin, _inputs(asked)) if one.op == "Const"), None)
        told["also"][self._array(word).item().decode("utf-8")] = self._number(number)

    def _read_rows(self, node: Any, told: dict[str, Any]) -> None:
        """Note the length that rows are brought to."""
        shape, _, default, *partitions = (self._origin(name) for name in _inputs(node))
        kinds = [bytes(one) for one in node.attr["row_partition_types"].list.s]
        array = self._array(shape)
        sizes = array.tolist() if array.ndim else [-1, -1]
        if kinds != [b"FIRST_DIM_SIZE", b"VALUE_ROWIDS"] or len(sizes) != 2 or sizes[0] != -1:
            raise Declined("it makes other rows of words than one for each text")
        for one in partitions:
            if one.op != "StridedSlice" or self._origin(_inputs(one)[0]).op != "StringSplitV2":
                raise Declined("it makes other rows of words than one for each text")
        told["length"] = sizes[1] if sizes[1] >= 0 else None
        told["filled_with"] = self._number(default)

    def _origin(self, name: str) -> Any:
        """The node that a tensor comes from, without those that only pass it on."""
        node = self._nodes[_node(name)]
        while node.op == "Identity":
            node = self._nodes[_node(_inputs(node)[0])]
        return node

    def _number(self, node: Any) -> int:
        return int(self._array(node).item())

    def _array(self, node: Any) -> Any:
        if node is None or node.op != "Const":
            raise Declined("what it looks words up with is not constant")
        return self._tf.make_ndarray(node.attr["value"].tensor)


def _vocabulary(tf: Any, runner: Any, frozen: FrozenGraph, lookup: _Lookup) -> dict[str, Any]:
    """The words of a table and their numbers, as JSON holds them."""
    words, numbers = read_table(tf, runner, frozen, lookup.table, tf.string, tf.int64)
    try:
        texts = [word.decode("utf-8") for word in words.tolist()]
    except UnicodeDecodeError as error:
        raise Declined("its table has words that are not UTF-8") from error
    return {"words": texts, "numbers": numbers.tolist()}


def read_table(
    tf: Any, runner: Any, frozen: FrozenGraph, name: str, keys: Any, values: Any
) -> tuple[Any, Any]:
    """The keys and the values of a table, given its node and their types; raises Declined."""
    kinds = {"Tkeys": keys, "Tvalues": values}
    if name in frozen.tables:
        found = tf.raw_ops.LookupTableExportV2(table_handle=frozen.tables[name], **kinds)
        return found[0].numpy(), found[1].numpy()
    if not isinstance(runner, TfSession):
        raise Declined("its table cannot be read")
    session, graph = runner.graph()
    with graph.as_default():
        handle = graph.get_tensor_by_name(f"{name}:0")
        found = tf.raw_ops.LookupTableExportV2(table_handle=handle, **kinds)
    return tuple(session.run(found))


def _without_text(tf: Any, frozen: FrozenGraph, cuts: Mapping[str, _Lookup]) -> FrozenGraph:
    """The graph from the numbers of words on, which are its inputs now."""
    sinks = {lookup.sink: lookup for lookup in cuts.values()}
    graph = type(frozen.graph)()
    graph.versions.CopyFrom(frozen.graph.versions)
    graph.library.CopyFrom(frozen.graph.library)
    for node in frozen.graph.node:
        copy = graph.node.add()
        if node.name not in sinks:
            copy.CopyFrom(node)
            continue
        copy.name, copy.op = node.name, "Placeholder"
        copy.attr["dtype"].type = tf.int64.as_datatype_enum
        lookup = sinks[node.name]
        unknown = [None] * lookup.rank
        sizes = unknown if lookup.length is None else [None, lookup.length]
        copy.attr["shape"].shape.CopyFrom(tf.TensorShape(sizes).as_proto())
    inputs = {
        alias: f"{cuts[alias].sink}:0" if alias in cuts else name
        for alias, name in frozen.inputs.items()
    }
    made = pruned(replace(frozen, graph=graph, inputs=inputs))
    if left := _text_ops(tf, made):
        raise Declined(f"beside looking words up it works on text: {', '.join(sorted(left))}")
    return made


def _text_ops(tf: Any, frozen: FrozenGraph) -> set[str]:
    """The operations of a graph that take or make text."""
    registry = import_extra("tensorflow.python.framework.op_def_registry", "tensorflow")
    found = set()
    for node in frozen.graph.node:
        kinds = {value.type for value in node.attr.values()}
        definition = registry.get(node.op)
        arguments = [] if definition is None else [*definition.input_arg, *definition.output_arg]
        kinds |= {argument.type for argument in arguments}
        if tf.string.as_datatype_enum in kinds and node.op not in ("Placeholder", "Const"):
            found.add(node.op)
    return found - {"Identity", "IdentityN"}


def _inputs(node: Any) -> list[str]:
    return [name for name in node.input if not name.startswith("^")]


def _node(name: str) -> str:
    return name.partition(":")[0]
