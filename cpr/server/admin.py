"""The admin socket: where `cpr reload` reaches a running server, for its own user alone.

It is a Unix socket in a directory that only the user may enter; the port that
serves requests has no such thing. A request is a line of JSON, and so is each
line of the answer, the last of which has the key ``ok``.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from cpr.errors import EnvironmentProblem, UsageError, shorten
from cpr.isolated.errors_json import error_to_json

Say = Callable[[Mapping[str, Any]], None]
Answer = Callable[[Mapping[str, Any], Say], Awaitable[Mapping[str, Any]]]

_LONGEST_LINE = 1 << 16


class AdminSocket:
    """Listens on one path and has each request answered.

    Args:
        path: Of the socket; its directory is made if it is not there.
        answer: Given a request and a function that sends a line; what it
            returns is the last line.
    """

    def __init__(self, path: Path, answer: Answer) -> None:
        self._path = path
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def open(self) -> None:
        """Listen.

        Raises:
            EnvironmentProblem: The directory is another user's, or another
                server listens there.
        """
        try:
            _make_private(self._path.parent)
            self._remove_stale()
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(str(self._path))
            self._path.chmod(0o600)
            self._inode = self._path.stat().st_ino
            self._server = await asyncio.start_unix_server(
                self._serve, sock=listening, limit=_LONGEST_LINE
            )
        except OSError as error:
            raise EnvironmentProblem(
                f"the admin socket {self._path} cannot be made: {error.strerror or error}.",
                hint="Name another path with --admin.",
            ) from error

    def close(self) -> None:
        """Stop listening, and remove the socket if it is still this one."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        try:
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        except FileNotFoundError:
            return

    def _remove_stale(self) -> None:
        """Remove what a server that was killed has left."""
        if not self._path.is_socket():
            return
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._path))
            except ConnectionRefusedError:
                self._path.unlink()
                return
        raise EnvironmentProblem(
            f"another server listens on the admin socket {self._path}.",
            hint="End it, or name another path with --admin.",
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: Mapping[str, Any]) -> None:
            if not writer.is_closing():
                writer.write(json.dumps(line).encode("ascii") + b"\n")

        try:
            request = _read(await reader.readline())
            say(await self._answer(request, say))
            await writer.drain()
        except (OSError, ValueError) as error:
            refused = UsageError(f"that is no request: {error}.")
            say({"ok": False, "exit_code": 2, "error": error_to_json(refused)})
        finally:
            writer.close()


def _read(line: bytes) -> dict[str, Any]:
    request = json.loads(line)
    if not isinstance(request, dict):
        raise ValueError(f"{shorten(request)} is no object")
    return request


def _make_private(folder: Path) -> None:
    """Make a directory that nobody else may enter, or check that it is one.

    Raises:
        EnvironmentProblem: It is another user's, or open to others.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise EnvironmentProblem(
                f"{folder} is not a directory of this user, and is not trusted.",
                hint="Name another path for the admin socket with --admin.",
            ) from None
        if found.st_mode & 0o022:
            raise EnvironmentProblem(
                f"{folder} can be written by other users, and is not trusted.",
                hint=f"Run chmod 700 {folder}, or name another path with --admin.",
            ) from None
