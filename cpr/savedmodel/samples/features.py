"""The features that a graph looks for in serialized ``tf.Example`` messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from cpr.savedmodel.dtypes import dtype_name
from cpr.savedmodel.protos import Message
from cpr.savedmodel.reach import node_of

PARSERS = ("ParseExample", "ParseExampleV2", "ParseSingleExample")


class Feature(NamedTuple):
    """A feature: what it is called, and what its values are."""

    key: bytes
    dtype: str
    shape: tuple[int, ...]


def constant_texts(nodes: Iterable[Message]) -> dict[str, list[bytes]]:
    """The strings of the constants among nodes, by the node's name."""
    return {
        node.name: list(node.attr["value"].tensor.string_val)
        for node in nodes
        if node.op == "Const" and "value" in node.attr
    }


def parsed_features(parser: Message, constants: Mapping[str, list[bytes]]) -> Iterator[Feature]:
    """The features that a parsing node looks for; a size that varies counts as 1.

    Args:
        parser: A node whose op is one of `PARSERS`.
        constants: The texts of the constants of its graph, by the node's name.
    """
    sparse, fixed = _keys(parser, constants)
    types = [dtype_name(number) for number in parser.attr["sparse_types"].list.type]
    for key, dtype in zip(sparse, types, strict=False):
        yield Feature(key, dtype, (1,))
    types = [dtype_name(number) for number in parser.attr["Tdense"].list.type]
    shapes = parser.attr["dense_shapes"].list.shape
    for key, dtype, shape in zip(fixed, types, shapes, strict=False):
        yield Feature(key, dtype, tuple(max(dim.size, 1) for dim in shape.dim))


def _keys(parser: Message, constants: Mapping[str, list[bytes]]) -> tuple[list[bytes], list[bytes]]:
    """The keys of the sparse and of the dense features."""
    if parser.op == "ParseSingleExample":
        return list(parser.attr["sparse_keys"].list.s), list(parser.attr["dense_keys"].list.s)
    names = [node_of(reference) for reference in parser.input]
    if parser.op == "ParseExampleV2":
        sparse, fixed = (constants.get(name, []) for name in (names + ["", ""] * 2)[2:4])
        return sparse, fixed
    # One scalar for each key, after the serialized examples and their names.
    keys = [(constants.get(name) or [b""])[0] for name in names[2:]]
    split = parser.attr["Nsparse"].i
    return keys[:split], keys[split : split + parser.attr["Ndense"].i]
