"""What a child prints: read, counted, and passed on."""

from __future__ import annotations

import codecs
import os
import sys
from time import monotonic
from typing import IO

_KEPT = 20_000
_CHUNK = 1 << 16
_PIPE = 1 << 20  # the most that a pipe may hold
# Of what a server's process prints: so much at once, and so much a second, goes on to the log.
_BURST, _A_SECOND = 4 << 20, 1 << 18


class Output:
    """One of a child's output pipes; read without ever waiting.

    Args:
        pipe: The end to read from.
        echo: Write what is read to this process's standard error.
        is_bounded: Leave out what would flood it.
    """

    def __init__(self, pipe: IO[bytes] | None, *, echo: bool, is_bounded: bool = False) -> None:
        assert pipe is not None
        self._pipe = pipe
        os.set_blocking(pipe.fileno(), False)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._echo = echo
        self._budget = _Budget() if is_bounded else None
        self.count = 0
        self.tail = ""

    def fileno(self) -> int:
        """The descriptor, for a selector."""
        return self._pipe.fileno()

    def read(self) -> bool:
        """Read what there is, up to one pipe's worth; False when the pipe has ended."""
        try:
            data = os.read(self._pipe.fileno(), _CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.count += len(data)
        text = self._decoder.decode(data)
        self.tail = (self.tail + text)[-_KEPT:]
        if self._echo and text and sys.stderr is not None:
            sys.stderr.write(text if self._budget is None else self._budget.take(text))
        return bool(data)

    def read_rest(self) -> None:
        """Read what is there now, and no more than fits into the pipe: it may be written on."""
        end, before = self.count + _PIPE, -1
        while before != self.count < end:
            before = self.count
            self.read()

    def close(self) -> None:
        """Close this end."""
        self._pipe.close()


class _Budget:
    """Lets text through up to a burst, and from then on at a steady rate."""

    def __init__(self) -> None:
        self._left = float(_BURST)
        self._seen_s = monotonic()
        self._left_out = 0

    def take(self, text: str) -> str:
        """What of it may pass; when it goes on after a gap, how large that was."""
        now = monotonic()
        self._left = min(self._left + (now - self._seen_s) * _A_SECOND, _BURST)
        self._seen_s = now
        if len(text) > self._left:
            self._left_out += len(text)
            return ""
        self._left -= len(text)
        gap, self._left_out = self._left_out, 0
        return f"\n[{gap} characters of output were left out]\n{text}" if gap else text
