"""Reads tables of FlatBuffers: fields by their numbers, each where an offset says.

Whatever an offset says is checked against the end of the data by ``struct``.
"""

from __future__ import annotations

import mmap
import struct

# What may be read in all: so many times the file, or so much of a small one.
_TIMES, _LITTLE = 4, 4_000_000


class _Allowance:
    """The bytes of vectors that may still be read: offsets may lead to the same one for ever."""

    def __init__(self, size: int) -> None:
        self._left = max(_TIMES * size, _LITTLE)

    def spend(self, count: int) -> None:
        """Take so many bytes off."""
        self._left -= count
        if self._left < 0:
            raise ValueError("it leads to the same places again and again")


class Table:
    """One table of a buffer.

    A field that is not there has its default, 0 or empty. What leads out of
    the buffer, or into the same vectors over and over, raises `struct.error`
    or `ValueError`.
    """

    def __init__(self, data: mmap.mmap, place: int, allowance: _Allowance) -> None:
        self._data, self._place, self._allowance = data, place, allowance
        self._fields = place - self._read("<i", place)
        self._fields_size = self._read("<H", self._fields)

    def number(self, field: int) -> int:
        """A field of 32 bits."""
        place = self._field(field)
        return self._read("<i", place) if place else 0

    def long(self, field: int) -> int:
        """A field of 64 bits, without a sign."""
        place = self._field(field)
        return self._read("<Q", place) if place else 0

    def byte(self, field: int) -> int:
        """A field of one byte, with its sign."""
        place = self._field(field)
        return self._read("<b", place) if place else 0

    def text(self, field: int) -> str:
        """A field that is a text."""
        start, count = self._vector(field)
        self._allowance.spend(count)
        return self._data[start : start + count].decode("utf-8", "replace")

    def length(self, field: int) -> int:
        """The number of items of a field that is a vector."""
        return self._vector(field)[1]

    def integers(self, field: int) -> list[int]:
        """A field that is a vector of integers of 32 bits."""
        start, count = self._vector(field)
        self._allowance.spend(4 * count)
        return list(struct.unpack_from(f"<{count}i", self._data, start)) if count else []

    def tables(self, field: int) -> list[Table]:
        """A field that is a vector of tables."""
        start, count = self._vector(field)
        self._allowance.spend(4 * count)
        places = range(start, start + 4 * count, 4)
        return [
            Table(self._data, place + self._read("<I", place), self._allowance) for place in places
        ]

    def _field(self, field: int) -> int:
        """Where a field is, 0 if it is not there."""
        entry = 4 + 2 * field
        if entry + 2 > self._fields_size:
            return 0
        offset = self._read("<H", self._fields + entry)
        return self._place + offset if offset else 0

    def _vector(self, field: int) -> tuple[int, int]:
        place = self._field(field)
        if not place:
            return 0, 0
        start = place + self._read("<I", place)
        count = self._read("<I", start)
        if start + 4 + count > len(self._data):
            raise ValueError(f"what is at byte {start} leads out of the file")
        return start + 4, count

    def _read(self, form: str, place: int) -> int:
        if place < 0:
            raise ValueError("an offset leads out of the file")
        (value,) = struct.unpack_from(form, self._data, place)
        return int(value)


def root_table(data: mmap.mmap) -> Table:
    """The table that a buffer begins with."""
    (offset,) = struct.unpack_from("<I", data, 0)
    return Table(data, offset, _Allowance(len(data)))
