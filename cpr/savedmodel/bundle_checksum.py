"""What the index of a bundle stores as a variable's checksum.

For numbers that is the checksum of the bytes as they stand in the file. Strings
are written as their lengths, a checksum of those, and the strings; the lengths
count as integers of 32 or 64 bits there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from cpr.savedmodel.crc32c import crc32c, mask, masked_crc32c
from cpr.savedmodel.wire_format import read_varint, varint

_SHORT = 1 << 32


def checksum(data: memoryview, dtype: str, shape: Sequence[int]) -> int:
    """The checksum of a variable's bytes as they stand in a data file.

    What cannot be strings though it should be has a checksum that fits nothing.
    """
    count = math.prod(shape)
    try:
        if dtype == "string":
            return _of_strings(data, count)
        if dtype == "variant":
            return _of_variants(data, count)
    except IndexError:
        return -1
    return masked_crc32c(data)


def written_string(value: bytes) -> tuple[bytes, int]:
    """A single string as it stands in a data file, and its checksum."""
    length = mask(crc32c(_integer(len(value)))).to_bytes(4, "little")
    data = varint(len(value)) + length + value
    return data, checksum(memoryview(data), "string", ())


def _of_strings(data: memoryview, count: int) -> int:
    place = crc = 0
    if count > len(data):
        raise IndexError("more strings than bytes")
    for _ in range(count):
        length, place = read_varint(data, place)
        crc = crc32c(_integer(length), crc)
    # The checksum of the lengths, then the strings.
    return mask(crc32c(data[place:], crc))


def _of_variants(data: memoryview, count: int) -> int:
    place = crc = 0
    for _ in range(count):
        length, place = read_varint(data, place)
        crc = crc32c(length.to_bytes(8, "little"), crc)
        crc = crc32c(data[place : place + length + 4], crc)
        place += length + 4
    return mask(crc)


def _integer(length: int) -> bytes:
    return length.to_bytes(4 if length < _SHORT else 8, "little")
