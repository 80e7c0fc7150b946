"""How long to wait before a process that has ended is started again."""

from __future__ import annotations

_FIRST_S, _LONGEST_S, _MOST_DOUBLINGS = 0.1, 5.0, 10


class Backoff:
    """Waits between the starts of one process: none after one that was well, then ever longer."""

    def __init__(self) -> None:
        self._in_a_row = 0

    def after(self, *, was_well: bool) -> float:
        """Seconds to wait after a process has ended.

        The first that was not well is replaced at once too: one request may
        have ended it, and its turn is over.
        """
        self._in_a_row = 0 if was_well else self._in_a_row + 1
        if self._in_a_row < 2:
            return 0.0
        return min(_FIRST_S * 2.0 ** min(self._in_a_row - 2, _MOST_DOUBLINGS), _LONGEST_S)
