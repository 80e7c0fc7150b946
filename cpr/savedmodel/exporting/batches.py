"""The batch dimension: the first one of every input, of any size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cpr.errors import UsageError
from cpr.savedmodel.servable import ServableFunction


def with_any_batch(tf: Any, function: ServableFunction) -> ServableFunction:
    """The function with inputs whose first dimension is of any size.

    Raises:
        UsageError: An input has no dimension to be the batch.
    """
    specs = {}
    for name, spec in function.inputs.items():
        if spec.shape.rank == 0:
            raise UsageError(
                f"the input {name!r} is a single value: it has no batch dimension.",
                hint="Take a batch of them, with the shape [None]; or keep the inputs as they "
                "are: any_batch=False, --keep-batch.",
            )
        sizes = spec.shape.as_list() if spec.shape.rank is not None else None
        specs[name] = tf.TensorSpec(None if sizes is None else [None, *sizes[1:]], spec.dtype)
    return replace(function, inputs=specs)


def unbatched_outputs(concrete: Any) -> list[str]:
    """The outputs whose first dimension is surely not the batch: scalars, or of a fixed size."""
    outputs = concrete.structured_outputs
    return [
        name
        for name, value in outputs.items()
        if value.shape.rank is not None and (value.shape.rank == 0 or value.shape[0] is not None)
    ]
