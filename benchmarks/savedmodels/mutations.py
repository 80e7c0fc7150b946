"""Damages SavedModels, at random but reproducibly: their bytes, and the messages in them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from cpr.savedmodel.reader import read_saved_model, write_saved_model

_WHOLE = [0, 1, -1, 2, 7, 1000, 2**31 - 1, -(2**31), 2**40, 2**63 - 1, -(2**63)]
_TEXTS = ["", "/", "..", "../../../etc/passwd", "\0", "a:b:c", "^", "x" * 100_000, "é\u202e", ":0"]
_NUMBERS = [0.0, -1.0, float("nan"), float("inf"), 1e308]


def damage(folder: Path, seed: int) -> str:
    """Damage a copy of a SavedModel in a way that the seed says; what was done."""
    chance = random.Random(seed)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    kind = chance.choice([_messages] * 6 + [_bytes, _cut, _missing])
    return kind(folder, files, chance)


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
