"""What the index of a TensorFlow checkpoint or SavedModel says, read without TensorFlow.

``variables.index`` is a sorted table as LevelDB writes them, plain or by Snappy:
blocks of entries whose keys share prefixes, a block that lists the blocks, and
a footer of 48 bytes. The key of an entry is a variable's name, the value a
protocol buffer with its place in the ``.data-…`` files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FOOTER = 48
_MAGIC = bytes.fromhex("57fb808b247547db")
_SNAPPY = 1
# Of BundleEntryProto.
_SHARD, _OFFSET, _SIZE = 3, 4, 5


class DamagedIndex(ValueError):
    """The file is not the index of a checkpoint, or not all of it."""


@dataclass(frozen=True)
class Variable:
    """Where a variable's bytes are: which ``.data`` file, from where, how many."""

    shard: int
    offset: int
    size: int


def read_index(path: Path) -> dict[str, Variable]:
    """The variables that an index lists, by name.

    Raises:
        DamagedIndex: The file is damaged.
        OSError: It cannot be read.
    """
    data = path.read_bytes()
    if len(data) < _FOOTER or not data.endswith(_MAGIC):
        raise DamagedIndex("it does not end as an index does")
    try:
        return dict(_variables(data))
    except (IndexError, UnicodeDecodeError) as error:
        raise DamagedIndex("its entries cannot be read") from error


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protocol buffer: number and value, whatever they mean.

    Raises:
        IndexError: The message ends within a field, or is none.
    """
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        if kind == 0:
            value, place = _varint(message, place)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, place = _varint(message, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise IndexError(f"no field is of kind {kind}")
        if place + size > len(message) or not tag >> 3:
            raise IndexError("a field is longer than the message")
        yield tag >> 3, message[place : place + size]
        place += size


def _variables(data: bytes) -> Iterator[tuple[str, Variable]]:
    footer = data[-_FOOTER:]
    _, place = _varint(footer, 0)
    _, place = _varint(footer, place)
    for _, handle in _block(data, footer[place:]):
        for key, value in _block(data, handle):
            if not key:  # the header
                continue
            found = {number: item for number, item in fields(value) if isinstance(item, int)}
            yield (
                key.decode("utf-8"),
                Variable(found.get(_SHARD, 0), found.get(_OFFSET, 0), found.get(_SIZE, 0)),
            )


def _block(data: bytes, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of the block that a handle (offset and size) leads to."""
    start, place = _varint(handle, 0)
    size, _ = _varint(handle, place)
    block, form = data[start : start + size], data[start + size]
    if form == _SNAPPY:
        block = _unpacked(block)
    elif form:
        raise IndexError("a block is of an unknown form")
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    place, key = 0, b""
    while place < end:
        shared, place = _varint(block, place)
        own, place = _varint(block, place)
        length, place = _varint(block, place)
        key = key[:shared] + block[place : place + own]
        place += own
        yield key, block[place : place + length]
        place += length


def _unpacked(packed: bytes) -> bytes:
    """What Snappy has packed: literal bytes, and copies of what came before."""
    length, place = _varint(packed, 0)
    made = bytearray()
    while place < len(packed):
        tag = packed[place]
        place += 1
        kind, count = tag & 3, tag >> 2
        if kind == 0:
            if count >= 60:
                size = count - 59
                count = int.from_bytes(packed[place : place + size], "little")
                place += size
            made += packed[place : place + count + 1]
            place += count + 1
            continue
        if kind == 1:
            back, count = (tag >> 5 << 8) | packed[place], (count & 7) + 3
            place += 1
        else:
            size = 2 if kind == 2 else 4
            back = int.from_bytes(packed[place : place + size], "little")
            place += size
        if not 0 < back <= len(made):
            raise IndexError("a copy leads out of the block")
        for _ in range(count + 1):
            made.append(made[-back])
    if len(made) != length:
        raise IndexError("a block is not whole")
    return bytes(made)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise IndexError("a number is too long")
