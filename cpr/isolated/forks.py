"""What user code forks: signals end it as they end any program, and it never comes back.

A fork that returned from `predict`, or raised, would go on as this process
does: read what is asked of it, and answer a second time.
"""

from __future__ import annotations

import os
import signal

_is_fork = False


def let_forks_go() -> None:
    """Prepare this process for user code that forks; `end_forks` is called after such code."""
    os.register_at_fork(after_in_child=_begin)


def end_forks() -> None:
    """End this process if it is not the one that `let_forks_go` was called in."""
    if _is_fork:
        text = "cpr: a process that user code had forked came back from it, and was ended: "
        os.write(2, f"{text}end such a process with os._exit().\n".encode())
        os._exit(1)


def _begin() -> None:
    global _is_fork
    _is_fork = True
    # `multiprocessing.Pool` ends its processes by SIGTERM, and waits until they are gone.
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is go_on:
            signal.signal(number, signal.SIG_DFL)


def go_on(*_: object) -> None:
    """Handle a signal by nothing."""
