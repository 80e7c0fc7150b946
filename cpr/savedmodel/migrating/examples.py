"""Inputs that a TF1 graph accepts, made up and tried: nothing declares what they must be."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cpr.savedmodel import protos
from cpr.savedmodel.migrating.model import V1Model, V1Signature
from cpr.wire.tensors import Array

# A batch of one too: some graphs take no other.
_ROWS = (4, 1)
# What a dimension of any size is tried with; images want the large ones.
_SIZES = (3, 1, 8, 32, 224)
_WORDS = (b"a", b"b", b"", b"a b")
_LINES = 4
_PARSERS = ("ParseExample", "ParseExampleV2", "ParseSingleExample")

Feeds = Mapping[str, Array]


def accepted_examples(
    tf: Any, model: V1Model, signature: V1Signature, run: Callable[[Feeds], Any]
) -> Feeds | None:
    """The first made-up inputs that the graph runs on; None if it runs on none.

    Serialized examples are made for inputs that the graph parses, with the
    features that it asks for; words come from the vocabularies.
    """
    words = _words(model)
    for rows, size in itertools.product(_ROWS, _SIZES):
        made = _Maker(tf, model, words, rows, size)
        feeds = {alias: made.array(name) for alias, name in signature.inputs.items()}
        try:
            run(feeds)
        except (tf.errors.OpError, ValueError, TypeError):
            continue  # the next size may fit; what never fits is told by the caller
        return feeds
    return None


def _words(model: V1Model) -> tuple[bytes, ...]:
    """A few lines of each vocabulary, and words that are surely in none."""
    lines: list[bytes] = []
    for path in filter(Path.is_file, model.assets.values()):
        with path.open("rb") as file:
            lines += [line.rstrip(b"\r\n") for line, _ in zip(file, range(_LINES), strict=False)]
    return (*lines, *_WORDS)


@dataclass(frozen=True)
class _Maker:
    """Makes arrays of a number of rows, other dimensions of any size being `size`."""

    tf: Any
    model: V1Model
    words: tuple[bytes, ...]
    rows: int
    size: int

    def array(self, name: str) -> Array:
        """An array for a tensor, the same each time."""
        tensor = self.model.session.graph.get_tensor_by_name(name)
        generator = np.random.default_rng(0)
        shape = self._shape(tensor)
        dtype = tensor.dtype.base_dtype
        if dtype.name == "string":
            texts = self._strings(tensor, int(np.prod(shape)))
            array = np.empty(len(texts), object)
            array[:] = texts
            return array.reshape(shape)
        if dtype.is_bool or dtype.is_integer:
            return generator.integers(0, 2, shape).astype(dtype.as_numpy_dtype)
        return generator.normal(size=shape).astype(dtype.as_numpy_dtype)

    def _shape(self, tensor: Any) -> tuple[int, ...]:
        if tensor.shape.rank is None:
            return (self.rows,)
        sizes = tensor.shape.as_list()
        first = [self.rows if sizes[0] is None else sizes[0]] if sizes else []
        return tuple(first + [self.size if item is None else item for item in sizes[1:]])

    def _strings(self, tensor: Any, count: int) -> list[bytes]:
        """Words, or the examples that are parsed of the tensor."""
        parser = next((op for op in tensor.consumers() if op.type in _PARSERS), None)
        if parser is None:
            return [self.words[row % len(self.words)] for row in range(count)]
        features = _features(self.tf, self.model, parser)
        generator = np.random.default_rng(0)
        return [self._example(features, generator) for _ in range(count)]

    def _example(
        self, features: Mapping[str, tuple[Any, int]], generator: np.random.Generator
    ) -> bytes:
        example = protos.Example()
        for key, (dtype, size) in features.items():
            feature = example.features.feature[key]
            if dtype.name == "string":
                picked = generator.integers(0, len(self.words), size)
                feature.bytes_list.value.extend(self.words[index] for index in picked)
            elif dtype.is_integer:
                feature.int64_list.value.extend(generator.integers(0, 2, size).tolist())
            else:
                feature.float_list.value.extend(generator.normal(size=size).tolist())
        made: bytes = example.SerializeToString(deterministic=True)
        return made


def _features(tf: Any, model: V1Model, parser: Any) -> dict[str, tuple[Any, int]]:
    """What a parsing op asks for: the type and the number of values by feature."""
    found: dict[str, tuple[Any, int]] = {}
    dense_types = parser.get_attr("Tdense")
    shapes = parser.get_attr("dense_shapes")
    for key, dtype, shape in zip(
        _keys(model, parser, "dense_keys"), dense_types, shapes, strict=True
    ):
        sizes = [max(dim.size, 1) for dim in shape.dim]
        found[key] = (tf.as_dtype(dtype), int(np.prod(sizes)))
    sparse_types = parser.get_attr("sparse_types")
    for key, dtype in zip(_keys(model, parser, "sparse_keys"), sparse_types, strict=True):
        found[key] = (tf.as_dtype(dtype), 1)
    return found


def _keys(model: V1Model, parser: Any, name: str) -> list[str]:
    if parser.type == "ParseSingleExample":
        return [key.decode() for key in parser.get_attr(name)]
    position = 0
    for argument in parser.op_def.input_arg:
        count = parser.get_attr(argument.number_attr) if argument.number_attr else 1
        if argument.type_list_attr:
            count = len(parser.get_attr(argument.type_list_attr))
        if argument.name == name:
            values = model.session.run(list(parser.inputs[position : position + count]))
            return [key.decode() for key in np.ravel(values).tolist()]
        position += count
    return []
