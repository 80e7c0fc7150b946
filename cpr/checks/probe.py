"""What importing the prediction class in a clean process did; found out once a check."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
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
    """The class could not be imported: what was raised, where, and what was missing.

    `traceback` holds the user's own frames, with files by their names in the package.
    """

    said: str
    place: Place
    missing: str = ""
    shim: str = ""
    hint: str = ""
    traceback: str = ""


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
        files = {name: subject.relative(path) for name, path in (content.files or {}).items()}
        return _ask(task, str(empty), _Places(roots, files))


@dataclass(frozen=True)
class _Places:
    """Turns the paths that the child saw into those of the routine's own files.

    `files` are the names in the staged package, with their paths in the project.
    """

    roots: list[str]
    files: Mapping[str, str]

    def of(self, document: Mapping[str, Any]) -> Place:
        """The place that a part of the child's answer names."""
        file: str = document["file"]
        for root in self.roots:
            if file.startswith(f"{root}/"):
                name = file[len(root) + 1 :]
                return Place(self.files.get(name, name), document["line"])
        return Place(file, document["line"]) if file else Place()


def _ask(task: dict[str, Any], cwd: str, places: _Places) -> Probe:
    child = ChildProcess("cpr.checks.import_child", clean=True, echo=False, cwd=cwd)
    try:
        answer = child.ask(task, timeout_s=TIME_LIMIT_S, doing=f"importing {task['name']!r}")
    except UserCodeError as error:
        failure = Failure(error.problem.rstrip("."), Place(), hint=error.hint)
        return Probe(failure, None, is_found=False, effects=())
    finally:
        child.end()
    header = answer.header
    return Probe(
        failure=_failure(header["failure"], places),
        fault=_fault(header["fault"], places),
        is_found=header["is_found"],
        effects=tuple(
            Effect(item["kind"], item["what"], places.of(item)) for item in header["effects"]
        ),
    )


def _failure(raised: Mapping[str, Any] | None, places: _Places) -> Failure | None:
    if raised is None:
        return None
    traceback = raised["traceback"]
    for root in places.roots:
        traceback = traceback.replace(f"{root}/", "")
    return Failure(
        raised["said"],
        places.of(raised),
        missing=raised["missing"],
        shim=raised["shim"],
        traceback=traceback,
    )


def _fault(fault: Mapping[str, Any] | None, places: _Places) -> ClassFault | None:
    if fault is None:
        return None
    return ClassFault(fault["fault"], fault["problem"], fault["hint"], places.of(fault))
