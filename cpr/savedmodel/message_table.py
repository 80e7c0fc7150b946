"""Turns a table of messages into the descriptor of a proto file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from google.protobuf import descriptor_pb2

_FIELD = re.compile(r"(\d+) (\w+) (map<\w+ [\w.]+>|[\w.]+)(\*?)")
_TOKEN = re.compile(r"(\w+)\( |( \))|" + _FIELD.pattern)
_MAP = re.compile(r"map<(\w+) ([\w.]+)>")
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {name.removeprefix("TYPE_").lower(): kind for name, kind in _Field.Type.items()}


def describe(
    name: str, table: str, *, package: str, imports: Sequence[str] = (), syntax: str = "proto3"
) -> descriptor_pb2.FileDescriptorProto:
    """A proto file with the table's messages and enums; names resolve in its package first."""
    file = descriptor_pb2.FileDescriptorProto(
        name=name, package=package, syntax=syntax, dependency=imports
    )
    lines = list(_logical_lines(table))
    enums = {title.removeprefix("enum ") for title, _ in lines if title.startswith("enum ")}
    made: dict[str, descriptor_pb2.DescriptorProto] = {}
    for title in sorted(title for title, _ in lines if not title.startswith("enum ")):
        owner, _, last = title.rpartition(".")
        made[title] = (made[owner].nested_type if owner else file.message_type).add(name=last)
    for title, body in lines:
        if title.startswith("enum "):
            owner, _, last = title.removeprefix("enum ").rpartition(".")
            enum = (made[owner] if owner else file).enum_type.add(name=last)
            for item in body.split(", "):
                number, _, value = item.partition(" ")
                enum.value.add(name=value, number=int(number))
        else:
            _add_fields(made[title], body, f"{package}.{title}", package, enums)
    return file


def _logical_lines(table: str) -> Iterator[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", table, flags=re.MULTILINE).replace("\n  ", " ")
    for line in filter(None, text.splitlines()):
        title, _, body = line.partition(":")
        yield title, body.strip()


def _add_fields(
    message: descriptor_pb2.DescriptorProto, body: str, path: str, package: str, enums: set[str]
) -> None:
    oneof = ""
    optional = []
    for opens, closes, number, name, kind, star in _TOKEN.findall(body):
        if opens:
            oneof = opens
            if not oneof.startswith("_"):
                message.oneof_decl.add(name=oneof)
        elif closes:
            oneof = ""
        else:
            field = _add_field(message, int(number), name, kind, star, path, package, enums)
            if oneof.startswith("_"):
                optional.append((field, oneof))
            elif oneof:
                field.oneof_index = len(message.oneof_decl) - 1
    # The oneofs that stand for `optional` come after the real ones.
    for field, oneof in optional:
        field.oneof_index = len(message.oneof_decl)
        field.proto3_optional = True
        message.oneof_decl.add(name=oneof)


def _add_field(
    message: descriptor_pb2.DescriptorProto,
    number: int,
    name: str,
    kind: str,
    star: str,
    path: str,
    package: str,
    enums: set[str],
) -> descriptor_pb2.FieldDescriptorProto:
    label = _Field.LABEL_REPEATED if star else _Field.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    entry = _MAP.fullmatch(kind)
    if entry is None:
        _set_type(field, kind, package, enums)
        return field
    title = "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Entry"
    nested = message.nested_type.add(name=title)
    nested.options.map_entry = True
    for position, (half, of) in enumerate(zip(("key", "value"), entry.groups(), strict=True), 1):
        part = nested.field.add(name=half, number=position, label=_Field.LABEL_OPTIONAL)
        _set_type(part, of, package, enums)
    field.label = _Field.LABEL_REPEATED
    field.type, field.type_name = _Field.TYPE_MESSAGE, f".{path}.{title}"
    return field


def _set_type(
    field: descriptor_pb2.FieldDescriptorProto, kind: str, package: str, enums: set[str]
) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
        # What proto3 does unless told, and upstream asks for in proto2.
        if field.label == _Field.LABEL_REPEATED and kind not in ("string", "bytes"):
            field.options.packed = True
        return
    field.type = _Field.TYPE_ENUM if kind in enums else _Field.TYPE_MESSAGE
    field.type_name = (
        f".{kind}" if kind.startswith(("google.", "tensorflow.")) else (f".{package}.{kind}")
    )
