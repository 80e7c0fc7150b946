"""Memory that a process would give back after each large request, to ask for it again.

A page that the system hands out anew is cleared, and costs 2 microseconds on a
virtual machine: for an answer of 1 MB that was a fifth of a worker's time.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK = 32 << 20

# Python takes memory for small objects in arenas of 256 kB or 1 MB, and gives back empty ones.
_BLOCK = 512
_KEPT_EVERY = 256
_MOST_BYTES = 64 << 20
# A number is an object of 32 bytes, beside its place in a list and its part of the list itself.
_BYTES_A_VALUE = 64


def keep_freed_blocks(count: int) -> None:
    """Have the C library keep up to so many bytes that were freed.

    Blocks of up to 32 MB are then taken from those, as they would be anyhow
    once such a block has been freed. Other C libraries than glibc go on as
    they do.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK)
        mallopt(_TRIM_THRESHOLD, count)


class KeptArenas:
    """Python's memory for small objects, kept at the size that the bodies so far have needed."""

    def __init__(self) -> None:
        self._seen = 0
        self._bytes = 0
        self._kept: list[bytes] = []

    def provide_for(self, body: bytes) -> None:
        """Keep as much as the values of such a body are likely to take, up to 64 MB."""
        self._seen += 1
        if self._seen & (self._seen - 1):
            return  # looked into are the first, the second, the fourth, the eighth and so on
        wanted = min(_BYTES_A_VALUE * body.count(b","), _MOST_BYTES)
        if wanted <= self._bytes:
            return
        self._bytes = wanted
        # An arena is given back when nothing in it is used: something in each of them is.
        blocks = [bytes(_BLOCK - sys.getsizeof(b"")) for _ in range(wanted // _BLOCK)]
        self._kept += blocks[::_KEPT_EVERY]
