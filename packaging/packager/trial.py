"""Try a finished package as its users will, in processes of its own, before it is let out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cpr.errors import CprError, shorten
from cpr.findings import Finding
from cpr.isolated import ChildProcess, IsolatedRoutine, open_isolated
from cpr.messages import Call, Reply
from cpr.packager.rules import (
    ANSWERS_DIFFER,
    ANSWERS_VARY,
    FAILS_ALONE,
    NOT_COMPARED,
    REQUEST_FAILS,
)

Depth = Literal["imported", "loaded", "answered"]

_LIMIT_S = 600.0
# Libraries add up floats in an order that may change between two processes.
_RELATIVE, _ABSOLUTE = 1e-5, 1e-7


@dataclass(frozen=True)
class Served:
    """One routine to try: what is loaded, with which model, from which current directory.

    `target` is a package file or a project directory, `prediction_class` is
    empty where the package names its own. All paths are absolute.
    """

    target: Path
    model_dir: Path | None
    folder: Path
    prediction_class: str = ""
    packages: tuple[Path, ...] = ()

    def open(self) -> IsolatedRoutine:
        """Load it in a process of its own."""
        return open_isolated(
            str(self.target),
            str(self.model_dir),
            prediction_class=self.prediction_class or None,
            packages=[str(path) for path in self.packages],
            echo=False,
            timeout_s=_LIMIT_S,
            cwd=self.folder,
        )


@dataclass(frozen=True)
class Trial:
    """How far a package was tried, and what came of it."""

    depth: Depth
    findings: tuple[Finding, ...] = ()
    requests: int = 0

    @property
    def is_passed(self) -> bool:
        """Whether nothing is wrong that would fail its users."""
        return not any(finding.severity == "error" for finding in self.findings)


def try_package(package: Served, project: Served, requests: Sequence[Call]) -> Trial:
    """Import a package, load its model if one is known, and compare its answers.

    Args:
        package: The finished package.
        project: The project that it was built from, which answers the same.
        requests: Sample requests; `request_id` says where each stands.
    """
    if package.model_dir is None:
        return Trial("imported", tuple(_import_alone(package)))
    try:
        with package.open() as routine:
            given = [(call, routine.answer([call])[0]) for call in requests]
    except CprError as error:
        return Trial("loaded", (_fails_alone(error),))
    if not requests:
        return Trial("loaded")
    findings = [_failed(call, reply) for call, reply in given if reply.error is not None]
    findings += _compared(project, [pair for pair in given if pair[1].error is None])
    return Trial("answered", tuple(findings), len(requests))


def _import_alone(package: Served) -> Iterator[Finding]:
    child = ChildProcess("cpr.packager.import_child", echo=False, cwd=package.folder)
    header = {
        "do": "import",
        "target": str(package.target),
        "packages": [str(path) for path in package.packages],
    }
    try:
        child.ask(header, timeout_s=_LIMIT_S, doing="importing the package")
    except CprError as error:
        yield _fails_alone(error)
    finally:
        child.end()


def _compared(project: Served, given: Sequence[tuple[Call, Reply]]) -> Iterator[Finding]:
    """Where the project's own answers to the same requests are others."""
    if not given:
        return
    try:
        with project.open() as routine:
            for call, reply in given:
                yield from _difference(routine, call, reply)
    except CprError as error:
        yield Finding(
            NOT_COMPARED,
            f"the project could not be asked for its own answers: {error.problem}",
            file=str(project.target),
        )


def _difference(project: IsolatedRoutine, call: Call, reply: Reply) -> Iterator[Finding]:
    [own] = project.answer([call])
    place = _first_difference(own, reply)
    if not place:
        return
    [again] = project.answer([call])
    if _first_difference(own, again):
        message = f"{call.request_id}: the project itself answers differently each time"
        yield Finding(ANSWERS_VARY, message, file=_file(call), line=_line(call))
        return
    yield Finding(
        ANSWERS_DIFFER,
        f"{call.request_id}: the package answers differently than the project: {place}",
        file=_file(call),
        line=_line(call),
    )


def _first_difference(own: Reply, other: Reply) -> str:
    """Where two replies differ, in words; "" where they agree."""
    if own.error is not None or other.error is not None:
        faults = [one.error.problem if one.error else "an answer" for one in (own, other)]
        return "" if own.error and other.error else f"{faults[0]} became {faults[1]}"
    if own.body == other.body:
        return ""
    return next(_differences(json.loads(own.body), json.loads(other.body), ""), "")


def _differences(own: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(own, dict) and isinstance(other, dict):
        for key in [*own, *(key for key in other if key not in own)]:
            yield from _differences(
                own.get(key, _ABSENT), other.get(key, _ABSENT), f"{path}.{key}".lstrip(".")
            )
    elif isinstance(own, list) and isinstance(other, list) and len(own) == len(other):
        for index, (one, two) in enumerate(zip(own, other, strict=True)):
            yield from _differences(one, two, f"{path}[{index}]")
    elif not _same(own, other):
        yield f"{path} is {shorten(other)} instead of {shorten(own)}"


def _same(own: Any, other: Any) -> bool:
    if isinstance(own, float) and isinstance(other, float):
        is_close = math.isclose(own, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
        return is_close or (math.isnan(own) and math.isnan(other))
    return type(own) is type(other) and bool(own == other)


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


_ABSENT = _Absent()


def _fails_alone(error: CprError) -> Finding:
    message = f"the package fails in a process of its own: {error.problem}"
    return Finding(FAILS_ALONE, message, fix=error.hint, data=_trace(error))


def _failed(call: Call, reply: Reply) -> Finding:
    assert reply.error is not None
    return Finding(
        REQUEST_FAILS,
        f"{call.request_id} fails in the package: {reply.error.problem}",
        file=_file(call),
        line=_line(call),
        fix=reply.error.hint,
        data=_trace(reply.error),
    )


def _trace(error: CprError) -> dict[str, Any]:
    return {"traceback": error.user_traceback} if error.user_traceback else {}


def _file(call: Call) -> str:
    return call.request_id.rpartition(":")[0]


def _line(call: Call) -> int:
    line = call.request_id.rpartition(":")[2]
    return int(line) if line.isdigit() else 0
