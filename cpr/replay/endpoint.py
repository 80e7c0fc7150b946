"""What requests can be sent to: a routine, in this process or one of its own, or a URL."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from cpr.candidates import candidates
from cpr.config import settings_file
from cpr.errors import CprError, UsageError
from cpr.isolated import open_isolated
from cpr.messages import Call, Reply
from cpr.replay.recorded import RecordedRequest
from cpr.replay.sending import Answer, Endpoint
from cpr.replay.url_endpoint import UrlEndpoint
from cpr.serving import open_routine

logger = logging.getLogger(__name__)

URL_PREFIXES = ("http://", "https://")
_RESTARTS = 3


class Answerer(Protocol):
    """What a routine is, here or in another process."""

    name: str

    def answer(self, calls: Sequence[Call]) -> list[Reply]:
        """One reply for each call, in order."""
        ...

    def close(self) -> None:
        """Release it."""
        ...


class RoutineEndpoint:
    """Sends to a routine; one whose process ended is started again for the next request.

    Args:
        open_one: Opens the routine; called at once, and again after a crash.
        restarts: How many crashes in a row are survived; a routine in this
            process has none.
    """

    def __init__(self, open_one: Callable[[], Answerer], *, restarts: int = 0) -> None:
        self._open = open_one
        self._restarts = restarts
        self._crashes = 0
        self._is_gone = False
        self._routine = open_one()
        self.name = self._routine.name

    def send(self, request: RecordedRequest) -> Answer:
        """Answer one request; a crash is an answer too."""
        try:
            if self._is_gone and self._crashes <= self._restarts:
                self._routine, self._is_gone = self._open(), False
            [reply] = self._routine.answer([Call(request.body, request_id=request.place)])
        except CprError as error:
            self._is_gone = True
            self._crashes += 1
            return Answer(error.http_status, b"", 0, error)
        self._crashes = 0
        return Answer(reply.status, reply.body, reply.instance_count, reply.error)

    def __enter__(self) -> RoutineEndpoint:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._routine.close()
        except CprError as failed:
            # Not raised: the answers that are there already must be reported.
            logger.warning("%s", failed)


@dataclass(frozen=True)
class Destination:
    """Where requests go, as a command line says it.

    `target` is a package, a project directory, a class, a model directory, or
    a URL that starts with ``http://`` or ``https://``, to which bodies are
    posted. `headers` are for a URL alone; `timeout_s` limits each answer of a
    URL, and of a routine in a process of its own.
    """

    target: str | None = None
    model_dir: str | None = None
    prediction_class: str | None = None
    packages: Sequence[str] = ()
    framework: str | None = None
    shims: Sequence[str] = ()
    flags: Mapping[str, Any] = field(default_factory=dict)
    require_signature: str | None = None
    headers: Sequence[str] = ()
    timeout_s: float | None = None

    @property
    def is_url(self) -> bool:
        """Whether requests leave this machine, or at least `cpr`."""
        return bool(self.target and self.target.lower().startswith(URL_PREFIXES))

    @property
    def folder(self) -> Path | None:
        """The project directory, if the target is one."""
        return Path(self.target) if self.target and Path(self.target).is_dir() else None

    def open(self, *, isolated: bool = False) -> Endpoint:
        """Load the routine, or connect; the caller closes what it gets.

        Args:
            isolated: Load the routine in a process of its own.

        Raises:
            CprError: What is wrong, before any request is sent.
        """
        if self.is_url:
            return self._open_url()
        if self.headers:
            raise UsageError(
                f"--header is for a URL, and {self.target or self.model_dir or 'the target'} "
                "is none.",
                hint="Leave it out, or give an http:// or https:// URL.",
            )
        if isolated:
            options = {**self._options(), "timeout_s": self.timeout_s}
            return RoutineEndpoint(lambda: open_isolated(**options), restarts=_RESTARTS)
        return RoutineEndpoint(lambda: open_routine(**self._options()))

    def _open_url(self) -> Endpoint:
        for_routines = {
            "--model-dir": self.model_dir,
            "--prediction-class": self.prediction_class,
            "--package": self.packages,
            "--framework": self.framework,
            "--shim": self.shims,
            "--strict": self.flags,
            "--require-signature": self.require_signature,
        }
        given = [flag for flag, value in for_routines.items() if value]
        if given:
            raise UsageError(
                f"{', '.join(given)} cannot be given for a URL.",
                hint="The server behind the URL has its own model.",
            )
        assert self.target is not None
        return UrlEndpoint(self.target, headers=self.headers, timeout_s=self.timeout_s)

    def _options(self) -> dict[str, Any]:
        target, model_dir = self.target, self.model_dir
        if target and not (model_dir or self.prediction_class) and _is_model_dir(target):
            target, model_dir = None, target
        if not (target or model_dir or self.prediction_class or self.packages):
            target = "."
        return {
            "target": target,
            "model_dir": model_dir,
            "prediction_class": self.prediction_class,
            "packages": self.packages,
            "framework": self.framework,
            "shims": self.shims,
            "flags": dict(self.flags),
            "require_signature": self.require_signature,
        }


def _is_model_dir(target: str) -> bool:
    """Whether a target without a model directory is one itself: no project, no code."""
    if "://" in target:
        return True
    folder = Path(target)
    return folder.is_dir() and settings_file(folder) is None and not candidates([folder])
