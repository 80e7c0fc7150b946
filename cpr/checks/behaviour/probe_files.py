"""Sees which files user code opens in the model directory and the current one.

Python tells an audit hook of every file that it opens itself; what compiled
libraries do is found by comparing the folders before and after.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

from cpr.checks.behaviour.probe_faults import Spot, user_place

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Events that change a folder, with the positions of the paths among their arguments.
_CHANGING = {
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rmdir": (0,),
    "os.rename": (0, 1),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.truncate": (0,),
}
_READING = {"os.listdir": (0,), "os.scandir": (0,)}
_KEPT = 200


class FileWatch:
    """Remembers accesses to two folders; a hook cannot be removed, so one a process.

    `phase` is noted with each access.
    """

    def __init__(self) -> None:
        self.phase = "loading"
        self._seen: dict[tuple[str, str, str, Spot], None] = {}
        self._folders: tuple[str, ...] = ()
        self._refused = ""

    def watch(self, *folders: str, read_only: bool) -> None:
        """Watch these folders; with `read_only`, refuse to write into the first."""
        self._folders = tuple(os.path.realpath(folder) for folder in folders)
        self._refused = self._folders[0] if read_only else ""
        sys.addaudithook(self._hear)

    def seen(self) -> list[dict[str, Any]]:
        """What was accessed, each combination once."""
        return [
            {"path": path, "how": how, "phase": phase, "place": place}
            for path, how, phase, place in self._seen
        ]

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            flags = arguments[2]
            how = "write" if isinstance(flags, int) and flags & _WRITING else "read"
            self._note(arguments[0], how)
        elif event in _CHANGING:
            for position in _CHANGING[event]:
                self._note(arguments[position], "write")
        elif event in _READING:
            for position in _READING[event]:
                self._note(arguments[position], "read")

    def _note(self, path: Any, how: str) -> None:
        if not isinstance(path, (str, bytes)):
            return
        full = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - a hook must be fast
        if "__pycache__" in full or not self._is_watched(full):
            return
        if len(self._seen) < _KEPT:
            self._seen[(full, how, self.phase, user_place(sys._getframe(2)))] = None
        if how == "write" and self._refused and _is_under(full, self._refused):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), full)

    def _is_watched(self, path: str) -> bool:
        return any(_is_under(path, folder) for folder in self._folders)


def _is_under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
