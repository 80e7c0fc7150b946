"""Damages models, at random but reproducibly: their bytes, and what these say."""

from __future__ import annotations

import json
import os
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from cpr.savedmodel import protos
from cpr.savedmodel.layout import BINARY, TEXT
from cpr.savedmodel.reader import read_saved_model, write_saved_model

_WHOLE = [0, 1, -1, 2, 7, 1000, 2**31 - 1, -(2**31), 2**40, 2**63 - 1, -(2**63)]
_TEXTS = ["", "/", "..", "../../../etc/passwd", "\0", "a:b:c", "^", "x" * 100_000, "é\u202e", ":0"]
_INNER: dict[str, Any] = {
    ".pb": protos.GraphDef,
    ".meta": protos.MetaGraphDef,
    ".json": None,
    ".keras": None,
}
_NUMBERS = [0.0, -1.0, float("nan"), float("inf"), 1e308]


def damage(folder: Path, seed: int) -> str:
    """Damage a copy of a model directory of any kind in a way that the seed says; what was done."""
    chance = random.Random(seed)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    inner = [path for path in files if path.name in (BINARY, TEXT) or path.suffix in _INNER]
    inner = [path for path in inner if path.name != "fingerprint.pb"]
    kinds = [_bytes, _cut, _missing, _swapped, _linked]
    if inner and chance.random() < 0.7:
        return _inside(folder, files, chance.choice(inner), chance)
    return chance.choice(kinds)(folder, files, chance)


def _inside(folder: Path, files: list[Path], path: Path, chance: random.Random) -> str:
    """What the file says is changed, so that it can be read all the same."""
    if path.name in (BINARY, TEXT):
        return _messages(folder, files, chance)
    if path.suffix == ".json":
        document, done = _changed(json.loads(path.read_text()), chance)
        path.write_text(json.dumps(document))
        return f"{path.name}: {done}"
    if path.suffix == ".keras":
        return _archive(path, chance)
    message = _INNER[path.suffix]()
    message.ParseFromString(path.read_bytes())
    done = "; ".join(_change(message, chance) for _ in range(chance.choice([1, 1, 2, 5, 20])))
    path.write_bytes(message.SerializePartialToString())
    return f"{path.name}: {done}"


