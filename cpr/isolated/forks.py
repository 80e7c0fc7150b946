"""What user code forks: signals end it as they end any program, and it never comes back.

A fork that returned from `predict`, or raised, would go on as this process
does: read what is asked of it, and answer a second time.
"""

from __future__ import annotations

import os
import signal
import threading

_ENDING = (signal.SIGINT, signal.SIGTERM)
_is_fork = False
_before = threading.local()


def let_forks_go() -> None:
    """Prepare this process for user code that forks; `end_forks` is called after such code."""
    os.register_at_fork(before=_hold_signals, after_in_parent=_take_signals, after_in_child=_begin)


def end_forks() -> None:
    """End this process if it is not the one that `let_forks_go` was called in."""
    if _is_fork:
        text = "cpr: a process that user code had forked came back from it, and was ended: "
        os.write(2, f"{text}end such a process with os._exit().\n".encode())
        os._exit(1)


def go_on(*_: object) -> None:
    """Handle a signal by nothing."""


def _hold_signals() -> None:
    # One that came before the fork has handlers of its own would be lost.
    _before.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)


def _take_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _before.mask)


def _begin() -> None:
    global _is_fork
    _is_fork = True
    # `multiprocessing.Pool` ends its processes by SIGTERM, and waits until they are gone.
    for number in _ENDING:
        if signal.getsignal(number) is go_on:
            signal.signal(number, signal.SIG_DFL)
    _take_signals()
