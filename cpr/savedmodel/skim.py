"""Reads a large protobuf file without its large values: constants, engines, embedded models.

Only the frame of the file is read; the bytes of a value are stepped over. What
is left out, large values and fields that the class does not know, is left out of
the message too, so it must never be written back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from cpr.savedmodel import protos
from cpr.savedmodel.wire_format import varint

_KEPT_BYTES = 1024
"""Values up to this size are kept: names, shapes, small constants."""
_KEPT_TEXT_BYTES = 1_000_000
"""Tensors of strings are kept up to this size: the names of variables are one."""
_WINDOW = 64 * 1024
_DEPTH = 100
"""How deep messages may nest: protobuf's own limit, in TensorFlow too."""
_TENSOR, _MODEL = "tensorflow.TensorProto", "tensorflow.SavedModel"
_NODE, _FUNCTION = "tensorflow.NodeDef", "tensorflow.FunctionDef"
_GRAPHS = 2  # of SavedModel
_DESCRIBING = (1, 2, 3)  # of TensorProto: its dtype, shape and version
_TEXTS = 8  # of TensorProto
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Malformed(ValueError):
    """The file is no protobuf message, or not all of one."""


@dataclass
class Skim:
    """A message without its large values.

    Attributes:
        model: The message.
        elided: The bytes that were left out, by the number of the MetaGraph and
            the node that holds them, ``function/node`` where it is in one of the
            library's; "" for those outside of nodes.
    """

    model: protos.Message
    elided: dict[tuple[int, str], int] = field(default_factory=dict)


def skim(path: Path, message: Any) -> Skim:
    """Read a message of the given class from a file, leaving out large values.

    Raises:
        Malformed: The file is damaged, or nested too deep.
        OSError: It cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        skimmer = _Skimmer(file, path.stat().st_size)
        data = skimmer.shrink(0, skimmer.size, message.DESCRIPTOR, 0)
    return Skim(message.FromString(data), skimmer.elided)


@dataclass(frozen=True)
class _Field:
    number: int
    kind: int
    start: int  # of its key
    value: int  # of its value
    end: int


class _Skimmer:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size
        self.elided: dict[tuple[int, str], int] = {}
        self._graph, self._function, self._owner = -1, "", ""
        self._window, self._base = b"", 0

    def shrink(self, start: int, end: int, descriptor: Any, depth: int) -> bytes:
        """The message between two places, serialized again without its large values."""
        if depth > _DEPTH:
            raise Malformed(f"messages nest deeper than {_DEPTH}")
        if end - start <= _KEPT_BYTES:
            return self._read(start, end)
        self._enter(descriptor.full_name, start, end)
        made = bytearray()
        kept = start  # what lies from here on is copied as it is
        keeps_text = end - start <= _KEPT_TEXT_BYTES
        for item in self._fields(start, end):
            if descriptor.full_name == _MODEL and item.number == _GRAPHS:
                self._graph += 1
            if not self._is_large(item, descriptor, keeps_text=keeps_text):
                continue
            made += self._read(kept, item.start)
            kept = item.end
            known = descriptor.fields_by_number.get(item.number)
            if known is None or known.message_type is None:
                self._leave_out(item.end - item.value)
                continue
            body = self.shrink(item.value, item.end, known.message_type, depth + 1)
            made += varint(item.number << 3 | _BYTES) + varint(len(body)) + body
        made += self._read(kept, end)
        if descriptor.full_name == _NODE:
            self._owner = ""
        elif descriptor.full_name == _FUNCTION:
            self._function = ""
        return bytes(made)

    def _enter(self, kind: str, start: int, end: int) -> None:
        if kind == _NODE:
            name = self._name_of(start, end)
            self._owner = f"{self._function}/{name}" if self._function else name
        elif kind == _FUNCTION:
            first = next(self._fields(start, end))
            is_signature = first.number == 1 and first.kind == _BYTES
            self._function = self._name_of(first.value, first.end) if is_signature else ""

    def _is_large(self, item: _Field, descriptor: Any, *, keeps_text: bool) -> bool:
        if descriptor.full_name == _TENSOR:
            is_kept = item.number in _DESCRIBING or (item.number == _TEXTS and keeps_text)
            return not is_kept
        if item.number not in descriptor.fields_by_number:
            return True
        return item.kind == _BYTES and item.end - item.value > _KEPT_BYTES

    def _leave_out(self, size: int) -> None:
        key = (self._graph, self._owner)
        self.elided[key] = self.elided.get(key, 0) + size

    def _name_of(self, start: int, end: int) -> str:
        first = next(self._fields(start, end), _Field(0, 0, 0, 0, 0))
        is_name = first.number == 1 and first.kind == _BYTES
        is_name = is_name and first.end - first.value <= _KEPT_BYTES
        return self._read(first.value, first.end).decode("utf-8", "replace") if is_name else ""

    def _fields(self, start: int, end: int) -> Iterator[_Field]:
        at = start
        while at < end:
            key, value = self._number(at)
            kind = key & 7
            if kind == _VARINT:
                _, after = self._number(value)
            elif kind == _BYTES:
                size, value = self._number(value)
                after = value + size
            elif kind in (_FIXED64, _FIXED32):
                after = value + (8 if kind == _FIXED64 else 4)
            else:
                raise Malformed(f"a field of kind {kind} at byte {at}")
            if after > end or not key >> 3:
                raise Malformed(f"the field at byte {at} is longer than what holds it")
            yield _Field(key >> 3, kind, at, value, after)
            at = after

    def _number(self, at: int) -> tuple[int, int]:
        """The varint at a place, and where it ends."""
        place = at - self._base
        if not 0 <= place <= len(self._window) - 10:
            self._window = self._read(at, min(at + _WINDOW, self.size))
            self._base, place = at, 0
        value = shift = 0
        for byte in self._window[place : place + 10]:
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value, at + shift // 7
        raise Malformed(f"a number that does not end at byte {at}")

    def _read(self, start: int, end: int) -> bytes:
        place = start - self._base
        if place >= 0 and end - self._base <= len(self._window):
            return self._window[place : end - self._base]
        self.file.seek(start)
        data = self.file.read(end - start)
        if len(data) != end - start:
            raise Malformed("it ends too early")
        return data
