"""Memory through which large bodies pass between a front and a worker.

A body that goes through their socket is copied twice more, in pieces of which
each wakes the other side. The memory lies behind the page of
`cpr.server.progress`; what the socket carries then is where a body lies. One
for which there is no room goes through the socket whole.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterable, Sequence
from functools import partial

_HALF = 8 << 20
_MOST_ANSWERS = 64
_STATES = 4096
PASSAGE_BYTES = _STATES + 2 * _HALF
_FREE, _TAKEN = 0, 1
_Answers = ctypes.c_char * _HALF


class Places:
    """Which parts of some bytes are taken; those at the start are taken first.

    Args:
        size: How many bytes there are.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken: list[tuple[int, int]] = []

    def take(self, count: int) -> int:
        """The start of so many bytes, taken from now on; -1 if there are not as many in a row."""
        start = 0
        for index, (begin, end) in enumerate(self._taken):
            if start + count <= begin:
                self._taken.insert(index, (start, start + count))
                return start
            start = end
        if start + count > self._size:
            return -1
        self._taken.append((start, start + count))
        return start

    def give_back(self, start: int) -> None:
        """Let what was taken from there on be taken again."""
        self._taken = [place for place in self._taken if place[0] != start]


class FrontPassage:
    """The front's side: it puts bodies there, and lends the answers to whoever writes them.

    Args:
        memory: What both sides share.
    """

    def __init__(self, memory: memoryview) -> None:
        self._states, self._bodies, self._answers = _parts(memory)
        self._places = Places(len(self._bodies))
        self._lent: dict[int, weakref.ref[ctypes.Array[ctypes.c_char]]] = {}

    def put(self, pieces: Iterable[bytes | bytearray], size: int) -> int:
        """Where a body of this size now lies; -1 if there is no room."""
        start = self._places.take(size)
        if start >= 0:
            at, bodies = start, self._bodies
            for piece in pieces:
                end = at + len(piece)
                bodies[at:end] = piece
                at = end
        return start

    def take_back(self, start: int) -> None:
        """Forget the body that lies there; the worker is done with it."""
        self._places.give_back(start)

    def lend(self, slot: int, start: int, size: int) -> memoryview:
        """An answer; once no view of it is left, the worker may use its place again."""
        # A transport keeps a view of its own, which holds the object that all views are of.
        owner = _Answers.from_buffer(self._answers)
        self._lent[slot] = weakref.ref(owner, partial(self._end, slot))
        return memoryview(owner).cast("B")[start : start + size]

    def _end(self, slot: int, _: object) -> None:
        del self._lent[slot]
        self._states[slot] = _FREE


class WorkerPassage:
    """The worker's side: it reads the bodies, and puts answers there.

    Args:
        memory: What both sides share.
    """

    def __init__(self, memory: memoryview) -> None:
        self._states, self._bodies, self._answers = _parts(memory)
        self._places = Places(len(self._answers))
        self._starts: dict[int, int] = {}

    def body(self, start: int, size: int) -> bytes:
        """The body that lies there."""
        return bytes(self._bodies[start : start + size])

    def put(self, answer: bytes) -> tuple[int, int] | None:
        """The slot and the start of an answer that now lies there; None if there is no room."""
        states, starts = self._states, self._starts
        for slot in [slot for slot in starts if states[slot] == _FREE]:
            self._places.give_back(starts.pop(slot))
        if len(starts) == _MOST_ANSWERS:
            return None
        size = len(answer)
        start = self._places.take(size)
        if start < 0:
            return None
        slot = next(slot for slot in range(_MOST_ANSWERS) if slot not in starts)
        starts[slot] = start
        self._answers[start : start + size] = answer
        states[slot] = _TAKEN
        return slot, start


def _parts(memory: memoryview) -> Sequence[memoryview]:
    """The states of the slots of answers, the bodies, and the answers."""
    middle = _STATES + _HALF
    return memory[:_STATES], memory[_STATES:middle], memory[middle : middle + _HALF]
