"""Reads messages in protobuf's text format, several times as fast as protobuf's own reader.

What TensorFlow and protobuf write is a line a field, a line for the beginning
of each message and one for its end, and most lines of a graph stand in it many
times. Such text is translated line by line, each distinct line once. Anything
else (comments, several fields on a line, what is wrong) is left to protobuf,
which also says what is wrong with it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import descriptor_pb2, text_encoding, text_format
from google.protobuf.descriptor import FieldDescriptor

from cpr.savedmodel import protos
from cpr.savedmodel.wire_format import varint

_BYTES = 2
_URL, _VALUE = 1 << 3 | _BYTES, 2 << 3 | _BYTES  # of a message of any type
_MOST_CACHED = 200  # characters of a line
_LINE = re.compile(r"\S[^\n]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_WHOLE = re.compile(r"-?\d{1,20}")
_REAL = re.compile(r"-?(?:\d[\d.e+-]*|inf|nan)")
_BOUNDS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63),
    FieldDescriptor.TYPE_UINT32: (0, 2**32),
    FieldDescriptor.TYPE_UINT64: (0, 2**64),
}
_REALS = {FieldDescriptor.TYPE_FLOAT: ("<f", 5), FieldDescriptor.TYPE_DOUBLE: ("<d", 1)}
_TEXTS = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)


def parse_text(text: str, message: Any) -> protos.Message:
    """The message of the given class that a text is.

    Raises:
        text_format.ParseError: It is none; the error names the line.
        RecursionError: Its messages nest too deep.
    """
    try:
        return message.FromString(_translate(text, message.DESCRIPTOR))
    except (_NotPlain, protos.DecodeError):
        return text_format.Parse(text, message(), descriptor_pool=protos.POOL)


class _NotPlain(Exception):
    """The text is not in the form that is known here."""


@dataclass
class _Open:
    """A message whose end has not come: what is known of it so far.

    `once` are the fields, or groups of alternatives, that may not come again.
    """

    kind: _Kind
    key: bytes
    parts: list[bytes] = field(default_factory=list)
    once: set[str] = field(default_factory=set)


class _Kind:
    """The lines that a message of one type may have, as far as they were met."""

    def __init__(self, descriptor: Any) -> None:
        self.fields = descriptor.fields_by_name
        # Asked of the description: how a field is asked differs by protobuf's version.
        described = descriptor_pb2.DescriptorProto()
        descriptor.CopyToProto(described)
        repeated = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
        self.repeated = {item.name for item in described.field if item.label == repeated}
        self.is_any = descriptor.full_name == protos.AnyMessage.DESCRIPTOR.full_name
        self.lines: dict[str, tuple[str, bytes]] = {}


def _translate(text: str, descriptor: Any) -> bytes:
    """The bytes of the message that a text is."""
    kinds: dict[str, _Kind] = {}

    def kind_of(descriptor: Any) -> _Kind:
        name = descriptor.full_name
        if name not in kinds:
            kinds[name] = _Kind(descriptor)
        return kinds[name]

    top = _Open(kind_of(descriptor), b"")
    stack = [top]
    for found in _LINE.finditer(text):  # a list of all lines takes several times the text
        line = found[0].rstrip()
        known = top.kind.lines.get(line)
        if known is not None:
            top.parts.append(_again(top, *known))
        elif line.endswith(" {"):
            once, inner, key = _beginning(top.kind, line[:-2])
            top = _Open(kind_of(inner), _again(top, once, key))
            stack.append(top)
        elif line == "}":
            body, key = b"".join(top.parts), top.key
            stack.pop()
            if not stack:
                raise _NotPlain
            top = stack[-1]
            top.parts.append(key + varint(len(body)) + body)
        else:
            made = _scalar(top.kind, line)
            if len(line) <= _MOST_CACHED:
                top.kind.lines[line] = made
            top.parts.append(_again(top, *made))
    if len(stack) > 1:
        raise _NotPlain
    return b"".join(top.parts)


def _again(opened: _Open, once: str, data: bytes) -> bytes:
    """The data of a field, unless it may come once only and has come."""
    if once:
        if once in opened.once:
            raise _NotPlain
        opened.once.add(once)
    return data


def _beginning(kind: _Kind, name: str) -> tuple[str, Any, bytes]:
    """Of a message in another: what may not come again, its type, and what stands before it."""
    if name.startswith("[") and kind.is_any:
        url = name[1:-1]
        try:
            inner = protos.POOL.FindMessageTypeByName(url.rpartition("/")[2])
        except KeyError as error:
            raise _NotPlain from error
        written = url.encode()
        return "[]", inner, varint(_URL) + varint(len(written)) + written + varint(_VALUE)
    item = _field(kind, name)
    if item.message_type is None:
        raise _NotPlain
    return _once(kind, item), item.message_type, varint(item.number << 3 | _BYTES)


def _once(kind: _Kind, item: Any) -> str:
    """What may not come again with this field: itself, or the alternatives to it."""
    if item.name in kind.repeated:
        return ""
    group = item.containing_oneof
    return f"oneof {group.name}" if group is not None else str(item.name)


def _field(kind: _Kind, name: str) -> Any:
    found = kind.fields.get(name)
    if found is None:
        raise _NotPlain
    return found


def _scalar(kind: _Kind, line: str) -> tuple[str, bytes]:
    name, is_pair, value = line.partition(": ")
    item = _field(kind, name) if is_pair else None
    if item is None or item.message_type is not None:
        raise _NotPlain
    return _once(kind, item), _encoded(item, value)


def _encoded(item: Any, value: str) -> bytes:
    if item.type in _TEXTS:
        return _text(item, _checked(_STRING, value)[1:-1])
    if item.type in _BOUNDS:
        number, (least, end) = int(_checked(_WHOLE, value)), _BOUNDS[item.type]
        if not least <= number < end:
            raise _NotPlain
        return varint(item.number << 3) + varint(number % 2**64)
    if item.type in _REALS:
        form, wire = _REALS[item.type]
        return varint(item.number << 3 | wire) + _packed(form, _checked(_REAL, value))
    if item.enum_type is not None and value in item.enum_type.values_by_name:
        number = item.enum_type.values_by_name[value].number
        return varint(item.number << 3) + varint(number % 2**64)
    if item.type == FieldDescriptor.TYPE_BOOL and value in ("true", "false"):
        return varint(item.number << 3) + varint(value == "true")
    raise _NotPlain


def _checked(form: re.Pattern[str], value: str) -> str:
    if form.fullmatch(value) is None:
        raise _NotPlain
    return value


def _packed(form: str, value: str) -> bytes:
    try:
        return struct.pack(form, float(value))
    except (ValueError, OverflowError) as error:
        raise _NotPlain from error


def _text(item: Any, inner: str) -> bytes:
    unescape: Callable[[str], bytes] = text_encoding.CUnescape
    try:
        data = unescape(inner) if "\\" in inner else inner.encode()
    except ValueError as error:
        raise _NotPlain from error
    return varint(item.number << 3 | _BYTES) + varint(len(data)) + data
