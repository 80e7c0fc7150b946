"""CRC-32C of long messages by numpy: cut into rows of words, each row folded into the next.

Folding is linear, so a table for every 16 bits of a word says what to add.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

POLYNOMIAL = 0x82F63B78
"""The reversed polynomial: the bit of x^31 is the lowest."""
# Words in a row, the widest first; shorter messages are done byte by byte.
_ROWS = (8192, 256, 32)
# x^8: one byte further.
_ONE_BYTE = 1 << 23


def fold(state: int, rest: memoryview) -> tuple[int, memoryview]:
    """A shorter message and a state that have the same checksum."""
    for width in _ROWS:
        if len(rest) >= 16 * width:
            rest = _folded(state, rest, width)
            state = 0
    return state, rest


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
        right = (right >> 1) ^ (POLYNOMIAL if right & 1 else 0)
    return product
