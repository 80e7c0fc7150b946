"""How protocol buffers are written: their variable-length integers, and their fields.

For what the message classes of `cpr.savedmodel.protos` are not: tables of LevelDB,
and messages of other formats, of which only the form matters.
"""

from __future__ import annotations

from collections.abc import Iterator


def read_varint(data: bytes | memoryview, place: int) -> tuple[int, int]:
    """The number at a place, and the place after it.

    Raises:
        IndexError: The data ends within it, or it is longer than 64 bits.
    """
    value = shift = 0
    while shift < 64:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
    raise IndexError("a number is too long")


def varint(value: int) -> bytes:
    """A number from 0 to 2**64 - 1 as it is written."""
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protocol buffer: number and value, whatever they mean.

    Raises:
        IndexError: The message ends within a field, or is none.
    """
    place = 0
    while place < len(message):
        tag, place = read_varint(message, place)
        kind = tag & 7
        if kind == 0:
            value, place = read_varint(message, place)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, place = read_varint(message, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise IndexError(f"no field is of kind {kind}")
        if place + size > len(message) or not tag >> 3:
            raise IndexError("a field is longer than the message")
        yield tag >> 3, message[place : place + size]
        place += size
