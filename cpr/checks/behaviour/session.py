"""One child process with a routine in it, asked until it ends."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from cpr.checks.behaviour.observations import Answer, Ending, Fault, Loaded, Phase, Place
from cpr.checks.behaviour.staging import Stage
from cpr.errors import CprError, UserCodeError
from cpr.isolated import ChildProcess
from cpr.isolated.channel import Message

_TEXTS = ("problem", "hint")


@dataclass(frozen=True)
class Limits:
    """When a process is given up: after so many seconds of loading, or of one request."""

    load_s: float = 300.0
    request_s: float = 120.0
    close_s: float = 10.0


class Ended(Exception):
    """The process is gone."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.problem)
        self.ending = ending


class Session:
    """A child with one routine; a context manager.

    Args:
        open_with: For `open_routine`; the model directory is the stage's.
        stage: Where it runs.
        limits: When it is given up.
        cwd: Its current directory, if not the stage's.
        read_only: Refuse to write into the model directory.
    """

    def __init__(
        self,
        open_with: Mapping[str, Any],
        stage: Stage,
        limits: Limits,
        *,
        cwd: Path | None = None,
        read_only: bool = False,
    ) -> None:
        self.stage = stage
        self.peak_rss_bytes = 0
        self.cpu_s = 0.0
        self.limits = limits
        self._header: dict[str, Any] = {
            "open_with": {**open_with, "model_dir": str(stage.model_dir)},
            "model_dir": str(stage.model_dir),
            "folder": str(stage.folder),
            "read_only": read_only,
        }
        self._child = ChildProcess(
            "cpr.checks.behaviour.probe", echo=False, cwd=str(cwd or stage.folder)
        )

    def load(self) -> Loaded | Fault:
        """Load the routine, or say why it does not.

        Raises:
            Ended: The process ended meanwhile.
        """
        message = self.ask("load", limit_s=self.limits.load_s, phase="loading", **self._header)
        header = message.header
        if header["fault"]:
            return self._fault(header["fault"])
        return Loaded(
            name=header["name"],
            is_ready_made=header["is_ready_made"],
            is_subclass=header["is_subclass"],
            is_batchable=header["is_batchable"],
            is_vertex=header["is_vertex"],
            seconds=header["seconds"],
            cpu_s=header["cpu_s"],
            peak_rss_bytes=self.peak_rss_bytes,
            stdout_bytes=self._child.stdout_bytes,
            places={name: Place(*place) for name, place in header["places"].items()},
        )

    def answer(self, body: bytes, *, phase: Phase, request: int = -1) -> Answer:
        """Answer one request as a server would.

        Raises:
            Ended: The process ended meanwhile.
        """
        before = self._child.stdout_bytes
        message = self.ask("answer", [body], phase=phase, request=request)
        (answer,) = self.answers(message, printed=self._child.stdout_bytes - before)
        return answer

    def ask(
        self,
        what: str,
        bodies: Sequence[bytes] = (),
        *,
        phase: Phase,
        limit_s: float = 0.0,
        request: int = -1,
        **header: Any,
    ) -> Message:
        """Ask the probe anything; the limit is one request's for each body.

        Raises:
            Ended: The process ended meanwhile.
        """
        limit_s = limit_s or self.limits.request_s * max(len(bodies), 1)
        try:
            message = self._child.ask(
                {"do": what, **header}, bodies, timeout_s=limit_s, doing=phase
            )
        except UserCodeError as error:
            if self._child.is_alive:
                raise
            is_hang = isinstance(error.__cause__, TimeoutError)
            raise Ended(
                Ending(phase, error.problem, error.hint, is_hang, limit_s, request)
            ) from error
        usage = message.header["usage"]
        self.peak_rss_bytes, self.cpu_s = usage["peak_rss_bytes"], usage["cpu_s"]
        return message

    def answers(self, message: Message, *, printed: int = 0) -> list[Answer]:
        """The answers that a message holds; the copy of the model directory is not named."""
        return [
            Answer(
                body=self.stage.told(body),
                fault=self._fault(document["fault"]) if document["fault"] else None,
                seconds=document["seconds"],
                stdout_bytes=printed,
                instance_count=document.get("instance_count", 0),
            )
            for document, body in zip(message.header["answers"], message.blobs, strict=True)
        ]

    def _fault(self, document: Mapping[str, Any]) -> Fault:
        told = {key: self.stage.told(str(document[key]).encode()).decode() for key in _TEXTS}
        return Fault(**{**document, **told, "place": Place(*document["place"])})

    def finish(self) -> Mapping[str, Any]:
        """Close the routine; returns the files and prints that were seen, if it still tells."""
        try:
            close_s = self.limits.close_s
            message = self._child.ask({"do": "close"}, timeout_s=close_s, doing="closing")
        except CprError:
            return {"files": [], "prints": []}  # a close hook that fails loses nothing else
        return message.header

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.end()


def absolute(open_with: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `open_routine`, made independent of the current directory."""
    target = open_with.get("target")
    packages = [os.path.abspath(package) for package in open_with.get("packages", ())]  # noqa: PTH100
    found = {**open_with, "packages": packages, "shims": list(open_with.get("shims", ()))}
    if open_with.get("require_signature"):
        found["require_signature"] = str(Path(open_with["require_signature"]).absolute())
    if target is None:
        return found
    location, colon, attribute = str(target).rpartition(":")
    if Path(target).expanduser().exists():
        found["target"] = str(Path(target).expanduser().absolute())
    elif colon and Path(location).expanduser().exists():
        found["target"] = f"{Path(location).expanduser().absolute()}:{attribute}"
    else:
        found["target"] = str(Path.cwd())
        found["prediction_class"] = open_with.get("prediction_class") or target.replace(":", ".")
    return found
