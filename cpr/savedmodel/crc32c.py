"""CRC-32C (Castagnoli), which TensorFlow puts over tensors, index blocks and records.

No library for it is required: numpy reaches 1.3 GB/s, faster than most disks. The
message is cut into rows of 64-bit words, and each row is folded into the next.
Folding is linear, so a table for every 16 bits of a word says what to add.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

Buffer = bytes | bytearray | memoryview

# The reversed polynomial: the bit of x^31 is the lowest.
_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
_ALL = 0xFFFFFFFF
# Words in a row, the widest first; shorter messages are done byte by byte.
_ROWS = (8192, 256, 32)
_PIECE = 1 << 24


def masked_crc32c(data: Buffer) -> int:
    """The checksum in the form that TensorFlow stores."""
    return mask(crc32c(data))


def mask(crc: int) -> int:
    """The stored form of a checksum: rotated and shifted, as LevelDB does."""
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & _ALL


def crc32c(data: Buffer, crc: int = 0) -> int:
    """The checksum of `data`, or of what `crc` is of and then `data`."""
    state = crc ^ _ALL
    rest = memoryview(data).cast("B")
    for start in range(0, len(rest), _PIECE):
        state = _extended(state, rest[start : start + _PIECE])
    return state ^ _ALL


def _extended(state: int, rest: memoryview) -> int:
    for width in _ROWS:
        if len(rest) >= 16 * width:
            rest = _folded(state, rest, width)
            state = 0
    for byte in bytes(rest):
        state = (state >> 8) ^ _BYTES[(state ^ byte) & 0xFF]
    return state


def _folded(state: int, data: memoryview, width: int) -> memoryview:
    """A message of one row and what did not fill a row, with the same checksum from state 0."""
    whole = len(data) // (8 * width)
    rows = np.frombuffer(data[: whole * 8 * width], "<u8").reshape(whole, width)
    tables = _tables(width)
    row: NDArray[np.uint64] = rows[0].copy()
    row[0] ^= np.uint64(state)
    halves = row.view("<u2").reshape(width, 4)
    for following in rows[1:]:
        added = tables[0][halves[:, 0]]
        for number in (1, 2, 3):
            added ^= tables[number][halves[:, number]]
        np.bitwise_xor(following, added, out=row)
    return memoryview(row.tobytes() + bytes(data[whole * 8 * width :]))


@functools.cache
def _tables(width: int) -> tuple[NDArray[np.uint32], ...]:
    """For each 16 bits of a word, what they are worth in the same word of the next row."""
    return tuple(
        _table([_shifted(1 << bit, 8 * width - 2 * part) for bit in range(16)]) for part in range(4)
    )


def _table(worth: list[int]) -> NDArray[np.uint32]:
    table = np.zeros(1, np.uint32)
    for value in worth:
        table = np.concatenate([table, table ^ np.uint32(value)])
    return table


def _shifted(state: int, count: int) -> int:
    """The state after `count` bytes of zero."""
    factor, power = 1 << 31, _ONE_BYTE
    while count:
        if count & 1:
            factor = _product(factor, power)
        power = _product(power, power)
        count >>= 1
    return _product(state, factor)


def _product(left: int, right: int) -> int:
    """The product of two polynomials, the bit of x^31 being the lowest, modulo the CRC's."""
    product = 0
    for bit in range(31, -1, -1):
        if left >> bit & 1:
            product ^= right
        right = (right >> 1) ^ (_POLYNOMIAL if right & 1 else 0)
    return product


def _of_byte(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_BYTES = tuple(_of_byte(byte) for byte in range(256))
# x^8: one byte further.
_ONE_BYTE = 1 << 23
