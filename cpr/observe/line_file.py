"""A file that lines are appended to without ever holding up the caller."""

from __future__ import annotations

import logging
import os
import select
import stat
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread

from cpr.errors import EnvironmentProblem, shorten

logger = logging.getLogger(__name__)

PENDING_BYTES = 8_000_000
_MODE = 0o640  # who may read it is the group's affair; clients' addresses are in it
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_STDERR = 2
_END, _REOPEN = 0, 1


class LineFile:
    """Appends whole lines to a file, or to standard error, in a thread of its own.

    Several processes may write the same file. A disk that is full or slow, or
    a reader of standard error that has stopped reading, costs lines, which are
    counted, and nothing else.

    Args:
        path: The file, made if it is not there; None for standard error.
        pending_bytes: What may wait for the disk; what is beyond is dropped.

    Raises:
        EnvironmentProblem: The file cannot be opened.
    """

    def __init__(self, path: Path | None, *, pending_bytes: int = PENDING_BYTES) -> None:
        self._path = path
        self._limit = pending_bytes
        self._descriptor = _opened(path)
        self._at_once = _at_once(self._descriptor)
        self._is_torn = False
        self._is_failing = False
        self._lock = Lock()
        self._pending = 0
        self._dropped = 0
        self._work: SimpleQueue[bytes | int] = SimpleQueue()
        self._thread = Thread(target=self._run, name="cpr-log", daemon=True)
        self._thread.start()

    def write(self, lines: bytes) -> None:
        """Hand over lines, each with its end; returns at once."""
        with self._lock:
            if self._pending + len(lines) > self._limit:
                self._dropped += lines.count(b"\n")
                return
            self._pending += len(lines)
        self._work.put(lines)

    def reopen(self) -> None:
        """Open the file by its name again, after what is pending; for logrotate.

        If that fails, the file that is open stays in use, and the log says so.
        """
        self._work.put(_REOPEN)

    def take_dropped(self) -> int:
        """How many lines were lost since this was last asked."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        return dropped

    def close(self, timeout_s: float = 2.0) -> bool:
        """Write what is pending and end; False if the disk took longer than `timeout_s`."""
        self._work.put(_END)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._work.get()) != _END:
            if isinstance(item, bytes):
                self._append(item)
                with self._lock:
                    self._pending -= len(item)
            else:
                self._open_again()
        self._leave()

    def _append(self, lines: bytes) -> None:
        rest = lines
        try:
            if self._is_torn:
                os.write(self._descriptor, b"\n")
                self._is_torn = False
            while rest:
                written = os.write(self._descriptor, _whole_lines(rest, self._at_once))
                self._is_torn = rest[written - 1 : written] != b"\n"
                rest = rest[written:]
        except OSError as error:
            self._lose(rest.count(b"\n"), error)
        else:
            self._succeed()

    def _lose(self, count: int, error: OSError) -> None:
        with self._lock:
            self._dropped += count
        if not self._is_failing:
            self._is_failing = True
            # Once, or a full disk would fill the other log too.
            logger.error("lines of %s are lost: %s", _named(self._path), error.strerror)

    def _succeed(self) -> None:
        if self._is_failing:
            self._is_failing = False
            logger.warning("%s can be written again", _named(self._path))

    def _open_again(self) -> None:
        try:
            descriptor = _opened(self._path)
        except EnvironmentProblem as error:
            logger.error("%s; the old file stays in use", error.problem)
            return
        self._leave()
        self._descriptor, self._is_torn = descriptor, False
        self._at_once = _at_once(descriptor)

    def _leave(self) -> None:
        if self._path is not None:
            os.close(self._descriptor)


def _opened(path: Path | None) -> int:
    if path is None:
        return _STDERR
    try:
        # A named pipe that nobody reads would hold up the opening for ever.
        descriptor = os.open(path, _FLAGS | os.O_NONBLOCK, _MODE)
        os.set_blocking(descriptor, True)
    except OSError as error:
        raise EnvironmentProblem(
            f"cannot append to the log file {shorten(str(path))}: {error.strerror}",
            hint="The folder must exist, and the server's user must be able to write there.",
        ) from error
    return descriptor


def _at_once(descriptor: int) -> int:
    """How many bytes can be written so that other processes' lines do not get in between."""
    is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    return select.PIPE_BUF if is_pipe else PENDING_BYTES


def _whole_lines(data: bytes, at_once: int) -> bytes:
    """The lines at the beginning of the data that fit; at least one."""
    if len(data) <= at_once:
        return data
    end = data.rfind(b"\n", 0, at_once) + 1 or data.find(b"\n") + 1
    return data[:end]


def _named(path: Path | None) -> str:
    return "standard error" if path is None else str(path)
