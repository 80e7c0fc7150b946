"""Arrays of numbers as JSON text, row by row.

A joint predict returns one array for many calls. To write it at once and to
cut the text is several times quicker than to cut the array and to write each
part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

_DIGITS = {2: 9, 4: 9, 8: 17}


def row_texts(value: Any) -> list[bytes] | None:
    """The JSON text of each row of an array, each number in its shortest form.

    None where this is no plain array of one or two dimensions, or where it
    holds a number that JSON cannot.
    """
    if type(value) is not np.ndarray or value.dtype.kind not in "iufb" or not value.size:
        return None
    if value.dtype.itemsize > 8 or value.ndim not in (1, 2):
        return None
    return _cut(_numpy_text(value), value.ndim)


def serving_row_texts(value: Any) -> list[bytes] | None:
    """As `row_texts`, but floats as TensorFlow Serving writes them, NaN included."""
    if type(value) is np.ndarray and value.dtype.kind == "f" and value.dtype.itemsize <= 8:
        if not value.size or value.ndim not in (1, 2):
            return None
        texts = serving_floats(value)
        if value.ndim == 1:
            return [text.encode() for text in texts]
        width = value.shape[1]
        return [f"[{','.join(texts[i : i + width])}]".encode() for i in range(0, len(texts), width)]
    return row_texts(value)


def serving_floats(array: Any) -> list[str]:
    """Every float of an array, in row-major order, as TensorFlow Serving writes it.

    Six significant digits if these are the number again, else as many as tell
    any two numbers of the type apart; always with a point or an exponent.
    """
    flat = np.ravel(array)
    numbers = tuple(flat.tolist())
    if not numbers:
        return []
    joined = ("%.6g," * len(numbers) % numbers)[:-1]
    short = joined.split(",")
    # orjson reads numbers five times as fast as numpy, but not NaN and infinities.
    again = orjson.loads(f"[{joined}]") if "n" not in joined else short
    with np.errstate(over="ignore"):
        is_same = np.array(again, np.float64).astype(flat.dtype) == flat
    if not is_same.any():
        texts = (f"%.{_DIGITS[flat.dtype.itemsize]}g " * len(numbers) % numbers).split()
    elif is_same.all():
        texts = short
    else:
        form = f"%.{_DIGITS[flat.dtype.itemsize]}g"
        texts = [
            text if same else form % number
            for text, number, same in zip(short, numbers, is_same.tolist(), strict=True)
        ]
    return [text if "." in text or "e" in text else _with_point(text) for text in texts]


def _with_point(text: str) -> str:
    return _WORDS.get(text) or text + ".0"


# What the C library writes for what is no number.
_WORDS = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _numpy_text(array: Any) -> bytes:
    return orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)


def _cut(text: bytes, ndim: int) -> list[bytes] | None:
    if b"null" in text:
        return None
    if ndim == 1:
        return text[1:-1].split(b",")
    return [b"[" + row + b"]" for row in text[2:-2].split(b"],[")]
