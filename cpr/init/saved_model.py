"""Reads the signatures of a SavedModel from its bytes, without TensorFlow.

``saved_model.pb`` is a protocol buffer; the few fields that are needed are
read by their numbers, as tensorflow/core/protobuf has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cpr.errors import LoadError

_DTYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string",
    8: "complex64", 9: "int64", 10: "bool", 14: "bfloat16", 17: "uint16", 18: "complex128",
    19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
_META_GRAPH, _META_INFO, _TAG, _SIGNATURE = 2, 1, 4, 5
_INPUTS, _OUTPUTS = 1, 2
_DTYPE, _SHAPE = 2, 3
_DIM, _UNKNOWN_RANK, _SIZE = 2, 3, 1


@dataclass(frozen=True)
class TensorInfo:
    """An input or output: its type, and its shape, None where a size or all of it varies."""

    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class SignatureInfo:
    """A signature: its inputs and outputs by alias, in alphabetical order."""

    name: str
    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]


def read_signatures(path: Path) -> list[SignatureInfo]:
    """The signatures of the graph that is tagged ``serve``, or of the only graph.

    Raises:
        LoadError: The file is no SavedModel or is damaged, or no graph is for
            serving.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}") from error
    try:
        graphs = [
            _graph(_bytes(value)) for n, value in _fields(memoryview(data)) if n == _META_GRAPH
        ]
    except (ValueError, IndexError) as error:
        raise LoadError(
            f"{path} is not a SavedModel, or is damaged: {error}",
            hint="Write or copy it again, in binary mode.",
        ) from error
    for tags, signatures in graphs:
        if tags == {"serve"} or len(graphs) == 1:
            return sorted(signatures, key=lambda item: item.name)
    raise LoadError(f"{path} has no graph with the tag serve, but {len(graphs)} others.")


def _graph(data: memoryview) -> tuple[set[str], list[SignatureInfo]]:
    tags: set[str] = set()
    signatures = []
    for number, value in _fields(data):
        if number == _META_INFO:
            tags |= {_text(tag) for n, tag in _fields(_bytes(value)) if n == _TAG}
        elif number == _SIGNATURE:
            name, content = _entry(_bytes(value))
            # TensorFlow 2 keeps its initializer among the signatures.
            if not name.startswith("__saved_model_"):
                signatures.append(_signature(name, content))
    return tags, signatures


def _signature(name: str, data: memoryview) -> SignatureInfo:
    tensors: dict[int, dict[str, TensorInfo]] = {_INPUTS: {}, _OUTPUTS: {}}
    for number, value in _fields(data):
        if number in tensors:
            alias, content = _entry(_bytes(value))
            tensors[number][alias] = _tensor(content)
    return SignatureInfo(
        name, dict(sorted(tensors[_INPUTS].items())), dict(sorted(tensors[_OUTPUTS].items()))
    )


def _tensor(data: memoryview) -> TensorInfo:
    found = dict(_fields(data))
    dtype = found.get(_DTYPE, 0)
    shape = [] if _SHAPE not in found else list(_fields(_bytes(found[_SHAPE])))
    if any(number == _UNKNOWN_RANK and value for number, value in shape):
        sizes = None
    else:
        sizes = tuple(_size(_bytes(value)) for number, value in shape if number == _DIM)
    return TensorInfo(_DTYPES.get(dtype if isinstance(dtype, int) else 0, "other"), sizes)


def _size(data: memoryview) -> int | None:
    size = dict(_fields(data)).get(_SIZE, 0)
    assert isinstance(size, int)
    return size if size < 1 << 63 else None


def _entry(data: memoryview) -> tuple[str, memoryview]:
    """The key and value of a map's entry."""
    found = dict(_fields(data))
    return _text(found.get(1, memoryview(b""))), _bytes(found.get(2, memoryview(b"")))


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message: numbers with integers or bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind not in (1, 2, 5):
            raise ValueError(f"a field of kind {kind} at byte {at}")
        length, at = _varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
        if at + length > len(data):
            raise ValueError("it ends too early")
        yield key >> 3, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number that does not end at byte {at}")


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message belongs")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_bytes(value)).decode("utf-8")
