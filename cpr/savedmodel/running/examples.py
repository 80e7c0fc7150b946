"""Serialized tf.Example messages of JSON objects, without TensorFlow."""

from __future__ import annotations

from typing import Any

from cpr.errors import BadInput, shorten
from cpr.savedmodel import protos


def serialize_examples(rows: Any, name: str, dtype: str = "string") -> list[bytes]:
    """One serialized `tf.Example` an object: integers, floats or texts by feature.

    Args:
        rows: The objects.
        name: Of the input that takes them.
        dtype: What that input declares.

    Raises:
        BadInput: The input takes none, a row is no object, or a feature mixes types.
    """
    if dtype != "string":
        raise BadInput(
            f"input {name!r} takes {dtype} values, and no serialized tf.Example messages.",
            hint=f"Give the values themselves: --input '{name}=[…]'.",
        )
    if not isinstance(rows, list):
        raise BadInput(
            f"the examples of {name!r} are {shorten(rows)}; expected a list of objects.",
            hint='[{"age": 39.0, "workclass": "Private"}]',
        )
    return [_serialize(row, f"{name}[{index}]") for index, row in enumerate(rows)]


def _serialize(row: Any, where: str) -> bytes:
    if not isinstance(row, dict):
        raise BadInput(f"{where} is {shorten(row)}; expected an object, features by name.")
    example = protos.Example()
    for key, value in row.items():
        _fill(example.features.feature[key], value, f"{where}.{key}")
    made: bytes = example.SerializeToString(deterministic=True)
    return made


def _fill(feature: protos.Message, value: Any, where: str) -> None:
    values = value if isinstance(value, list) else [value]
    kinds = {type(item) for item in values}
    if not values:
        return
    if kinds <= {int, bool}:
        feature.int64_list.value.extend(map(int, values))
    elif kinds <= {int, float}:
        feature.float_list.value.extend(map(float, values))
    elif kinds <= {str, bytes}:
        texts = (item.encode() if isinstance(item, str) else item for item in values)
        feature.bytes_list.value.extend(texts)
    else:
        raise BadInput(
            f"{where} is {shorten(value)}; expected numbers or texts, one or a list of them.",
            hint='A float feature is written with a point: {"age": 39.0}.',
        )
