"""What a child prints: read, counted, and passed on."""

from __future__ import annotations

import codecs
import os
import sys
from typing import IO

_KEPT = 20_000
_CHUNK = 1 << 16
_PIPE = 1 << 20  # the most that a pipe may hold


class Output:
    """One of a child's output pipes; read without ever waiting.

    Args:
        pipe: The end to read from.
        echo: Write what is read to this process's standard error.
    """

    def __init__(self, pipe: IO[bytes] | None, *, echo: bool) -> None:
        assert pipe is not None
        self._pipe = pipe
        os.set_blocking(pipe.fileno(), False)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._echo = echo
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
            sys.stderr.write(text)
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
