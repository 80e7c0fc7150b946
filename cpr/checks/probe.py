"""What importing the prediction class in a clean process did; found out once a check."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpr.checks.content import content_of
from cpr.checks.distributions import hidden_modules
from cpr.checks.subject import Subject
from cpr.errors import UserCodeError
from cpr.isolated import ChildProcess

TIME_LIMIT_S = 30.0


@dataclass(frozen=True)
class Place:
    """A line of the routine, by the file's name in the package."""

    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Failure:
    """The class could not be imported: what was raised, where, and what was missing."""

    said: str
    place: Place
    missing: str = ""
    shim: str = ""
    hint: str = ""


@dataclass(frozen=True)
class ClassFault:
    """What `cpr.contract` says of the class; `fault` is the name of a `cpr.contract.Fault`."""

    fault: str
    problem: str
    hint: str
    place: Place


@dataclass(frozen=True)
class Effect:
    """Something that importing did: kind is network, file or process."""

    kind: str
    what: str
    place: Place


@dataclass(frozen=True)
class Probe:
    """The outcome of the import."""

    failure: Failure | None
    fault: ClassFault | None
    is_found: bool
    effects: tuple[Effect, ...]
    modules: tuple[str, ...]
    stdout_bytes: int


def probe(subject: Subject) -> Probe | None:
    """Import the prediction class in a clean process; None where nothing is to be run."""
    if not subject.prediction_class or subject.told.get("_no_run"):
        return None
    if "_probe" not in subject.told:
        subject.told["_probe"] = _probe(subject)
    found: Probe = subject.told["_probe"]
    return found


def _probe(subject: Subject) -> Probe:
    content = content_of(subject)
    with ExitStack() as resources:
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="cpr-check-")))
        folder = folder.resolve()
        roots = [str(root) for root in subject.sources.roots]
        if content.files is not None:
            roots = [str(content.copy_to(folder / "package"))]
        empty = folder / "cwd"
        empty.mkdir()
        tops = {item.top for module in content.modules for item in module.imports}
        hidden: list[str] = []
        if content.requirements is not None:
            hidden = hidden_modules(content.requirements, tops - sys.stdlib_module_names)
        task = {
            "do": "import",
            "name": subject.prediction_class,
            "roots": roots,
            "hidden": hidden,
            "shims": list(subject.open_with.get("shims", ())),
            "strict": subject.settings.predictor.strict,
        }
        return _ask(task, roots, str(empty))


def _ask(task: dict[str, Any], roots: list[str], cwd: str) -> Probe:
    child = ChildProcess("cpr.checks.import_child", clean=True, echo=False, cwd=cwd)
    try:
        answer = child.ask(task, timeout_s=TIME_LIMIT_S, doing=f"importing {task['name']!r}")
    except UserCodeError as error:
        failure = Failure(error.problem.rstrip("."), Place(), hint=error.hint)
        return Probe(failure, None, False, (), (), child.stdout_bytes)
    finally:
        child.end()
    header = answer.header
    raised, fault = header["failure"], header["fault"]
    return Probe(
        failure=None
        if raised is None
        else Failure(raised["said"], _place(raised, roots), raised["missing"], raised["shim"]),
        fault=None
        if fault is None
        else ClassFault(fault["fault"], fault["problem"], fault["hint"], _place(fault, roots)),
        is_found=header["is_found"],
        effects=tuple(
            Effect(item["kind"], item["what"], _place(item, roots)) for item in header["effects"]
        ),
        modules=tuple(header["modules"]),
        stdout_bytes=child.stdout_bytes,
    )


def _place(document: dict[str, Any], roots: list[str]) -> Place:
    """Where it was, with the file's path below the import root."""
    file = document["file"]
    for root in roots:
        if file.startswith(f"{root}/"):
            return Place(file[len(root) + 1 :], document["line"])
    return Place(file, document["line"]) if file else Place()