def _archive(path: Path, chance: random.Random) -> str:
    """A Keras archive with another description, without a member, or with one that is a bomb."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(sorted(members))
    kind = chance.choice(["changed", "changed", "changed", "missing", "bomb", "outside"])
    if kind == "changed":
        document, done = _changed(json.loads(members["config.json"]), chance)
        members["config.json"], kind = json.dumps(document).encode(), done
    elif kind == "missing":
        del members[name]
    elif kind == "bomb":
        members[name] = chance.choice([b"\0", b"[", b" "]) * 10**8
    else:
        members[f"../../{name}"] = members[name]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return f"{path.name}: {name} {kind}"


def _changed(document: Any, chance: random.Random) -> tuple[Any, str]:
    """A JSON document with a value or several taken out, or made another."""
    done = []
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        places = list(_places(document, ()))
        if not places:
            break
        holder, key, path = chance.choice(places)
        if chance.random() < 0.2:
            del holder[key]
        else:
            holder[key] = chance.choice([*_WHOLE, *_TEXTS, *_NUMBERS, None, [], {}, True, [[[]]]])
        done.append(".".join(map(str, path)))
    return document, "; ".join(done)


def _places(item: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, Any, tuple[Any, ...]]]:
    keys = list(item) if isinstance(item, dict) else list(range(len(item)))
    for key in keys:
        yield item, key, (*path, key)
        if isinstance(item[key], (dict, list)):
            yield from _places(item[key], (*path, key))


def _swapped(folder: Path, files: list[Path], chance: random.Random) -> str:
    path, other = chance.choice(files), chance.choice(files)
    path.write_bytes(other.read_bytes())
    return f"{path.name} is {other.name}"


def _linked(folder: Path, files: list[Path], chance: random.Random) -> str:
    """A file becomes what is none, or leads elsewhere."""
    path = chance.choice(files)
    path.unlink()
    kind = chance.choice(["/etc/passwd", "/dev/zero", "../../../nothing", path.name, "|", "/"])
    if kind == "|":
        os.mkfifo(path)
    elif kind == "/":
        path.mkdir()
    else:
        path.symlink_to(kind)
    return f"{path.name} is {kind}"


def _messages(folder: Path, files: list[Path], chance: random.Random) -> str:
    model = read_saved_model(folder)
    done = [_change(model, chance) for _ in range(chance.choice([1, 1, 1, 2, 5, 20]))]
    write_saved_model(model, folder)
    return "; ".join(done)


def _bytes(folder: Path, files: list[Path], chance: random.Random) -> str:
    path = chance.choice(files)
    data = bytearray(path.read_bytes() or b"\0")
    for _ in range(chance.choice([1, 1, 3, 10, 100])):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(data)
    return f"bytes of {path.name}"


def _cut(folder: Path, files: list[Path], chance: random.Random) -> str:
    path = chance.choice(files)
    data = path.read_bytes()
    at = chance.randrange(len(data) + 1)
    path.write_bytes(data[:at] + chance.randbytes(chance.choice([0, 0, 50])))
    return f"{path.name} cut at {at}"


def _missing(folder: Path, files: list[Path], chance: random.Random) -> str:
    path = chance.choice(files)
    path.unlink()
    return f"{path.name} missing"


def _change(top: Message, chance: random.Random) -> str:
    """Change one field somewhere below a message; deep places are as likely as shallow ones."""
    message, path = top, []
    while True:
        fields = message.ListFields()
        if not fields:
            return "nothing"
        field, value = chance.choice(fields)
        path.append(field.name)
        below = list(_messages_in(field, value))
        if below and chance.random() < 0.85:
            message = chance.choice(below)
            continue
        _mutate(message, field, value, chance)
        return ".".join(path)


def _messages_in(field: Any, value: Any) -> Iterator[Message]:
    if _is_map(field):
        yield from (item for item in value.values() if isinstance(item, Message))
    elif field.message_type is not None:
        yield from (value if _is_repeated(field) else [value])


def _mutate(message: Message, field: Any, value: Any, chance: random.Random) -> None:
    if _is_map(field):
        _mutate_map(value, chance)
    elif _is_repeated(field):
        _mutate_repeated(field, value, chance)
    elif field.message_type is not None:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, _scalar(field, value, chance))


def _mutate_map(value: Any, chance: random.Random) -> None:
    key = chance.choice(sorted(value))
    if isinstance(value[key], Message) and chance.random() < 0.5:
        other = chance.choice(sorted(value))
        value[key].CopyFrom(value[other])
        if isinstance(key, str):
            value[chance.choice(_TEXTS)[:1000]].CopyFrom(value[other])
        return
    del value[key]


def _mutate_repeated(field: Any, value: Any, chance: random.Random) -> None:
    place = chance.randrange(len(value))
    kinds: list[Callable[[], Any]] = [
        lambda: value.pop(place),
        lambda: value.extend([value[place]] * 3),
        lambda: value.reverse(),
        lambda: value.__delitem__(slice(None)),
    ]
    if field.message_type is None:
        kinds += [lambda: value.__setitem__(place, _scalar(field, value[place], chance))] * 4
    else:
        kinds.append(lambda: value[place].CopyFrom(value[chance.randrange(len(value))]))
    chance.choice(kinds)()


def _scalar(field: Any, value: Any, chance: random.Random) -> Any:
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return chance.choice(_NUMBERS)
    if isinstance(value, bool):
        return not value
    if isinstance(value, bytes):
        return chance.choice([b"", value[: len(value) // 2], value * 2, chance.randbytes(40)])
    if isinstance(value, str):
        return chance.choice([*_TEXTS, value[:-1], value + "_", f"^{value}", f"{value}:7"])
    if field.enum_type is not None:
        return chance.choice([0, 1, 3, 7, 14, 20, 21, 101, 114, 5000])
    low, high = {
        field.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
        field.CPPTYPE_UINT32: (0, 2**32 - 1),
        field.CPPTYPE_UINT64: (0, 2**64 - 1),
    }.get(field.cpp_type, (-(2**63), 2**63 - 1))
    return min(max(chance.choice([*_WHOLE, value + 1, value - 1]), low), high)


def _is_repeated(field: Any) -> bool:
    return bool(field.is_repeated)


def _is_map(field: Any) -> bool:
    kind = field.message_type
    return kind is not None and kind.GetOptions().map_entry
