"""TensorFlow's element types: their names as numpy and users spell them, and their sizes."""

from __future__ import annotations

import re

from cpr.savedmodel import protos

_SPELLED = {"float": "float32", "double": "float64", "half": "float16", "bool": "bool"}
_BITS = re.compile(r"[a-z]+?(\d+)(?:_ref|_e\d.*)?")


def _spell(name: str) -> str:
    base, is_ref = name.removeprefix("DT_").lower(), name.endswith("_REF")
    base = base.removesuffix("_ref")
    return _SPELLED.get(base, base) + ("_ref" if is_ref else "")


_NAMES: dict[int, str] = {number: _spell(name) for name, number in protos.DataType.items()}
_NUMBERS = {name: number for number, name in _NAMES.items()}


def dtype_name(number: int) -> str:
    """The name of a ``DataType``: ``float32``, ``string``; with ``_ref`` for TF1's references.

    A number that this release does not know is named ``dtype 99``.
    """
    return _NAMES.get(number, f"dtype {number}")


def dtype_number(name: str) -> int:
    """The ``DataType`` that a name stands for; the inverse of `dtype_name`.

    Raises:
        KeyError: There is no such type.
    """
    return _NUMBERS[name]


def item_bytes(name: str) -> float:
    """The bytes of one element as a file holds it; 0 where they vary or are unknown."""
    if name.removesuffix("_ref") == "bool":
        return 1
    bits = _BITS.fullmatch(name.removeprefix("q"))
    return int(bits[1]) / 8 if bits else 0
