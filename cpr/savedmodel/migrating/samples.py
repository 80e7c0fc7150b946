"""Inputs that a TF1 graph accepts, made up and tried: nothing declares what they must be."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cpr.savedmodel.migrating.model import V1Model, V1Signature
from cpr.savedmodel.samples.features import PARSERS, constant_texts, parsed_features
from cpr.savedmodel.samples.values import made_up, made_up_examples
from cpr.savedmodel.samples.words import known_and_unknown, lines_of
from cpr.wire.tensors import Array

# A batch of one too: some graphs take no other.
_ROWS = (4, 1)
# What a dimension of any size is tried with; images want the large ones.
_SIZES = (3, 1, 8, 32, 224)

Feeds = Mapping[str, Array]


def accepted_samples(
    tf: Any, model: V1Model, signature: V1Signature, run: Callable[[Feeds], Any]
) -> Feeds | None:
    """The first made-up inputs that the graph runs on; None if it runs on none.

    Serialized examples are made for inputs that the graph parses, with the
    features that it asks for; words come from the vocabularies.
    """
    words = known_and_unknown(lines_of(filter(Path.is_file, model.assets.values())))
    for rows, size in itertools.product(_ROWS, _SIZES):
        made = _Maker(model, words, rows, size)
        feeds = {alias: made.array(name) for alias, name in signature.inputs.items()}
        try:
            run(feeds)
        except (tf.errors.OpError, ValueError, TypeError):
            continue  # the next size may fit; what never fits is told by the caller
        return feeds
    return None


@dataclass(frozen=True)
class _Maker:
    """Makes arrays of a number of rows, other dimensions of any size being `size`."""

    model: V1Model
    words: list[bytes]
    rows: int
    size: int

    def array(self, name: str) -> Array:
        """An array for a tensor, the same each time."""
        tensor = self.model.session.graph.get_tensor_by_name(name)
        generator = np.random.default_rng(0)
        shape = self._shape(tensor)
        dtype = tensor.dtype.base_dtype
        if dtype.name != "string":
            array = made_up(dtype.name, shape, generator, words=self.words)
            return array.astype(dtype.as_numpy_dtype, copy=False)
        parser = next((op for op in tensor.consumers() if op.type in PARSERS), None)
        if parser is None:
            return made_up("string", shape, generator, words=self.words)
        constants = constant_texts(source.op.node_def for source in parser.inputs)
        features = parsed_features(parser.node_def, constants)
        return made_up_examples(features, shape, generator, words=self.words)

    def _shape(self, tensor: Any) -> tuple[int, ...]:
        if tensor.shape.rank is None:
            return (self.rows,)
        sizes = tensor.shape.as_list()
        first = [self.rows if sizes[0] is None else sizes[0]] if sizes else []
        return tuple(first + [self.size if item is None else item for item in sizes[1:]])
