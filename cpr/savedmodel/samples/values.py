"""Arrays for inputs: made up, or of instances as a request has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cpr.errors import LoadError, shorten
from cpr.savedmodel.protos import Example
from cpr.savedmodel.samples.features import Feature
from cpr.wire.tensors import Array, columns, dense


def made_up(
    dtype: str,
    shape: tuple[int, ...],
    generator: np.random.Generator,
    *,
    words: Sequence[bytes],
    classes: int = 2,
) -> Array:
    """An array of what a model may take: numbers around zero, classes, words and texts.

    Args:
        dtype: TensorFlow's name of it.
        shape: Its shape, without sizes that vary.
        generator: Where chance comes from.
        words: What strings are made of.
        classes: Integers are below this, and not below 0.
    """
    if dtype == "string":
        chosen = generator.integers(0, len(words), (int(np.prod(shape)), 3)).tolist()
        # Every other value is a single word: a model may split text, or look it up whole.
        return strings(
            [
                words[some[0]] if place % 2 else b" ".join(words[one] for one in some)
                for place, some in enumerate(chosen)
            ],
            shape,
        )
    if dtype == "bool":
        return generator.integers(0, 2, shape).astype(bool)
    if dtype.startswith(("int", "uint")):
        return generator.integers(0, classes, shape).astype(dtype)
    return generator.normal(size=shape).astype(numpy_type(dtype))


def made_up_examples(
    features: Iterable[Feature],
    shape: tuple[int, ...],
    generator: np.random.Generator,
    *,
    words: Sequence[bytes],
    classes: int = 2,
) -> Array:
    """Serialized ``tf.Example`` messages that have all of the features."""
    wanted = list(features)
    return strings(
        [_example(wanted, generator, words, classes) for _ in range(int(np.prod(shape)))], shape
    )


def arrays_of(instances: Sequence[Any], types: Mapping[str, Any], what: str) -> dict[str, Array]:
    """Arrays of instances as a request has them.

    Args:
        instances: Rows: objects by input name, or bare values of a single input.
        types: The numpy type of each input, bytes for strings.
        what: What the instances are, for messages.

    Raises:
        BadInput: They are not what the inputs take.
    """
    by_name = columns(list(instances), list(types))
    return {name: dense(by_name[name], own, what=f"{what}: {name}") for name, own in types.items()}


def numpy_type(dtype: str) -> Any:
    """What holds values of TensorFlow's type: bytes for strings, float32 for bfloat16.

    Raises:
        LoadError: There are no values of that type.
    """
    if dtype == "string":
        return bytes
    try:
        return np.dtype("float32" if dtype == "bfloat16" else dtype)
    except TypeError as error:
        raise LoadError(
            f"A signature takes the type {shorten(dtype)}, which has no values.",
            hint="Export the model again, with inputs of numbers, truth values or texts.",
        ) from error


def strings(values: Sequence[bytes], shape: tuple[int, ...]) -> Array:
    """An array of strings, which are never taken for texts of one length."""
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made.reshape(shape)


def _example(
    features: Iterable[Feature],
    generator: np.random.Generator,
    words: Sequence[bytes],
    classes: int,
) -> bytes:
    example = Example()
    for key, dtype, shape in features:
        values = made_up(dtype, shape, generator, words=words, classes=classes).ravel().tolist()
        feature = example.features.feature[key.decode("utf-8", "replace")]
        if dtype == "string":
            feature.bytes_list.value.extend(values)
        elif dtype == "int64":
            feature.int64_list.value.extend(values)
        else:
            feature.float_list.value.extend(values)
    return bytes(example.SerializeToString(deterministic=True))
