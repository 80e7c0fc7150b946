"""Instances to arrays and arrays to predictions, with exact error messages.

`dense` makes one array of nested lists, `columns` turns rows of objects into
columns by name, `rows` turns columns of outputs into one prediction an
instance. All three are pure and are what the ready-made predictors share.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from cpr.errors import BadInput, BadOutput
from cpr.suggest import did_you_mean
from cpr.wire._dense import Array, dense, describe

__all__ = ["Array", "check_names", "columns", "dense", "describe", "rows"]


def columns(instances: Any, names: Sequence[str]) -> dict[str, list[Any]]:
    """The values of each named input, in the order of the instances.

    An instance is an object with exactly these names; where there is a single
    name it may be the bare value instead.

    Raises:
        BadInput: A name is unknown or missing, in AI Platform's own words.
    """
    if not isinstance(instances, (list, tuple)):
        raise BadInput(f"instances must be a list, not {describe(instances)}.")
    if len(names) == 1:
        if dict not in set(map(type, instances)):
            return {names[0]: list(instances)}
        instances = [row if isinstance(row, dict) else {names[0]: row} for row in instances]
    for index, row in enumerate(instances):
        if not isinstance(row, dict) or len(row) != len(names) or any(n not in row for n in names):
            raise _bad_row(index, row, names)
    return {name: [row[name] for row in instances] for name in names}


def check_names(given: Collection[str], inputs: Collection[str], signature: str) -> None:
    """Refuse whole tensors of which one is missing; names beyond the inputs do not matter.

    Raises:
        BadInput: An input of the signature is not given.
    """
    for name in inputs:
        if name not in given:
            raise BadInput(
                f"Input {name} is missing; signature {signature!r} takes "
                f"{', '.join(map(repr, inputs))}.",
                hint=did_you_mean(name, given),
            )


def rows(outputs: Mapping[str, Any], count: int) -> list[Any] | Array:
    """One prediction an instance: bare values of one output, objects of several.

    Byte strings become text, except in outputs whose name ends in ``_bytes``.
    A scalar output is allowed for a single instance.

    Raises:
        BadOutput: An output does not hold `count` values, or is not text.
    """
    split = [_per_instance(name, value, count) for name, value in outputs.items()]
    if len(split) == 1:
        return split[0]
    names = tuple(outputs)
    return [dict(zip(names, values, strict=True)) for values in zip(*split, strict=True)]


def _per_instance(name: str, value: Any, count: int) -> list[Any] | Array:
    array = np.asarray(value)
    if array.ndim == 0 and count == 1:
        array = array.reshape(1)
    if array.ndim == 0 or array.shape[0] != count:
        raise BadOutput(
            f"output {name!r} has shape {list(array.shape)}, but there are {count} instances; "
            "its first dimension must be the number of instances."
        )
    if array.dtype.kind not in "OS":
        return array.tolist() if array.dtype.kind == "U" else array
    if not name.endswith("_bytes"):
        array = _decoded(name, array)
    nested: list[Any] = array.tolist()
    return nested


def _decoded(name: str, array: Array) -> Array:
    flat = array.ravel().tolist()
    text = np.empty(len(flat), object)
    try:
        text[:] = [v.decode("utf-8") if isinstance(v, bytes) else v for v in flat]
    except UnicodeDecodeError as error:
        raise BadOutput(
            f"output {name!r} holds bytes that are not UTF-8 text.",
            hint="If your output is not text, give its alias the suffix _bytes.",
        ) from error
    return text.reshape(array.shape)


def _bad_row(index: int, row: Any, names: Sequence[str]) -> BadInput:
    known = ", ".join(map(repr, names))
    if not isinstance(row, dict):
        return BadInput(
            f"instances[{index}] is {describe(row)}; expected an object with the keys {known}."
        )
    for key in row:
        if key not in names:
            hint = f"instances[{index}] may hold {known}. {did_you_mean(str(key), names)}"
            return BadInput(f"Unexpected tensor name: {key}", hint=hint.rstrip())
    missing = next(name for name in names if name not in row)
    return BadInput(
        f"Input {missing} was missing in at least one input instance.",
        hint=f"instances[{index}] must hold {known}.",
    )
