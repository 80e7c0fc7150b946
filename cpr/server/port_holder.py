"""Names the process that listens on a port, where the system lets us know."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_LISTENING = "0A"


def holder_of(port: int) -> str:
    """Such as ``python3 serve.py (process 4711)``; "" if it is another user's, or unknown."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    if not sockets:
        return ""
    for process in _PROC.glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile, or another user's
            if any(os.readlink(link) in sockets for link in (process / "fd").iterdir()):  # noqa: PTH115
                return f"{_command(process)} (process {process.name})"
    return ""


def _listening(port: int) -> Iterator[str]:
    """The inodes of the sockets that listen on the port, on whatever address."""
    for table in ("net/tcp", "net/tcp6"):
        with suppress(OSError):  # not Linux, or no IPv6
            for line in (_PROC / table).read_text().splitlines()[1:]:
                _, local, _, state, *_rest = columns = line.split()
                if state == _LISTENING and int(local.rpartition(":")[2], 16) == port:
                    yield columns[9]


def _command(process: Path) -> str:
    """The program and what it runs; no more, since flags may hold secrets."""
    words = (process / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
    return " ".join([Path(words[0]).name, *words[1:3]]).strip()
