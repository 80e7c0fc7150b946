"""Sample inputs for the signatures of a MetaGraph: given ones, or made up.

What is made up must be something that the model takes: strings are words of
its vocabularies, and where it parses ``tf.Example`` they are examples with the
features that it looks for. Sizes and class numbers that a signature leaves
open are tried from large to small.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cpr.errors import BadInput, LoadError, UsageError, shorten
from cpr.savedmodel.meta_graph import Signature, as_fed
from cpr.savedmodel.protos import Message
from cpr.savedmodel.samples.features import PARSERS, Feature, constant_texts, parsed_features
from cpr.savedmodel.samples.values import arrays_of, made_up, made_up_examples, numpy_type
from cpr.savedmodel.samples.words import words_for
from cpr.wire.tensors import Array

ROWS = 8
_MOST_VALUES = 1 << 28
_Try = tuple[int, int, tuple[int, ...], tuple[int | None, ...], int]
# What open dimensions, integers, shapes said to be scalar, unknown ones, and the number of
# instances are, tried in this order: old exporters left shapes out, which reads as a scalar.
_TRIES: tuple[_Try, ...] = (
    *((size, classes, (), (None,), ROWS) for size, classes in ((16, 50), (16, 2), (3, 2), (1, 2))),
    *((224, 2, (), (None,), ROWS), (16, 2, (ROWS,), (None, None), ROWS)),
    *((16, 2, (ROWS, 1), (), ROWS), (1, 2, (1,), (None,), 1), (16, 2, (1,), (None,), 1)),
)


def sample_inputs(
    meta_graph: Message,
    folder: Path,
    instances: Sequence[Any] | None = None,
    *,
    but: Collection[str] = (),
) -> dict[str, list[dict[str, Array]]]:
    """Inputs to try for each signature, best first.

    Args:
        meta_graph: Of the SavedModel in `folder`, whose assets are read.
        instances: As a request has them; for the signatures that take them.
        but: Signatures that need none.

    Raises:
        UsageError: No signature takes the instances.
        LoadError: An input has no values that could be made up.
    """
    known = {name: one for name, one in as_fed(meta_graph).items() if name not in but}
    words = words_for(meta_graph, folder)
    features = list({one.key: one for one in _features(meta_graph)}.values())
    made: dict[str, list[dict[str, Array]]] = {}
    refusals: list[BadInput] = []
    for name, signature in known.items():
        if instances is not None:
            try:
                types = {alias: numpy_type(spec.dtype) for alias, spec in signature.inputs.items()}
                made[name] = [arrays_of(instances, types, "instances")]
                continue
            except BadInput as error:
                refusals.append(error)
        made[name] = _variants(signature, words, features)
    if refusals and len(refusals) == len(known):
        raise UsageError(
            f"No signature takes the instances: {refusals[0].problem}",
            hint=refusals[0].hint or "`cpr inspect` shows a sample request for each signature.",
        )
    return made


def _variants(
    signature: Signature, words: list[bytes], features: list[Feature]
) -> list[dict[str, Array]]:
    """Samples of all sizes to try, but for those that would have too many values."""
    tried = [_shapes(signature, sizes) for sizes in _TRIES]
    made = [
        _made_up(signature, shapes, words, features, classes=sizes[1])
        for sizes, shapes in zip(_TRIES, tried, strict=True)
        if all(math.prod(shape) <= _MOST_VALUES for shape in shapes.values())
    ]
    if not made:
        alias, shape = max(tried[-1].items(), key=lambda item: math.prod(item[1]))
        raise LoadError(
            f"{shorten(signature.name)} takes {shorten(alias)} of the shape {list(shape)}, of "
            "which no sample is made up: it has too many values.",
            hint="Give instances that it takes; or export the model again if it is damaged.",
        )
    return made


def _shapes(signature: Signature, sizes: _Try) -> dict[str, tuple[int, ...]]:
    open_size, _, scalar, unknown, rows = sizes
    made = {}
    for alias, spec in signature.inputs.items():
        known = scalar if spec.shape == () else unknown if spec.shape is None else spec.shape
        made[alias] = _filled(known, open_size, rows)
    return made


def _made_up(
    signature: Signature,
    shapes: Mapping[str, tuple[int, ...]],
    words: list[bytes],
    features: list[Feature],
    *,
    classes: int,
) -> dict[str, Array]:
    generator = np.random.default_rng(0)
    made = {}
    for alias, shape in shapes.items():
        dtype = signature.inputs[alias].dtype
        if dtype == "string" and features and len(shape) <= 1:
            made[alias] = made_up_examples(features, shape, generator, words=words, classes=classes)
        else:
            made[alias] = made_up(dtype, shape, generator, words=words, classes=classes)
    return made


def _filled(sizes: tuple[int | None, ...], open_size: int, rows: int) -> tuple[int, ...]:
    return tuple(
        size if size is not None else (open_size if place else rows)
        for place, size in enumerate(sizes)
    )


def _features(meta_graph: Message) -> Iterator[Feature]:
    """The features of all examples that a graph parses."""
    graph = meta_graph.graph_def
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        parsers = [node for node in nodes if node.op in PARSERS]
        constants = constant_texts(nodes) if parsers else {}
        for parser in parsers:
            yield from parsed_features(parser, constants)
