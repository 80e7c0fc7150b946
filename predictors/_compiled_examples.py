"""Reads serialized ``tf.Example`` messages as TensorFlow's parsers do, without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cpr.errors import BadInput, shorten
from cpr.savedmodel import protos
from cpr.savedmodel.wire_format import fields
from cpr.wire.tensors import Array

Feeds = Mapping[str, Array]
_read = protos.Example.FromString
_LISTS = {"float32": "float_list", "int64": "int64_list", "string": "bytes_list"}
_NAMES = {"float_list": "float", "int64_list": "int64", "bytes_list": "string"}
_DTYPES: Mapping[str, Any] = {"float32": np.float32, "int64": np.int64, "string": object}


class Call(Protocol):
    """What runs a signature, and knows what it was proven for."""

    is_strict: bool

    def __call__(self, feeds: Feeds) -> dict[str, Array]:
        """Run it."""

    def holds(self, feeds: Feeds) -> bool:
        """Whether it was proven for such numbers."""

    def find_unfit(self, feeds: Feeds) -> BadInput | None:
        """What to say of an array of another shape."""


class ExamplesCall:
    """A signature that takes examples, before one that takes their features.

    Args:
        told: What the record holds of the examples.
        whole: Knows the signature's own input.
        inner: Takes the features.
        leave: Has the original answer.
    """

    def __init__(
        self,
        told: Mapping[str, Any],
        whole: Call,
        inner: Call,
        leave: Callable[[Feeds], dict[str, Array]],
    ) -> None:
        self.is_strict = whole.is_strict
        self.find_unfit, self.holds = whole.find_unfit, whole.holds
        self._input: str = told["input"]
        self._read = ExampleReader(told["features"])
        self._inner = inner
        self._leave = leave

    def __call__(self, feeds: Feeds) -> dict[str, Array]:
        """Run it; the original answers for numbers and records that nothing was proven for."""
        features = self._read(feeds[self._input])
        if features is None or not self._inner.holds(features):
            return self._leave(feeds)
        return self._inner(features)


@dataclass(frozen=True)
class _Feature:
    """What is looked for in each example.

    Attributes:
        key: Its name.
        kind: The field of the message that holds its values.
        shape: Of an example's values; None where any number will do.
        count: How many values that are.
        default: The values where there are none; None if there must be some.
        dtype: Of the array of them; None if the model does not use them.
        sizes: Of that array, without that of the examples.
    """

    key: str
    kind: str
    shape: tuple[int, ...] | None
    count: int
    default: list[Any] | None
    dtype: Any
    sizes: tuple[int, ...]


class ExampleReader:
    """Makes arrays of the features of examples.

    What TensorFlow refuses is refused in its words. Bytes that protocol
    buffers may hold, but that no library writes, are left to it.

    Args:
        told: The features, as the record has them.
    """

    def __init__(self, told: list[Mapping[str, Any]]) -> None:
        self._features = [_feature(one) for one in told]

    def __call__(self, examples: Array) -> dict[str, Array] | None:
        """The features of an array of bytes; None if only TensorFlow knows.

        Raises:
            BadInput: One is no example, or a feature is missing or another than it must be.
        """
        found: dict[str, list[Any]] = {one.key: [] for one in self._features}
        wanted = [(one, one.key, one.kind, one.count, found[one.key]) for one in self._features]
        for index, data in enumerate(examples.tolist()):
            features = _features(data)
            if features is None:
                return None
            missing = None
            for one, key, kind, count, values in wanted:
                feature = features.get(key)
                # What is of another kind has no values of this one.
                given = () if feature is None else getattr(feature, kind).value
                if len(given) != count or not count:
                    given = _values(one, feature, index)
                    if given is None:
                        missing = missing or one
                        continue
                values += given
            if missing is not None:
                raise _refused(
                    f"Name: <unknown>, Feature: {missing.key} (data type: {_NAMES[missing.kind]}) "
                    "is required but could not be found."
                )
        size = len(examples)
        return {
            one.key: np.array(found[one.key], one.dtype).reshape(size, *one.sizes)
            for one in self._features
            if one.dtype is not None
        }


def _feature(told: Mapping[str, Any]) -> _Feature:
    dtype, shape, default = told["dtype"], told["shape"], told["default"]
    if default is not None and dtype == "string":
        default = [text.encode() for text in default]
    sizes = tuple(shape or ())
    return _Feature(
        told["key"],
        _LISTS[dtype],
        None if shape is None else sizes,
        0 if shape is None else int(np.prod(shape)),
        default,
        _DTYPES[dtype] if told["is_used"] else None,
        sizes,
    )


def _features(data: bytes) -> Any:
    """The features of a serialized example; None for bytes that no library writes."""
    try:
        example = _read(data)
    except protos.DecodeError as error:
        if _is_broken(data):
            problem = f"Could not parse example input, value: {shorten(data)}"
            raise _refused(problem) from error
        return None
    # A feature with two lists, a list in pieces: here the parsers go ways of their own.
    example.DiscardUnknownFields()
    return example.features.feature if example.ByteSize() == len(data) else None


def _is_broken(data: bytes) -> bool:
    """Whether the bytes end too soon, or are nothing like an example, for any parser."""
    try:
        # Of the features, what each one holds is only looked at where it is looked for.
        for features in _messages(data):
            for entry in _messages(features):
                _messages(entry)
    except IndexError:
        return True
    return False


def _messages(data: bytes) -> list[bytes]:
    """The messages in the first field; raises IndexError."""
    return [value for number, value in fields(data) if number == 1 and isinstance(value, bytes)]


def _values(wanted: _Feature, feature: Any, index: int) -> Any:
    """The values of a feature; None if there must be some and are not."""
    kind = None if feature is None else feature.WhichOneof("kind")
    if kind is None:
        return wanted.default if wanted.shape is not None else ()
    where = f"Name: <unknown>, Key: {wanted.key}, Index: {index}.  "
    name = _NAMES[wanted.kind]
    if kind != wanted.kind:
        told = f"Data type: {_NAMES[kind]} but expected type: {name}"
        if wanted.shape is None:
            told = f"Expected type: {name}, Actual type: {_NAMES[kind]}"
        raise _refused(f"{where}Data types don't match. {told}")
    values = getattr(feature, kind).value
    if wanted.shape is not None and len(values) != wanted.count:
        raise _refused(
            f"{where}Number of {name} values != expected.  Values size: {len(values)} "
            f"but output shape: [{','.join(map(str, wanted.shape))}]"
        )
    return values


def _refused(problem: str) -> BadInput:
    return BadInput(f"The model refuses these instances: {problem}")
