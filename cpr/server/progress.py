"""A shared page in which a worker says how far it is with the frames of one front.

Memory outlives the process that wrote it: when a worker is killed, the front
reads here which frames it had begun, and so which one may have killed it.
"""

from __future__ import annotations

import mmap
import os
from time import monotonic_ns

_TAKEN, _STARTED = 0, 1
_SIZE = mmap.PAGESIZE


def make_page() -> int:
    """The descriptor of a new page of zeros, to be handed to both sides."""
    descriptor = os.memfd_create("cpr-progress", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, _SIZE)
    return descriptor


class Progress:
    """One side's view of a page; the worker writes, the front reads.

    Each number is eight aligned bytes, written at once.

    Args:
        descriptor: Of the page; closed here.
    """

    def __init__(self, descriptor: int) -> None:
        try:
            self._memory = mmap.mmap(descriptor, _SIZE)
        finally:
            os.close(descriptor)
        self._numbers = memoryview(self._memory).cast("Q")

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

    def close(self) -> None:
        """Give the memory back; safe to call twice."""
        self._numbers.release()
        self._memory.close()
