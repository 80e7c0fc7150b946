"""Sample inputs of a signature: the caller's instances, or made from what it declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cpr.errors import BadInput, UsageError
from cpr.savedmodel.samples.values import arrays_of, made_up
from cpr.savedmodel.servable import ServableFunction
from cpr.wire.tensors import Array

# Rows that are made up; more than one, so that a batch is seen to work.
ROWS = 4
# A dimension of any size, other than the batch.
_OPEN_SIZE = 3
_WORDS = (b"", b"a", b"b")


def sample_arrays(function: ServableFunction) -> dict[str, Array]:
    """Arrays for every input: the function's own examples, else made up, the same each time.

    Integers are 0 and 1, which are classes or positions to most models.
    """
    generator = np.random.default_rng(0)
    given = function.examples or {}
    return {
        name: np.asarray(given[name]) if name in given else _made_up(spec, generator)
        for name, spec in function.inputs.items()
    }


def given_arrays(
    instances: Sequence[Any], inputs: Mapping[str, Any], what: str
) -> dict[str, Array]:
    """Arrays of instances as a request has them.

    Args:
        instances: Rows: objects by input name, or bare values of a single input.
        inputs: A `tf.TensorSpec` for each input.
        what: What the instances are, for messages.

    Raises:
        UsageError: They are not what the inputs take.
    """
    try:
        return arrays_of(instances, {name: _type(spec) for name, spec in inputs.items()}, what)
    except BadInput as error:
        raise UsageError(
            f"{what}: {error.problem}",
            hint=error.hint or f"An instance has {', '.join(map(repr, inputs))}.",
        ) from error


def _type(spec: Any) -> Any:
    return bytes if spec.dtype.name == "string" else np.dtype(spec.dtype.as_numpy_dtype)


def _made_up(spec: Any, generator: np.random.Generator) -> Array:
    sizes = spec.shape.as_list() if spec.shape.rank is not None else [None]
    if sizes:
        sizes[0] = ROWS if sizes[0] is None else sizes[0]
    shape = tuple(_OPEN_SIZE if size is None else size for size in sizes)
    array = made_up(spec.dtype.name, shape, generator, words=_WORDS)
    return array if array.dtype == object else array.astype(_type(spec), copy=False)
