"""Ends a command in order when the process is told to stop, or crashes."""

from __future__ import annotations

import faulthandler
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM came: whoever steps aside for Ctrl-C steps aside for this too."""


@contextmanager
def orderly_end() -> Iterator[None]:
    """Raise `Terminated` at SIGTERM, so that temporary folders are removed.

    Only the first signal does: ``timeout`` sends two at once, and the second
    would interrupt the cleaning up. While it lasts, a crash of native code
    shows the Python line that it was called from.
    """
    if not faulthandler.is_enabled():
        faulthandler.enable(2, all_threads=False)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise(number: int, frame: FrameType | None) -> None:
    # Not SIG_IGN, which child processes would inherit.
    signal.signal(signal.SIGTERM, _pass)
    raise Terminated


def _pass(number: int, frame: FrameType | None) -> None:
    """Do nothing: the process is ending already."""
