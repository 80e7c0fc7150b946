"""The serving input receiver that parses serialized `tf.Example`s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cpr.errors import UsageError, shorten
from cpr.savedmodel.exporting.samples import sample_arrays
from cpr.savedmodel.servable import PREDICT, ServableFunction, Tensors
from cpr.suggest import did_you_mean
from cpr.wire.tensors import Array

_KINDS = ("float32", "int64", "string")


def with_examples(
    tf: Any, function: ServableFunction, features: Mapping[str, Any]
) -> ServableFunction:
    """The function behind a parser: its one input is a batch of serialized examples.

    The input is called ``examples`` to predict and ``inputs`` to classify or
    regress, as Estimators had it. Sparse and ragged features become dense.

    Args:
        tf: TensorFlow.
        function: What takes the features, by name.
        features: The feature spec: `tf.io.FixedLenFeature` and its like by name.

    Raises:
        UsageError: The spec is not that of the function's inputs.
    """
    _check(function, features)
    key = "examples" if function.method == PREDICT else "inputs"

    def call(tensors: Tensors) -> Tensors:
        parsed = tf.io.parse_example(tensors[key], dict(features))
        return function.call(
            {name: _fit(tf, parsed[name], spec) for name, spec in function.inputs.items()}
        )

    def refer(arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        assert function.reference is not None
        return function.reference(_parse(tf, arrays[key], function.inputs))

    return replace(
        function,
        call=call,
        inputs={key: tf.TensorSpec([None], tf.string)},
        reference=refer if function.reference else None,
        examples={key: encode_examples(tf, sample_arrays(function))},
    )


def encode_examples(tf: Any, arrays: Mapping[str, Array]) -> Array:
    """Serialized `tf.Example`s, one a row of the arrays."""
    count = len(next(iter(arrays.values())))
    rows = [
        tf.train.Example(
            features=tf.train.Features(
                feature={name: _feature(tf, array[i]) for name, array in arrays.items()}
            )
        ).SerializeToString()
        for i in range(count)
    ]
    return np.array(rows, dtype=object)


def feature_spec(tf: Any, document: Any, what: str) -> dict[str, Any]:
    """The feature spec that JSON describes: ``{name: {"type", "shape", "default", "kind"}}``.

    ``kind`` is fixed (the default), sparse or ragged; ``shape`` and
    ``default`` are for fixed features.

    Raises:
        UsageError: It is not one.
    """
    if not isinstance(document, Mapping) or not document:
        raise UsageError(
            f"{what} is not a feature spec: {shorten(document)}.",
            hint='Write an object: {"age": {"type": "float32", "shape": [1]}, …}.',
        )
    return {name: _feature_of(tf, name, item, what) for name, item in document.items()}


def _feature_of(tf: Any, name: str, item: Any, what: str) -> Any:
    known = {"type", "shape", "default", "kind"}
    if not isinstance(item, Mapping) or item.keys() - known or item.get("type") not in _KINDS:
        raise UsageError(
            f"{what}: the feature {name!r} is {shorten(item)}.",
            hint=f"Expected an object with a type, one of {', '.join(_KINDS)}, and perhaps "
            "shape, default and kind.",
        )
    dtype, kind = tf.as_dtype(item["type"]), item.get("kind", "fixed")
    if kind == "sparse":
        return tf.io.VarLenFeature(dtype)
    if kind == "ragged":
        return tf.io.RaggedFeature(dtype)
    if kind != "fixed":
        raise UsageError(
            f"{what}: the feature {name!r} has the kind {shorten(kind)}.",
            hint="Known are fixed, sparse and ragged.",
        )
    return tf.io.FixedLenFeature(item.get("shape", []), dtype, item.get("default"))


def _check(function: ServableFunction, features: Mapping[str, Any]) -> None:
    for name in function.inputs:
        if name not in features:
            raise UsageError(
                f"the feature spec lacks {name!r}, which the model takes.",
                hint=did_you_mean(name, features)
                or f"It takes {', '.join(map(repr, function.inputs))}.",
            )
    for name in features:
        if name not in function.inputs:
            raise UsageError(
                f"the feature spec has {name!r}, which the model does not take.",
                hint=did_you_mean(name, function.inputs)
                or "Leave out labels and weights: a request does not have them.",
            )


def _fit(tf: Any, value: Any, spec: Any) -> Any:
    """A parsed feature as the function wants it: dense, of its type and rank."""
    if isinstance(value, tf.SparseTensor):
        value = tf.sparse.to_dense(value)
    elif isinstance(value, tf.RaggedTensor):
        value = value.to_tensor()
    if value.dtype != spec.dtype:
        value = tf.cast(value, spec.dtype)
    wanted = spec.shape.rank
    if wanted is not None and value.shape.rank == wanted + 1 and value.shape[-1] == 1:
        value = tf.squeeze(value, -1)
    elif wanted is not None and value.shape.rank == wanted - 1 and spec.shape[-1] == 1:
        value = tf.expand_dims(value, -1)
    return value


def _feature(tf: Any, value: Any) -> Any:
    flat = np.asarray(value).ravel()
    if flat.dtype.kind in "OSU":
        texts = [item if isinstance(item, bytes) else str(item).encode() for item in flat.tolist()]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=texts))
    if flat.dtype.kind in "iub":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=flat.tolist()))
    return tf.train.Feature(float_list=tf.train.FloatList(value=flat.tolist()))


def _parse(tf: Any, serialized: Array, inputs: Mapping[str, Any]) -> dict[str, Array]:
    """The features of examples, read from their messages rather than by an op."""
    examples = [tf.train.Example.FromString(item).features.feature for item in serialized.tolist()]
    return {
        name: np.stack([_value(example[name], spec) for example in examples])
        for name, spec in inputs.items()
    }


def _value(feature: Any, spec: Any) -> Array:
    values = getattr(feature, feature.WhichOneof("kind")).value
    dtype = object if spec.dtype.name == "string" else spec.dtype.as_numpy_dtype
    sizes = [-1 if size is None else size for size in spec.shape.as_list()[1:]]
    return np.array(list(values), dtype=dtype).reshape(sizes)
