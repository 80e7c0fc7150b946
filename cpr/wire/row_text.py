"""The JSON text of an answer, row by row.

A joint predict returns one value for many calls. To write its rows at once is
several times quicker than to part it and to write each part.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

import numpy as np

from cpr.wire.json_codec import dumps_quickly, holds_epoch, holds_null
from cpr.wire.weight import check_weight, is_too_large

_DIGITS = {4: 9, 8: 17}
# Between them float32 have as many digits before the point: from 0, 1e-4 ... 1e5, and what
# printf rounds to 1e6. `searchsorted` counts the bounds up to a number; NaN is beyond all.
_BOUNDS = np.array([np.nextafter(0, 1), *(10.0**place for place in range(-4, 6)), 999_999])
_PLACES = np.array([0, 0, *range(-4, 6), 0])
_IS_ODD = np.array([False, True, *[False] * 10, True])
_SIX_DIGITS, _NINE_DIGITS = (
    np.where(_IS_ODD, 1.0, 10.0 ** (digits - 1 - _PLACES)) for digits in (6, 9)
)
_FEW = 16
_SINGLES = [Struct(f"{count}f") for count in range(_FEW + 1)]


def row_texts(value: Any) -> list[bytes] | None:
    """The JSON text of each row of a list, or of an array of one or two dimensions.

    None where there are none, and where a row has to be looked at closely: it
    may hold a number that JSON cannot.
    """
    if type(value) is list:
        return _listed(value)
    if type(value) is not np.ndarray or value.dtype.kind not in "iufb" or not value.size:
        return None
    if value.dtype.itemsize > 8 or value.ndim not in (1, 2) or is_too_large(value):
        return None
    text = dumps_quickly(np.ascontiguousarray(value))
    if holds_null(text):
        return None
    if value.ndim == 1:
        return text[1:-1].split(b",")
    return [b"[" + row + b"]" for row in text[2:-2].split(b"],[")]


def serving_row_texts(value: Any) -> list[bytes] | None:
    """As `row_texts` of an array, but floats as TensorFlow Serving writes them, NaN included."""
    if type(value) is not np.ndarray:
        return None
    if value.dtype.kind != "f":
        return row_texts(value)
    if value.dtype.itemsize not in _DIGITS or not value.size or value.ndim not in (1, 2):
        return None
    if is_too_large(value):
        return None
    if value.ndim == 2 and value.dtype.itemsize == 4 and value.size > _FEW:
        rounded, odd = _rounded(value.ravel())
        if not odd.size:
            return row_texts(rounded.reshape(value.shape))
    texts = serving_floats(value)
    if value.ndim == 1:
        return [text.encode() for text in texts]
    width = value.shape[1]
    return [f"[{','.join(texts[i : i + width])}]".encode() for i in range(0, len(texts), width)]


def serving_floats(array: Any) -> list[str]:
    """Every float of an array, in row-major order, as TensorFlow Serving writes it.

    Six significant digits if these are the number again, else as many as tell
    any two numbers of the type apart; always with a point or an exponent.
    """
    flat = array.ravel()
    if flat.dtype.itemsize == 4 and flat.size > _FEW:
        return _texts_of_singles(flat)
    return _texts_by_printf(flat)


def _texts_of_singles(flat: Any) -> list[str]:
    rounded, odd = _rounded(flat)
    texts = dumps_quickly(rounded)[1:-1].decode().split(",")
    if odd.size:
        for position, text in zip(odd.tolist(), _texts_by_printf(flat[odd]), strict=True):
            texts[position] = text
    return texts


def _rounded(flat: Any) -> tuple[Any, Any]:
    """Many float32 as doubles whose shortest text is wanted, and the places of those without.

    Each is rounded to six or nine digits as a double, whose shortest text
    these digits are: a third of printf's time. The products are exact: 24 bits
    by the 28 of 5 ** 12. What is written with an exponent, or is no number,
    has no such double.
    """
    with np.errstate(invalid="ignore"):  # a NaN that signals
        doubles = flat.astype(np.float64)
    places = np.searchsorted(_BOUNDS, np.abs(doubles), side="right")
    six, nine = _SIX_DIGITS[places], _NINE_DIGITS[places]
    short = np.rint(doubles * six) / six
    rounded = np.where(short.astype(np.float32) == flat, short, np.rint(doubles * nine) / nine)
    return rounded, np.flatnonzero(_IS_ODD[places])


def _texts_by_printf(flat: Any) -> list[str]:
    numbers = tuple(flat.tolist())
    if not numbers:
        return []
    short = ("%.6g " * len(numbers) % numbers).split()
    is_same = _agreeing(short, flat)
    form = f"%.{_DIGITS[flat.dtype.itemsize]}g"
    texts = [
        text if same else form % number
        for text, number, same in zip(short, numbers, is_same, strict=True)
    ]
    return [
        text if "." in text or "e" in text else _WORDS.get(text) or text + ".0" for text in texts
    ]


def _agreeing(texts: list[str], numbers: Any) -> list[bool]:
    """Whether each text is its number again."""
    if len(texts) <= _FEW and numbers.dtype.itemsize == 4:
        # numpy's own overhead is several times that of a few numbers.
        again = _SINGLES[len(texts)]
        singles = again.unpack(again.pack(*map(float, texts)))
        return [one == other for one, other in zip(singles, numbers.tolist(), strict=True)]
    with np.errstate(over="ignore"):
        same: list[bool] = (np.array(texts, np.float64).astype(numbers.dtype) == numbers).tolist()
    return same


# What the C library writes for what is no number.
_WORDS = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _listed(rows: list[Any]) -> list[bytes] | None:
    check_weight(rows)
    try:
        texts = [dumps_quickly(row) for row in rows]
    except (TypeError, RecursionError):
        return None
    joined = b",".join(texts)
    return None if holds_null(joined) or holds_epoch(joined) else texts
