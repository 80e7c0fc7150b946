"""Splits a signature of serialized ``tf.Example``s in two: reading them, and the rest.

Estimators exported little else. Which features are looked for stands in the
graph, as constants; reading them is done in Python, and the rest of the graph
takes their values, as any runtime can.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cpr.compiling.constants import constant
from cpr.compiling.declined import Declined
from cpr.compiling.frozen import FrozenGraph, all_nodes, pruned
from cpr.compiling.operations_used import EXAMPLES
from cpr.runtimes.signatures import Signature, TensorSpec

_BESIDE = "export a signature beside it that takes the features themselves, and that is compiled"
# Converters make other names of those that are not.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_DTYPES = ("float32", "int64", "string")


def split_examples(
    tf: Any, signature: Signature, frozen: FrozenGraph
) -> tuple[Signature, FrozenGraph, dict[str, Any]]:
    """The signature and the graph behind the features, and what reads these.

    Args:
        tf: TensorFlow.
        signature: Of the model.
        frozen: The same as a graph.

    Returns:
        What the record holds of the examples, without `inputs`; {} where it
        takes none; `names` are what the new inputs are called.

    Raises:
        Declined: It parses them in ways that are not known here.
    """
    parsers = [node for node in frozen.graph.node if node.op in EXAMPLES]
    everywhere = [node for node in all_nodes(frozen.graph) if node.op in EXAMPLES]
    if not everywhere:
        return signature, frozen, {}
    if len(everywhere) > 1 or not parsers or parsers[0].op == "ParseSingleExample":
        ops = ", ".join(sorted({node.op for node in everywhere}))
        raise Declined(f"it parses tf.Example records one by one or in parts: {ops}; {_BESIDE}")
    parser = _Parser(tf, frozen, parsers[0])
    alias = _alias_of(frozen, signature, parser)
    used = parser.used()
    features, names = [], {}
    for number, told in enumerate(parser.features()):
        features.append({**told, "is_used": told["key"] in used})
        if told["key"] in used:
            names[told["key"]] = told["key"] if _PLAIN.fullmatch(told["key"]) else f"_{number}"
    rest = _without_parser(tf, frozen, parser, names, features)
    fed = {name.partition(":")[0] for name in rest.inputs.values()} | set(rest.tables)
    if any(node.op == "Placeholder" and node.name not in fed for node in rest.graph.node):
        raise Declined(f"it does more with tf.Example records than to parse them; {_BESIDE}")
    shapes = {told["key"]: told for told in features}
    inputs = {
        name: TensorSpec(name, shapes[key]["dtype"], (None, *shapes[key]["shape"]))
        for key, name in names.items()
    }
    return replace(signature, inputs=inputs), rest, {
        "input": alias, "features": features, "names": names
    }  # fmt: skip


class _Parser:
    """The node that parses, and what it looks for."""

    def __init__(self, tf: Any, frozen: FrozenGraph, node: Any) -> None:
        self._tf, self._frozen, self.node = tf, frozen, node
        inputs = [name for name in node.input if not name.startswith("^")]
        self.serialized = inputs[0]
        if node.op == "ParseExampleV2":
            sparse, dense, ragged = (self._keys([name]) for name in inputs[2:5])
            defaults = inputs[5:]
        else:
            split = 2 + node.attr["Nsparse"].i
            last = split + node.attr["Ndense"].i
            sparse, dense, ragged = self._keys(inputs[2:split]), self._keys(inputs[split:last]), []
            defaults = inputs[last:]
        self.sparse, self.dense, self._defaults = sparse, dense, defaults
        if ragged:
            raise Declined(
                f"it parses the features {_listed(ragged)} of tf.Example records into ragged "
                f"tensors; {_BESIDE}"
            )

    def features(self) -> list[dict[str, Any]]:
        """Every feature that it looks for, dense ones first."""
        found = []
        types = [self._dtype(number) for number in self.node.attr["Tdense"].list.type]
        shapes = self.node.attr["dense_shapes"].list.shape
        parts = zip(self.dense, types, shapes, self._defaults, strict=True)
        for key, dtype, shape, default in parts:
            sizes = [dim.size for dim in shape.dim]
            if shape.unknown_rank or min(sizes, default=0) < 0:
                raise Declined(f"the feature {key!r} may have any number of values; {_BESIDE}")
            values = self._default(key, dtype, default, sizes)
            found.append({"key": key, "dtype": dtype, "shape": sizes, "default": values})
        types = [self._dtype(number) for number in self.node.attr["sparse_types"].list.type]
        for key, dtype in zip(self.sparse, types, strict=True):
            found.append({"key": key, "dtype": dtype, "shape": None, "default": None})
        return found

    def used(self) -> set[str]:
        """The features that the rest of the graph takes; raises Declined for sparse ones."""
        first = 3 * len(self.sparse)
        taken = [name for node in self._frozen.graph.node for name in node.input]
        places = {
            int(name.partition(":")[2] or 0)
            for name in [*taken, *self._frozen.outputs.values()]
            if name.partition(":")[0] == self.node.name
        }
        if any(place < first for place in places):
            ops = sorted({node.op for node in self._frozen.graph.node if "Sparse" in node.op})
            raise Declined(
                f"it parses the features {_listed(self.sparse)} of tf.Example records into sparse "
                "tensors, as categorical columns do, and works on those with operations that no "
                f"other runtime has: {', '.join(ops)}; {_BESIDE}"
            )
        return {self.dense[place - first] for place in places}

    def place_of(self, name: str) -> str | None:
        """The feature that a tensor's name stands for, if it is one of the parser's."""
        node, _, place = name.partition(":")
        return (
            self.dense[int(place or 0) - 3 * len(self.sparse)] if node == self.node.name else None
        )

    def _keys(self, names: Sequence[str]) -> list[str]:
        keys = [key for name in names for key in np.ravel(self._constant(name)).tolist()]
        try:
            return [key.decode("utf-8") for key in keys]
        except UnicodeDecodeError as error:
            raise Declined("it looks for features whose names are not UTF-8") from error

    def _default(self, key: str, dtype: str, name: str, sizes: list[int]) -> list[Any] | None:
        array = self._constant(name)
        if array.size != math.prod(sizes):
            return None
        values: list[Any] = array.ravel().tolist()
        try:
            return [value.decode("utf-8") for value in values] if dtype == "string" else values
        except UnicodeDecodeError as error:
            raise Declined(f"the default of the feature {key!r} is not UTF-8") from error

    def _constant(self, name: str) -> Any:
        array = constant(self._tf, self._frozen.graph, name)
        if array is None:
            raise Declined("what it looks for in tf.Example records is not constant")
        return array

    def _dtype(self, number: int) -> str:
        name: str = self._tf.as_dtype(number).name
        if name not in _DTYPES:
            raise Declined(f"it reads {name} values of tf.Example records")
        return name


def _alias_of(frozen: FrozenGraph, signature: Signature, parser: _Parser) -> str:
    """The input whose examples are parsed, which must be the only one."""
    nodes = {node.name: node for node in frozen.graph.node}
    name = parser.serialized.partition(":")[0]
    while nodes[name].op == "Identity":
        name = nodes[name].input[0].partition(":")[0]
    aliases = {tensor.partition(":")[0]: alias for alias, tensor in frozen.inputs.items()}
    if name not in aliases or len(aliases) > 1:
        raise Declined(f"it parses tf.Example records that it has made itself; {_BESIDE}")
    spec = signature.inputs[aliases[name]]
    if spec.shape != (None,):
        raise Declined(f"its tf.Example records are not in one row, but {spec.sizes}")
    return aliases[name]


def _without_parser(
    tf: Any,
    frozen: FrozenGraph,
    parser: _Parser,
    names: Mapping[str, str],
    features: Sequence[Mapping[str, Any]],
) -> FrozenGraph:
    """The graph from the features on, which are its inputs now."""
    graph = type(frozen.graph)()
    graph.CopyFrom(frozen.graph)
    nodes = {key: f"cpr_feature_{name}" for key, name in names.items()}
    for node in graph.node:
        for place, name in enumerate(node.input):
            if (key := parser.place_of(name)) is not None:
                node.input[place] = nodes[key]
    kinds = {told["key"]: tf.as_dtype(told["dtype"]).as_datatype_enum for told in features}
    for told in features:
        if told["is_used"]:
            node = graph.node.add(name=nodes[told["key"]], op="Placeholder")
            node.attr["dtype"].type = kinds[told["key"]]
            node.attr["shape"].shape.CopyFrom(tf.TensorShape([None, *told["shape"]]).as_proto())
    outputs = dict(frozen.outputs)
    for number, (alias, name) in enumerate(frozen.outputs.items()):
        if (key := parser.place_of(name)) is not None:  # it answers with what it was given
            node = graph.node.add(name=f"cpr_answer_{number}", op="Identity", input=[nodes[key]])
            node.attr["T"].type = kinds[key]
            outputs[alias] = f"{node.name}:0"
    inputs = {name: f"{nodes[key]}:0" for key, name in names.items()}
    return pruned(replace(frozen, graph=graph, inputs=inputs, outputs=outputs))


def _listed(keys: Sequence[str]) -> str:
    return ", ".join(map(repr, sorted(keys)))
