"""Sample inputs for the signatures of a MetaGraph: given ones, or made up.

What is made up must be something that the model takes: strings are words of
its vocabularies, and where it parses ``tf.Example`` they are examples with the
features that it looks for. Sizes and class numbers that a signature leaves
open are tried from large to small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from cpr.errors import BadInput, UsageError
from cpr.savedmodel.dtypes import dtype_name
from cpr.savedmodel.meta_graph import Signature, TensorSpec, assets, find_asset, signatures
from cpr.savedmodel.protos import Example, Message
from cpr.savedmodel.shrinking.nodes import Body, bodies, strings_of
from cpr.savedmodel.shrinking.vocabulary import PLACEHOLDER
from cpr.wire.tensors import Array, columns, dense

ROWS = 8
_Try = tuple[int, int, tuple[int, ...]]
# What open dimensions, integers, and shapes said to be scalar are, tried in this
# order: old exporters left shapes out, which reads as a scalar.
_TRIES: tuple[_Try, ...] = (
    *((16, 50, ()), (16, 2, ()), (3, 2, ()), (1, 2, ()), (224, 2, ())),
    *((16, 2, (ROWS,)), (16, 2, (ROWS, 1))),
)
_WORDS = 200


def sample_inputs(
    meta_graph: Message, folder: Path, instances: Sequence[Any] | None = None
) -> dict[str, list[dict[str, Array]]]:
    """Inputs to try for each signature, best first.

    Args:
        meta_graph: Of the SavedModel in `folder`, whose assets are read.
        instances: As a request has them; for the signatures that take them.

    Raises:
        UsageError: No signature takes the instances.
    """
    known = signatures(meta_graph)
    words = vocabulary_words(meta_graph, folder)
    features = list({one[0]: one for one in _features(meta_graph)}.values())
    made: dict[str, list[dict[str, Array]]] = {}
    refusals: list[BadInput] = []
    for name, signature in known.items():
        if instances is not None:
            try:
                made[name] = [_given(signature, instances)]
                continue
            except BadInput as error:
                refusals.append(error)
        made[name] = [_made_up(signature, words, features, sizes) for sizes in _TRIES]
    if refusals and len(refusals) == len(known):
        raise UsageError(
            f"No signature takes the instances: {refusals[0].problem}",
            hint=refusals[0].hint or "`cpr inspect` shows a sample request for each signature.",
        )
    return made


def vocabulary_words(meta_graph: Message, folder: Path) -> list[bytes]:
    """Some words that the model's tables know, and some that they cannot."""
    found: list[bytes] = []
    for asset in assets(meta_graph):
        path = find_asset(folder, asset.filename)
        if path is not None:
            with path.open("rb") as file:
                found.extend(line.rstrip(b"\r\n") for line in islice(file, _WORDS))
    for body in bodies(meta_graph):
        for node in body.nodes:
            values = strings_of(node) if "Restore" not in node.name else None
            if values and len(values) > 2 and not any(b"/" in one for one in values[:9]):
                found.extend(values[:_WORDS])
    known = (one for one in found if one and not one.startswith(PLACEHOLDER))
    return [*dict.fromkeys(known), b"", b"never seen"]


def _given(signature: Signature, instances: Sequence[Any]) -> dict[str, Array]:
    by_name = columns(list(instances), list(signature.inputs))
    return {
        alias: dense(by_name[alias], _numpy_type(spec.dtype), what=f"instances: {alias}")
        for alias, spec in signature.inputs.items()
    }


def _numpy_type(name: str) -> Any:
    return bytes if name == "string" else np.dtype("float32" if name == "bfloat16" else name)


def _made_up(
    signature: Signature,
    words: list[bytes],
    features: list[tuple[bytes, str, tuple[int, ...]]],
    sizes: _Try,
) -> dict[str, Array]:
    open_size, classes, scalar = sizes
    generator = np.random.default_rng(0)
    made = {}
    for alias, spec in signature.inputs.items():
        shape = _shape(spec, open_size) or scalar
        if spec.dtype == "string" and features and len(shape) <= 1:
            rows = [
                _example(features, words, classes, generator) for _ in range(max(shape, default=1))
            ]
            made[alias] = _object_array(rows, shape)
            continue
        made[alias] = _values(spec.dtype, shape, words, classes, generator)
    return made


def _shape(spec: TensorSpec, open_size: int) -> tuple[int, ...]:
    sizes = (None,) if spec.shape is None else spec.shape
    return tuple(
        size if size is not None else (open_size if place else ROWS)
        for place, size in enumerate(sizes)
    )


def _values(
    dtype: str,
    shape: tuple[int, ...],
    words: list[bytes],
    classes: int,
    generator: np.random.Generator,
) -> Array:
    if dtype == "string":
        chosen = generator.integers(0, len(words), int(np.prod(shape)) * 3)
        texts = [
            b" ".join(words[one] for one in some) for some in np.split(chosen, len(chosen) // 3)
        ]
        # Every other value is a single word: a model may split text, or look it up whole.
        single = [
            words[chosen[3 * place]] if place % 2 else text for place, text in enumerate(texts)
        ]
        return _object_array(single, shape)
    if dtype == "bool":
        return generator.integers(0, 2, shape).astype(bool)
    if dtype.startswith(("int", "uint")):
        return generator.integers(0, classes, shape).astype(dtype)
    return generator.normal(size=shape).astype(_numpy_type(dtype))


def _object_array(values: list[bytes], shape: tuple[int, ...]) -> Array:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made.reshape(shape)


def _example(
    features: list[tuple[bytes, str, tuple[int, ...]]],
    words: list[bytes],
    classes: int,
    generator: np.random.Generator,
) -> bytes:
    example = Example()
    for key, dtype, shape in features:
        values = _values(dtype, shape, words, classes, generator).ravel().tolist()
        feature = example.features.feature[key.decode("utf-8", "replace")]
        if dtype == "string":
            feature.bytes_list.value.extend(values)
        elif dtype == "int64":
            feature.int64_list.value.extend(values)
        else:
            feature.float_list.value.extend(values)
    return bytes(example.SerializeToString(deterministic=True))


def _features(meta_graph: Message) -> Iterator[tuple[bytes, str, tuple[int, ...]]]:
    """The features of the examples that a graph parses: key, type, shape."""
    for body in bodies(meta_graph):
        for node in body.nodes:
            if node.op not in ("ParseExample", "ParseExampleV2"):
                continue
            sparse, fixed = _keys(body, node)
            types = [dtype_name(one) for one in node.attr["sparse_types"].list.type]
            yield from ((key, kind, (1,)) for key, kind in zip(sparse, types, strict=False))
            types = [dtype_name(one) for one in node.attr["Tdense"].list.type]
            for key, kind, shape in zip(
                fixed, types, node.attr["dense_shapes"].list.shape, strict=False
            ):
                yield key, kind, tuple(max(dim.size, 1) for dim in shape.dim)


def _keys(body: Body, node: Message) -> tuple[list[bytes], list[bytes]]:
    if node.op == "ParseExampleV2":
        return tuple(strings_of(body.find(node.input[place])) or [] for place in (2, 3))  # type: ignore[return-value]
    count = node.attr["Nsparse"].i
    keys = [_scalar(body, reference) for reference in node.input[2:]]
    return keys[:count], keys[count : count + node.attr["Ndense"].i]


def _scalar(body: Body, reference: str) -> bytes:
    node = body.find(reference)
    values = node.attr["value"].tensor.string_val if node is not None else []
    return bytes(values[0]) if values else b""
