"""``--pdb``: stops in the user's own frame when their code raised."""

from __future__ import annotations

import io
import linecache
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from traceback import walk_tb
from types import TracebackType

from cpr.cli.output import say
from cpr.errors import CprError
from cpr.frames import user_tail


def debug(error: CprError, roots: Iterable[Path] = ()) -> None:
    """Open the debugger where user code raised; nothing happens if it did not.

    It stops in the deepest frame of the user's own code, not in the library
    that this called nor in ours. It reads the terminal, even when the
    instances came from standard input, and talks on standard error.

    Args:
        error: What the command failed with.
        roots: The folders of the user's code, where known.
    """
    cause = error.__cause__
    if cause is None or not error.user_traceback:
        return
    trace = user_tail(cause.__traceback__, roots)
    if trace is None:
        say("--pdb: no frame of this error is in the predictor's own code.")
        return
    if not _read_from_terminal():
        say("--pdb: there is no terminal to read from.")
        return
    # Start-up time: needed only here.
    import pdb

    _keep_sources(trace)
    say(f"--pdb: {type(cause).__name__}: {cause}")
    pdb.post_mortem(trace)


def _read_from_terminal() -> bool:
    """Make sure that descriptor 0 is a terminal; say whether it is."""
    if sys.stdin.isatty():
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        return False
    os.dup2(terminal, 0)
    os.close(terminal)
    sys.stdin = io.TextIOWrapper(os.fdopen(0, "rb", closefd=False), line_buffering=True)
    return True


def _keep_sources(trace: TracebackType) -> None:
    """Let the debugger list code whose unpacked files are gone again.

    When loading fails, the package is removed before the debugger opens; its
    lines are still cached, and an entry without a time is never rechecked.
    """
    for frame, _ in walk_tb(trace):
        name = frame.f_code.co_filename
        lines = linecache.getlines(name, frame.f_globals)
        if lines:
            linecache.cache[name] = (sum(map(len, lines)), None, lines, name)
