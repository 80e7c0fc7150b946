"""Runs a routine in few child processes, and records what there is to see."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cpr.checks.behaviour.inside import look_inside
from cpr.checks.behaviour.observations import (
    Answer,
    Ending,
    Fault,
    Loaded,
    Observations,
    Place,
    Touched,
)
from cpr.checks.behaviour.session import Ended, Limits, Session, absolute
from cpr.checks.behaviour.staging import stage
from cpr.checks.subject import Subject

_RESTARTS = 2
_NOT_FOUND = ("FileNotFoundError", "NotADirectoryError")


class Observer:
    """Collects the observations of one routine; `run` once.

    Args:
        subject: The routine.
        limits: When a process is given up.
        folder: Where model directories are copied to.
        resources: What ends the processes.
    """

    def __init__(
        self, subject: Subject, limits: Limits, folder: Path, resources: ExitStack
    ) -> None:
        self._subject = subject
        self._open_with = absolute(subject.open_with)
        self._limits = limits
        self._folder = folder
        self._resources = resources
        self._cwd: Path | None = None
        self._endings: list[Ending] = []
        self._sessions: list[Session] = []
        self._seen: dict[str, Any] = {}

    def run(self) -> Observations:
        """Observe everything that can be seen."""
        session = self._first_session()
        if session is not None:
            session = self._answer_all(session)
        if session is not None:
            self._look(session)
            self._ask_elsewhere()
            self._ask_read_only()
        peak = max((session.peak_rss_bytes for session in self._sessions), default=0)
        self._seen.setdefault("peak_rss_bytes", peak)
        return Observations(
            requests=self._subject.requests,
            endings=tuple(self._endings),
            cpu_s=max((s.cpu_s for s in self._sessions), default=0.0),
            **self._seen,
        )

    def _open(self, cwd: Path | None = None, *, read_only: bool = False) -> Session:
        place = stage(self._subject.model_dir, self._folder)
        session = Session(self._open_with, place, self._limits, cwd=cwd, read_only=read_only)
        self._sessions.append(self._resources.enter_context(session))
        return session

    def _first_session(self) -> Session | None:
        """A process with the routine loaded; where that fails, tried in the caller's directory."""
        session = self._open()
        loaded = self._load(session)
        if isinstance(loaded, Fault):
            self._seen["load_fault"] = loaded
            if not loaded.raised:
                return None
            session, self._cwd = self._open(Path.cwd()), Path.cwd()
            loaded = self._load(session)
            if isinstance(loaded, Loaded):
                self._seen["needs_directory"] = True
        if not isinstance(loaded, Loaded):
            return None
        self._seen["loaded"] = loaded
        return session

    def _load(self, session: Session) -> Loaded | Fault | None:
        try:
            return session.load()
        except Ended as ended:
            self._endings.append(ended.ending)
            return None

    def _answer_all(self, session: Session) -> Session | None:
        """Answer each request; a process that ends is replaced, a few times."""
        answers, alive = self._answers(session)
        if alive is not None and self._cwd is None and _not_found(answers):
            here = self._open(Path.cwd())
            if isinstance(self._load(here), Loaded):
                retried, alive_here = self._answers(here)
                if alive_here is not None and len(_not_found(retried)) < len(_not_found(answers)):
                    self._seen["needs_directory"], self._cwd = True, Path.cwd()
                    answers, alive = retried, alive_here
        self._seen["answers"] = tuple(answers)
        return alive

    def _answers(self, session: Session) -> tuple[list[Answer | None], Session | None]:
        requests = self._subject.requests
        answers: list[Answer | None] = [None] * len(requests)
        restarts = _RESTARTS
        for number, body in enumerate(requests):
            try:
                answers[number] = session.answer(body, phase="answering a request", request=number)
            except Ended as ended:
                self._endings.append(ended.ending)
                session = self._open(self._cwd)
                restarts -= 1
                if restarts < 0 or not isinstance(self._load(session), Loaded):
                    return answers, None
        return answers, session

    def _look(self, session: Session) -> None:
        """See what the process does when it is asked again, otherwise, and at once."""
        answered = [
            (number, body)
            for number, body in enumerate(self._subject.requests)
            if self._answer_to(number) is not None
        ]
        try:
            for name, value in look_inside(session, answered, self._seen):
                self._seen[name] = value
        except Ended as ended:
            self._endings.append(ended.ending)
        told, place = session.finish(), session.stage
        writes = [file for file in told["files"] if file["how"] == "write"]
        self._seen["written_in_model_dir"] = _touched(place.written(), place.model_dir, writes)
        self._seen["left_in_directory"] = _touched(place.left(), place.folder, writes)
        self._seen["printed_at"] = tuple(Place(*spot) for spot in told["prints"])

    def _answer_to(self, number: int) -> Answer | None:
        """The first answer to a request, if there are predictions in it."""
        answer: Answer | None = self._seen["answers"][number]
        return answer if answer is not None and answer.is_ok else None

    def _ask_elsewhere(self) -> None:
        """Ask another process, whose model directory is gone once it has loaded."""
        session = self._open(self._cwd)
        if not isinstance(self._load(session), Loaded):
            return
        session.stage.remove_model()
        answers: list[Answer | None] = [None] * len(self._subject.requests)
        for number, body in enumerate(self._subject.requests):
            if self._answer_to(number) is None:
                continue
            try:
                answers[number] = session.answer(body, phase="answering a request")
            except Ended as ended:
                fault = Fault("UserCodeError", ended.ending.problem, ended.ending.hint)
                answers[number] = Answer(fault=fault)
                break
        self._seen["elsewhere"] = tuple(answers)
        folder = session.stage.model_dir
        late = [
            file
            for file in session.finish()["files"]
            if file["how"] == "read" and file["phase"] == "answering"
        ]
        names = [_name(file["path"], folder) for file in late if _name(file["path"], folder)]
        self._seen["read_late"] = _touched(list(dict.fromkeys(names)), folder, late)

    def _ask_read_only(self) -> None:
        """If it wrote into the model directory: does it need to?"""
        if not self._seen["written_in_model_dir"]:
            return
        session = self._open(self._cwd, read_only=True)
        session.stage.protect(is_read_only=True)
        try:
            loaded = session.load()
            answers = [] if isinstance(loaded, Fault) else self._answers(session)[0]
        except Ended as ended:
            loaded, answers = Fault("UserCodeError", ended.ending.problem, ended.ending.hint), []
        finally:
            session.stage.protect(is_read_only=False)
        faults = [answer.fault for answer in answers if answer is not None and answer.fault]
        before = [a.fault.problem for a in self._seen["answers"] if a is not None and a.fault]
        new = [fault for fault in faults if fault.problem not in before]
        self._seen["fails_read_only"] = (
            loaded if isinstance(loaded, Fault) else next(iter(new), None)
        )


def _not_found(answers: list[Answer | None]) -> list[Answer]:
    return [a for a in answers if a is not None and a.fault and a.fault.raised in _NOT_FOUND]


def _touched(names: list[str], folder: Path, files: list[dict[str, Any]]) -> tuple[Touched, ...]:
    """Files by name, with the line of user code that opened each, where one is known."""
    known = {_name(file["path"], folder): file for file in reversed(files)}
    unknown = {"phase": "", "place": ("", 0)}
    found = [(name, known.get(name, unknown)) for name in names]
    return tuple(Touched(name, file["phase"], Place(*file["place"])) for name, file in found)


def _name(path: str, folder: Path) -> str:
    """A path relative to a folder; "" if it does not lie in it."""
    try:
        name = Path(path).relative_to(folder.resolve()).as_posix()
    except ValueError:
        return ""
    return name
