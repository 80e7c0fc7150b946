"""Unpacks Snappy, which older writers of TensorFlow's indexes used for their blocks."""

from __future__ import annotations

from cpr.savedmodel.wire_format import read_varint


def unpacked(packed: bytes) -> bytes:
    """What Snappy has packed: literal bytes, and copies of what came before.

    Raises:
        IndexError: It is damaged.
    """
    length, place = read_varint(packed, 0)
    made = bytearray()
    while place < len(packed) and len(made) <= length:
        tag = packed[place]
        place += 1
        if tag & 3 == 0:
            count, place = _literal(packed, place, tag >> 2)
            made += packed[place : place + count]
            place += count
            continue
        back, count, place = _copy(packed, place, tag)
        if not 0 < back <= len(made):
            raise IndexError("a copy leads out of the block")
        for _ in range(count):
            made.append(made[-back])
    if len(made) != length:
        raise IndexError("a block is not whole")
    return bytes(made)


def _literal(packed: bytes, place: int, count: int) -> tuple[int, int]:
    """How many bytes follow, and where."""
    if count < 60:
        return count + 1, place
    size = count - 59
    return int.from_bytes(packed[place : place + size], "little") + 1, place + size


def _copy(packed: bytes, place: int, tag: int) -> tuple[int, int, int]:
    """How far back a copy starts, how many bytes it has, and what follows it."""
    if tag & 3 == 1:
        return (tag >> 5 << 8) | packed[place], (tag >> 2 & 7) + 4, place + 1
    size = 2 if tag & 3 == 2 else 4
    back = int.from_bytes(packed[place : place + size], "little")
    return back, (tag >> 2) + 1, place + size
