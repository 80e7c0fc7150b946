"""Keeps standard output for results, whatever user code prints.

A predictor's ``print``, TensorFlow's writes to file descriptor 1 and a
subprocess that inherits it all end on standard error once `guard_stdout` ran.
It works on the descriptor, so nothing that Python or C does to `sys.stdout`
gets around it, and it is never undone: code that runs at exit is caught too.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

_kept: TextIO | None = None


def guard_stdout() -> None:
    """Point descriptor 1 at standard error, and keep the real one for `results`.

    Call it before user code or a heavy library is imported. A second call
    does nothing.
    """
    global _kept
    if _kept is not None:
        return
    sys.stdout.flush()
    # A copy is not inherited: no child process can write to it.
    descriptor = os.dup(1)
    os.dup2(2, 1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    # A lone surrogate becomes \udXXX, which is how JSON writes it as well.
    _kept = os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="\n")


def results() -> TextIO:
    """The stream for results: the real standard output, guarded or not."""
    return _kept or sys.stdout


def open_standard_streams() -> None:
    """Open what the process was started without: ``cpr … 2>&-`` has no standard error.

    Otherwise the next file that is opened would take its place, and messages
    would go into it.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest number that is free: this one.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            mode = "w" if descriptor else "r"
            stream = os.fdopen(descriptor, mode, closefd=False)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
