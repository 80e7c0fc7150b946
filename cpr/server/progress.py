"""A shared page in which a worker says how far it is with the frames of one front.

Memory outlives the process that wrote it: when a worker is killed, the front
reads here which frames it had begun, and so which one may have killed it. The
front says there for which frames nobody waits any more.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from itertools import islice
from time import monotonic_ns

_TAKEN, _STARTED, _ABANDONED, _FIRST = range(4)
_SIZE = mmap.PAGESIZE
_MOST = _SIZE // 8 - _FIRST


def make_page(further_bytes: int = 0) -> int:
    """The descriptor of a new page of zeros, to be handed to both sides; with more behind it."""
    descriptor = os.memfd_create("cpr-progress", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, _SIZE + further_bytes)
    return descriptor


class Progress:
    """One side's view of a page: the worker tells what it takes, the front what is abandoned.

    Each number is eight aligned bytes, written at once. `further` is what the
    page was made with, for whatever the two sides agree on.

    Args:
        descriptor: Of the page; closed here.
    """

    def __init__(self, descriptor: int) -> None:
        try:
            memory = memoryview(mmap.mmap(descriptor, os.fstat(descriptor).st_size))
        finally:
            os.close(descriptor)
        self._numbers = memory[:_SIZE].cast("Q")
        self.further = memory[_SIZE:]

    def take(self, frames: int) -> None:
        """Say that so many further frames are being predicted from now on."""
        numbers = self._numbers
        numbers[_STARTED] = monotonic_ns()
        numbers[_TAKEN] += frames

    @property
    def taken(self) -> int:
        """How many frames the worker has begun, since the channel was made."""
        return self._numbers[_TAKEN]

    @property
    def started_ns(self) -> int:
        """When it began the last of them, by the monotonic clock of the machine."""
        return self._numbers[_STARTED]

    def abandon(self, frames: Iterable[int]) -> None:
        """Say for which frames, of those not answered, nobody waits; as many as fit."""
        numbers, count = self._numbers, 0
        for count, frame in enumerate(islice(frames, _MOST), 1):
            numbers[_FIRST + count - 1] = frame
        if numbers[_ABANDONED] != count:
            numbers[_ABANDONED] = count

    @property
    def has_abandoned(self) -> bool:
        """Whether there is any frame for which nobody waits."""
        return self._numbers[_ABANDONED] > 0

    @property
    def abandoned(self) -> frozenset[int]:
        """The frames for which nobody waits."""
        return frozenset(self._numbers[_FIRST : _FIRST + self._numbers[_ABANDONED]])

    def close(self) -> None:
        """Give the memory back, once nobody has a view of it any more; safe to call twice."""
        self._numbers.release()
        self.further.release()
