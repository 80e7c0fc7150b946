"""A variable by which a process and all that it started are found, wherever they have gone.

What leaves its process group, as daemons do, keeps its environment.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from uuid import uuid4

NAME = "_CPR_STARTED_BY"
_PROC = Path("/proc")


def new_mark() -> str:
    """A value of the variable that no other process has."""
    return uuid4().hex


def end_marked(mark: str) -> None:
    """End every process of this user that has the mark, and take in those that are now our own."""
    wanted = f"{NAME}={mark}".encode()
    ended: set[int] = set()
    while found := {pid for pid in _processes() - ended if wanted in _environment(pid)}:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        ended |= found
    # As process 1 of a container, nobody else does; a parent may end after its child.
    for pid in [*ended, *ended]:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _processes() -> set[int]:
    with contextlib.suppress(OSError):  # there is no /proc to look into
        return {int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()}
    return set()


def _environment(pid: int) -> list[bytes]:
    try:
        return (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # it is gone, or another user's
        return []
