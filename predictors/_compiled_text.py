"""Texts that a compiled model takes, as numbers of words; and those that it answers with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cpr.errors import BadInput
from cpr.wire.tensors import Array

# What Keras calls punctuation: all of ASCII but letters, digits and spaces.
_PUNCTUATION = b"""!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"""


class TextReader:
    """Looks words up, whole texts or the words of each.

    Args:
        told: What the record holds of it.
        folder: Where its vocabulary is.
    """

    def __init__(self, told: Mapping[str, Any], folder: Path) -> None:
        vocabulary = json.loads((folder / told["file"]).read_bytes())
        pairs = zip(vocabulary["words"], vocabulary["numbers"], strict=True)
        self._numbers = {word.encode(): int(number) for word, number in pairs}
        self._numbers |= {word.encode(): int(number) for word, number in told["also"].items()}
        self._default = int(told["default"])
        self._changes = [step for step in told["steps"] if step != "split"]
        self._is_split = "split" in told["steps"]
        self._length: int | None = told.get("length")
        self._filling = int(told.get("filled_with", 0))

    def __call__(self, texts: Array) -> Array:
        """The numbers of an array of bytes: of each text, or a row of each text's words."""
        flat = texts.ravel().tolist()
        for change in self._changes:
            if change == "lower":
                flat = [text.lower() for text in flat]
            else:
                flat = [text.translate(None, _PUNCTUATION) for text in flat]
        find, default = self._numbers.get, self._default
        if not self._is_split:
            found = np.array([find(text, default) for text in flat], np.int64)
            return found.reshape(texts.shape)
        rows = [[find(word, default) for word in text.split()] for text in flat]
        length = max(map(len, rows), default=0) if self._length is None else self._length
        filled = np.full((len(rows), length), self._filling, np.int64)
        for target, row in zip(filled, rows, strict=True):
            target[: len(row)] = row[:length]
        return filled


class TextWriter:
    """Makes the texts that a signature answers with.

    Args:
        told: What the record holds of them.
    """

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._row: Array | None = _texts(told["row"]) if "row" in told else None
        self._words: dict[int, str] | None = None
        self._default: str | None = None
        if "words" in told:
            self._words = dict(zip(map(int, told["numbers"]), told["words"], strict=True))
            self._default = told["default"]

    def __call__(self, numbers: Array | None, count: int) -> Array:
        """The texts of an array of numbers; those that need none, once an instance.

        Raises:
            BadInput: There is no text for a number.
        """
        if numbers is None or self._row is not None:
            row = np.asarray(self._row, dtype=object)
            return np.tile(row, (count, *(1,) * row.ndim))
        flat = numbers.ravel().tolist()
        if self._words is None:
            found = [str(number) for number in flat]
        else:
            found = [self._word(self._words, number) for number in flat]
        return _texts(found).reshape(numbers.shape)

    def _word(self, words: Mapping[int, str], number: int) -> str:
        word = words.get(number, self._default)
        if word is None:
            raise BadInput(
                f"The model refuses these instances: it has names for {len(words)} numbers, and "
                f"none for {number}."
            )
        return word


def _texts(texts: Any) -> Array:
    """An array of bytes, as TensorFlow answers with them, of texts in lists."""
    array = np.array(texts, dtype=object)
    flat = [text.encode() for text in array.ravel().tolist()]
    made = np.empty(len(flat), dtype=object)
    made[:] = flat
    return made.reshape(array.shape)
