"""Sample instances for a signature, and what of them its model takes at all."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from cpr.runtimes.signatures import Signature, TensorSpec

# Where a size varies.
_SIZES = (5, 1, 12)
_HIGHEST = 2**31 - 1
# Beyond what a vocabulary is likely to hold nothing more is learned.
_WIDEST = 100_000
_PLAIN = ("the", "a good film", "Bad", "unknown!", "", "zürich", "x1 x2", "0.5")
# What implementations of lower case, punctuation and white space may disagree about.
_WORDS = (
    *_PLAIN,
    "Tab\tline\nfeed\x0band\x0cpage\r end",
    "ÄÖÜ İ ß ǅ K",
    "nul\x00in a-b_c/d\\e^f`g~h\x00",
    "“quoted” — dash… no\u00a0break\u2003em\x85next\x1cfile",
)

Accepts = Callable[[list[Any]], bool]
Bounds = Mapping[str, tuple[int, int]]


class SignatureInstances:
    """Makes instances of a signature, the same for the same number.

    Args:
        signature: What they are for.
        bounds: Of integer inputs, from `find_bounds`.
        words: Texts that the model may know, such as those of its vocabulary.
    """

    def __init__(
        self, signature: Signature, bounds: Bounds | None = None, words: Sequence[str] = ()
    ) -> None:
        self._signature = signature
        self.count = fixed_count(signature)
        self._bounds = bounds or {}
        self._words = [*words, *_WORDS]

    def make(self, count: int, number: int) -> list[Any]:
        """Instances whose values, and sizes that vary, differ from another number's.

        As many as the signature takes, where it does not take any number of them.
        """
        count = self.count or count
        generator = np.random.default_rng(number)
        size = _SIZES[number % len(_SIZES)]
        columns = {
            alias: self._values(alias, spec, (count, *_inner(spec, size)), generator, number)
            for alias, spec in self._signature.inputs.items()
        }
        return _as_instances(columns, count)

    def constant(self, value: int, of: str = "", *, count: int = 1) -> list[Any]:
        """Instances whose integers are `value` in one input, and 0 in the others."""
        count = self.count or count
        generator = np.random.default_rng(0)
        columns = {}
        for alias, spec in self._signature.inputs.items():
            shape = (count, *_inner(spec, _SIZES[0]))
            if _is_integer(spec):
                columns[alias] = np.full(shape, value if alias == of else 0, np.int64).tolist()
            else:
                columns[alias] = self._values(alias, spec, shape, generator, 0)
        return _as_instances(columns, count)

    def misshapen(self, number: int) -> list[list[Any]]:
        """Instances of other shapes than are declared.

        A rank less or more, sizes that are larger, and one instance that is no list.
        """
        count = self.count or 2
        found = [] if self.count is None else [self._counting(count + 1), self._counting(1)]
        generator = np.random.default_rng(number)
        for change in (_without_last, _longer, _wider, _deeper, _nested):
            shapes = {}
            for alias, spec in self._signature.inputs.items():
                inner = change(_inner(spec, _SIZES[0]))
                if inner is not None:
                    shapes[alias] = inner
            if len(shapes) == len(self._signature.inputs):
                columns = {
                    alias: self._values(alias, spec, (count, *shapes[alias]), generator, number)
                    for alias, spec in self._signature.inputs.items()
                }
                found.append(_as_instances(columns, count))
        without_count = {a: _inner(s, _SIZES[0]) for a, s in self._signature.inputs.items()}
        counts = {shape[:1] for shape in without_count.values()}
        if len(counts) == 1 and (sizes := counts.pop()):
            columns = {
                alias: self._values(alias, spec, without_count[alias], generator, number)
                for alias, spec in self._signature.inputs.items()
            }
            found.append(_as_instances(columns, sizes[0]))
        return found

    def _counting(self, count: int) -> list[Any]:
        """Another number of instances than the signature takes."""
        generator = np.random.default_rng(count)
        columns = {
            alias: self._values(alias, spec, (count, *_inner(spec, _SIZES[0])), generator, 0)
            for alias, spec in self._signature.inputs.items()
        }
        return _as_instances(columns, count)

    def _values(
        self,
        alias: str,
        spec: TensorSpec,
        shape: tuple[int, ...],
        generator: np.random.Generator,
        number: int,
    ) -> Any:
        if spec.dtype == "string":
            picked = generator.integers(0, len(self._words), shape)
            return _mapped(picked, lambda place: self._words[place])
        if spec.dtype == "bool":
            return generator.integers(0, 2, shape).astype(bool).tolist()
        if _is_integer(spec):
            low, high = self._bounds.get(alias, (0, 1))
            low, high = max(low, -_WIDEST), min(high, _WIDEST)
            values = generator.integers(low, high + 1, shape)
            if values.size:
                values.ravel()[0], values.ravel()[-1] = low, high
            return values.tolist()
        return _floats(generator, shape, number).astype(np.float32).tolist()


def fixed_count(signature: Signature) -> int | None:
    """How many instances a signature takes, if not any number of them."""
    sizes = (spec.shape[0] for spec in signature.inputs.values() if spec.shape)
    return next((size for size in sizes if size is not None), None)


class Instances(Protocol):
    """What makes instances whose integers are chosen."""

    def constant(self, value: int, of: str = "", *, count: int = 1) -> list[Any]:
        """Instances whose integers are `value` in one input, and 0 in the others."""


def find_bounds(signature: Signature, instances: Instances, accepts: Accepts) -> Bounds:
    """The least and the largest integer that a model takes, for each integer input.

    An embedding has no row for others: TensorFlow refuses them, other
    runtimes may read another row.
    """
    found: dict[str, tuple[int, int]] = {}
    for alias, spec in signature.inputs.items():
        if not _is_integer(spec):
            continue
        limits = np.iinfo(np.dtype(spec.dtype))
        top = min(_HIGHEST, int(limits.max))

        def takes(value: int, alias: str = alias) -> bool:
            return accepts(instances.constant(value, alias))

        if not takes(0):
            continue
        low, bottom = 0, max(-_HIGHEST, int(limits.min))
        if bottom < 0 and takes(-1):  # Keras counts negative ids from the end
            low = int(limits.min) if takes(bottom) else _last_accepted(takes, bottom)
        high = int(limits.max) if takes(top) else _last_accepted(takes, top)
        found[alias] = (low, high)
    return found


def _last_accepted(takes: Callable[[int], bool], refused: int) -> int:
    accepted = 0
    while abs(refused - accepted) > 1:
        middle = int((accepted + refused) / 2)
        accepted, refused = (middle, refused) if takes(middle) else (accepted, middle)
    return accepted


def _as_instances(columns: Mapping[str, Any], count: int) -> list[Any]:
    if len(columns) == 1:
        return list(next(iter(columns.values())))
    return [{alias: values[i] for alias, values in columns.items()} for i in range(count)]


def _inner(spec: TensorSpec, size: int) -> tuple[int, ...]:
    return tuple(size if item is None else item for item in (spec.shape or (None,))[1:])


def _is_integer(spec: TensorSpec) -> bool:
    return "int" in spec.dtype


def _floats(generator: np.random.Generator, shape: tuple[int, ...], number: int) -> Any:
    """Values of several magnitudes: standardised, of pixels, large, none."""
    style = number % 5
    if style == 1:
        return generator.uniform(0, 1, shape)
    if style == 2:
        return generator.uniform(0, 255, shape)
    if style == 4:
        return np.zeros(shape)
    return generator.normal(size=shape) * (1, 1, 1, 10, 1)[style]


def _without_last(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    return shape[:-1] if shape else None


def _longer(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    return (*shape[:-1], shape[-1] + 1) if shape else None


def _wider(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Larger, but for the last size: a convolution takes images of any size."""
    return (shape[0] + 1, *shape[1:]) if len(shape) > 1 else None


def _nested(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1, *shape)


def _deeper(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape, 2)


def _mapped(places: Any, word: Callable[[int], str]) -> Any:
    if places.ndim == 0:
        return word(int(places))
    return [_mapped(item, word) for item in places]


def words_of(texts: Sequence[str]) -> list[str]:
    """A few words of vocabularies, alone and in sentences with punctuation."""
    words = [text.strip() for text in texts if text.strip()]
    picked = words[:: max(1, len(words) // 100)][:100]
    sentences = [
        " ".join(picked[start : start + 7]).title() + string.punctuation[start % 32]
        for start in range(0, len(picked), 7)
    ]
    return picked + sentences
