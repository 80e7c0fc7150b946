"""Sample instances for a signature that takes serialized ``tf.Example``s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cpr.compiling.instances import Bounds, SignatureInstances
from cpr.runtimes.signatures import Signature, TensorSpec
from cpr.savedmodel import protos
from cpr.savedmodel.meta_graph import choose_meta_graph
from cpr.savedmodel.reach import node_of, reach, signature_nodes
from cpr.savedmodel.reader import read_saved_model
from cpr.savedmodel.running.examples import serialize_examples
from cpr.savedmodel.samples.features import PARSERS, Feature, constant_texts, parsed_features

Row = dict[str, Any]
# Of more features no more is learned.
_MOST = 20


class ExampleInstances:
    """Makes examples of the features that a signature looks for, the same for the same number.

    Args:
        features: What it looks for.
        bounds: Of features of integers.
        words: Texts that the model may know.
    """

    def __init__(
        self, features: Sequence[Feature], bounds: Bounds | None = None, words: Sequence[str] = ()
    ) -> None:
        specs = {
            one.key.decode("utf-8", "replace"): TensorSpec("", one.dtype, (None, *one.shape))
            for one in features
        }
        self.signature = Signature("", "", specs, {})
        self._made = SignatureInstances(self.signature, bounds, words)

    def make(self, count: int, number: int) -> list[Any]:
        """Serialized examples that have all of the features."""
        return _serialized(self._rows(self._made.make(count, number)))

    def constant(self, value: int, of: str = "", *, count: int = 1) -> list[Any]:
        """Examples whose integers are `value` in one feature, and 0 in the others."""
        return _serialized(self._rows(self._made.constant(value, of, count=count)))

    def misshapen(self, number: int) -> list[list[Any]]:
        """Examples in more dimensions than one."""
        return [[[one] for one in self.make(2, number)]]

    def odd(self) -> list[list[Any]]:
        """Examples that lack a feature or have another one in its place, and what is none."""
        good = self._rows(self._made.make(2, 0))
        changed: list[Row] = []
        for key, spec in list(self.signature.inputs.items())[:_MOST]:
            flat = np.ravel(good[1][key]).tolist()
            other = [7] * len(flat) if spec.dtype == "string" else ["word"] * len(flat)
            mixed = [float(len(flat))] if spec.dtype == "int64" else [3]
            for values in (other, mixed, [], flat[:-1], [*flat, *flat[:1]]):
                changed.append({**good[1], key: values})
            changed.append({name: values for name, values in good[1].items() if name != key})
        changed.append({**good[1], "a feature of no name": [1.0]})
        first, second = _serialized(good)
        found = [[first, *_serialized([row])] for row in changed]
        found += [[first, data] for data in (b"", b"hello", second[:-1], second * 2)]
        return found

    def _rows(self, made: list[Any]) -> list[Row]:
        if len(self.signature.inputs) == 1:
            (key,) = self.signature.inputs
            return [{key: values} for values in made]
        return made


def read_features(
    folder: Path, tags: Sequence[str], names: Sequence[str]
) -> dict[str, list[Feature]]:
    """The features that signatures look for, of those whose one input is of examples.

    Args:
        folder: The SavedModel.
        tags: Of the graph that is served.
        names: The signatures.
    """
    meta_graph = choose_meta_graph(read_saved_model(folder), tags or None)
    found = {name: _features(meta_graph, name) for name in names}
    return {name: features for name, features in found.items() if features}


def _features(meta_graph: protos.Message, name: str) -> list[Feature]:
    inputs = list(meta_graph.signature_def[name].inputs.values())
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    fed = nodes.get(node_of(inputs[0].name)) if len(inputs) == 1 else None
    # What is fed in the middle of a graph may come from examples, but is none.
    if fed is None or fed.op != "Placeholder" or inputs[0].dtype != protos.DataType.DT_STRING:
        return []
    reached = reach(meta_graph, signature_nodes(meta_graph, [name]))
    return list({one.key: one for one in _parsed(meta_graph, reached)}.values())


def _parsed(meta_graph: protos.Message, reached: Any) -> Iterator[Feature]:
    graph = meta_graph.graph_def
    bodies = [
        list(function.node_def)
        for function in graph.library.function
        if function.signature.name in reached.functions
    ]
    for nodes in ([node for node in graph.node if node.name in reached.nodes], *bodies):
        for parser in nodes:
            if parser.op in PARSERS:
                yield from parsed_features(parser, constant_texts(nodes))


def _serialized(rows: Sequence[Mapping[str, Any]]) -> list[bytes]:
    flat = [{key: np.ravel(values).tolist() for key, values in row.items()} for row in rows]
    return serialize_examples(flat, "examples")
