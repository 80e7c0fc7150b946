"""A routine in a process of its own, used as one in this process is.

A crash, a hang, ``sys.exit``, a change of the current directory, a module of
the same name: nothing of it reaches the caller.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from cpr.errors import CprError, UsageError
from cpr.isolated.channel import Message
from cpr.isolated.errors_json import error_from_json
from cpr.isolated.process import ChildProcess
from cpr.messages import Call, Reply, Timing

logger = logging.getLogger(__name__)

_CLOSE_S = 10.0


@dataclass(frozen=True)
class Usage:
    """What the process has used since it began."""

    peak_rss_bytes: int
    cpu_s: float


@dataclass(frozen=True)
class LoadReport:
    """What loading took: wall-clock and processor time, memory, and what was printed.

    `peak_rss_bytes` is the whole process's, the interpreter and `cpr` included;
    `stdout_bytes` is what user code wrote to standard output.
    """

    seconds: float
    cpu_s: float
    peak_rss_bytes: int
    stdout_bytes: int


class IsolatedRoutine:
    """One predictor in its own process; a context manager. Build it with `open_isolated`.

    `answer` may be called from any thread; calls wait for each other.
    """

    def __init__(self, child: ChildProcess, loaded: Message, *, timeout_s: float | None) -> None:
        header = loaded.header
        self.name: str = header["name"]
        self.is_batchable: bool = header["is_batchable"]
        self.load = LoadReport(
            seconds=header["seconds"],
            cpu_s=header["cpu_s"],
            peak_rss_bytes=header["usage"]["peak_rss_bytes"],
            stdout_bytes=child.stdout_bytes,
        )
        self._child = child
        self._timeout_s = timeout_s
        self._lock = threading.RLock()
        self._is_closed = False

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._child.pid

    @property
    def stdout_bytes(self) -> int:
        """How much user code has written to standard output up to the last answer."""
        return self._child.stdout_bytes

    def answer(self, calls: Sequence[Call]) -> list[Reply]:
        """Answer each call, in order, as `cpr.routine.Routine.answer` does.

        Raises:
            UserCodeError: The process ended or took too long. It is gone then:
                every later call raises the same.
            UsageError: The routine is closed.
        """
        with self._lock:
            header = {
                "do": "answer",
                "calls": [{"dialect": c.dialect, "request_id": c.request_id} for c in calls],
            }
            bodies = [call.body for call in calls]
            answer = self._ask(header, bodies, doing="answering a request")
        replies = answer.header["replies"]
        return [_reply(reply, body) for reply, body in zip(replies, answer.blobs, strict=True)]

    def usage(self) -> Usage:
        """What the process has used so far."""
        with self._lock:
            answer = self._ask({"do": "usage"}, doing="telling its usage")
        return Usage(**answer.header["usage"])

    def close(self) -> None:
        """Run the predictor's close hook and end the process; safe to call twice.

        Raises:
            UserCodeError: The hook failed. The process is gone even so.
        """
        self.__exit__(None, None, None)

    def __enter__(self) -> IsolatedRoutine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            try:
                if self._child.is_alive:
                    limit = _CLOSE_S if self._timeout_s is None else self._timeout_s
                    self._child.ask({"do": "close"}, timeout_s=limit, doing="closing")
            except CprError as failed:
                if error is None:
                    raise
                logger.warning("closing %r failed too: %s", self.name, failed)
            finally:
                self._child.end()

    def _ask(
        self, header: Mapping[str, Any], blobs: Sequence[bytes] = (), *, doing: str
    ) -> Message:
        if self._is_closed:
            raise UsageError(f"the routine of {self.name!r} is closed.")
        return self._child.ask(header, blobs, timeout_s=self._timeout_s, doing=doing)


def open_isolated(
    target: str | None = None,
    model_dir: str | None = None,
    *,
    prediction_class: str | None = None,
    packages: Sequence[str] = (),
    framework: str | None = None,
    shims: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    require_signature: str | Path | None = None,
    python: str = sys.executable,
    clean: bool = False,
    echo: bool = True,
    timeout_s: float | None = None,
    cwd: str | Path | None = None,
) -> IsolatedRoutine:
    """Load a predictor in a process of its own; the arguments of `open_routine`, and:

    Args:
        target: As for `open_routine`, like all that is not named here.
        model_dir: The same.
        prediction_class: The same.
        packages: The same.
        framework: The same.
        shims: The same.
        flags: The same; values must have a JSON form.
        require_signature: The same.
        python: The interpreter. It need not have `cpr` installed, but what
            `cpr` requires.
        clean: Leave out the current directory, ``PYTHON…`` variables, the
            user's site-packages, and every environment variable that names a
            credential or a setting of the caller.
        echo: Pass on what user code prints, to standard error.
        timeout_s: The limit of loading, and of each answer; None is none.
        cwd: Its current directory, where relative paths start.

    Raises:
        CprError: Whatever `open_routine` raises, raised again here.
        UserCodeError: The process ended, or took longer than `timeout_s`.
    """
    entry = "cpr.isolated.routine_child"
    child = ChildProcess(entry, python=python, clean=clean, echo=echo, cwd=cwd)
    open_with = {
        "target": None if target is None else str(target),
        "model_dir": None if model_dir is None else str(model_dir),
        "prediction_class": prediction_class,
        "packages": [str(package) for package in packages],
        "framework": framework,
        "shims": list(shims),
        "flags": dict(flags or {}),
        "require_signature": require_signature and str(require_signature),
    }
    try:
        header = {"do": "load", "open_with": open_with}
        loaded = child.ask(header, timeout_s=timeout_s, doing="loading")
        return IsolatedRoutine(child, loaded, timeout_s=timeout_s)
    except BaseException:
        child.end()
        raise


def _reply(document: Mapping[str, Any], body: bytes) -> Reply:
    error = document["error"]
    return Reply(
        status=document["status"],
        body=body,
        timing=Timing(*document["timing"]),
        instance_count=document["instance_count"],
        batch_size=document["batch_size"],
        error=error_from_json(error) if error else None,
        content_type=document["content_type"],
    )
