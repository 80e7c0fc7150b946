"""Sees what user code does to the world while it is imported, through an audit hook."""

from __future__ import annotations

import os
import socket
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

_IMPORT_MACHINERY = ("<frozen importlib", "<frozen zipimport")
# The machine's own files: time zones, locales, shared libraries, devices.
_SYSTEM = ("/dev/", "/proc/", "/sys/", "/etc/", "/usr/", "/lib", "/bin/", "/sbin/", "/run/")
_NETWORK = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
_PROCESSES = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"}


class Watch:
    """A context manager; `effects` lists what happened inside it, each place once.

    Network access is refused with a PermissionError: the check itself must
    not reach out, and code that needs it would fail just so where there is
    none. An audit hook cannot be removed, so it is switched.

    Args:
        roots: The folders of the user's own modules.
    """

    def __init__(self, roots: Sequence[str]) -> None:
        self.effects: list[dict[str, Any]] = []
        self._roots = tuple(f"{root.rstrip('/')}/" for root in roots)
        paths = sysconfig.get_paths()
        libraries = [*(paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib"))]
        libraries += [
            sys.prefix,
            sys.base_prefix,
            str(Path.cwd()),
            tempfile.gettempdir(),
            *sys.path,
        ]
        self._harmless = (*self._roots, *_SYSTEM, *(f"{p.rstrip('/')}/" for p in libraries if p))
        self._is_on = False
        sys.addaudithook(self._hear)

    def __enter__(self) -> Watch:
        self._is_on = True
        return self

    def __exit__(self, *_: object) -> None:
        self._is_on = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_on or not (event == "open" or event in _NETWORK or event in _PROCESSES):
            return
        self._is_on = False  # what follows opens and connects nothing that counts
        try:
            self._note(event, arguments)
        finally:
            self._is_on = True

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            self._note_file(arguments[0])
        elif event in _PROCESSES:
            place = self._place(is_direct=True)
            if place:
                self._add("process", _text(arguments[0]), place)
        elif (address := _address(event, arguments)) and (place := self._place(is_direct=False)):
            self._add("network", address, place)
            raise PermissionError(f"cpr check allows no network while importing ({address})")

    def _note_file(self, path: object) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - of what is named, not resolved
        if f"{text}/".startswith(self._harmless):  # of a folder too: O_TMPFILE opens it
            return
        place = self._place(is_direct=True)
        if place:
            self._add("file", text, place)

    def _place(self, *, is_direct: bool) -> tuple[str, int] | None:
        """The user's line that did it; with `is_direct`, not by importing a library."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(self._roots):
                return file, frame.f_lineno
            if is_direct and file.startswith(_IMPORT_MACHINERY):
                return None
            frame = frame.f_back
        return None

    def _add(self, kind: str, what: str, place: tuple[str, int]) -> None:
        effect = {"kind": kind, "what": what, "file": place[0], "line": place[1]}
        if effect not in self.effects:
            self.effects.append(effect)


def _address(event: str, arguments: tuple[Any, ...]) -> str:
    """The other side of a connection, "" for one within this machine's file system."""
    if event in ("socket.connect", "socket.sendto"):
        connection, address = arguments
        families = (socket.AF_INET, socket.AF_INET6)
        return f"{address[0]}:{address[1]}" if connection.family in families else ""
    return _text(arguments[0])


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
