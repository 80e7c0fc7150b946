"""The current directory that user code sees, kept apart from the caller's."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType


class WorkingDirectory:
    """Where user code runs: entered around each call of it, left afterwards.

    A class may change the current directory while it loads, and read relative
    paths when it predicts; Vertex AI's own classes even copy the whole model
    into it. The caller's relative paths must not move with it.

    The current directory belongs to the process: two routines that each need
    one of their own must not predict at the same time.

    Args:
        folder: Where user code starts; None is wherever the caller is.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._folder = folder
        self._outside: str | None = None

    @property
    def is_own(self) -> bool:
        """Whether user code runs elsewhere than the caller: else there is no need to enter."""
        return self._folder is not None

    def __enter__(self) -> None:
        self._outside = _current()
        if self._folder is not None:
            os.chdir(self._folder)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        inside = _current()
        if inside is not None and inside != self._outside:
            self._folder = inside
        if self._outside is not None and inside != self._outside:
            os.chdir(self._outside)


def _current() -> str | None:
    try:
        return str(Path.cwd())
    except FileNotFoundError:  # it was removed meanwhile
        return None
