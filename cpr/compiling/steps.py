"""The steps of compiling a model, each in a process of its own: probe, build, judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cpr.artifacts.compiled import FOLDER
from cpr.artifacts.detect import Artifact
from cpr.compiling.recording import draft, size_bytes
from cpr.compiling.report import ORIGINAL, Candidate, Figure, Part, why_none
from cpr.compiling.subject import Subject
from cpr.errors import CprError, UserCodeError
from cpr.isolated.process import ChildProcess

_ENTRY = "cpr.compiling.operations"


@dataclass(frozen=True)
class CompileTerms:
    """How a model is to be compiled.

    Attributes:
        atol: How far a number may be off,
        rtol: and how far as a part of the original's.
        batch_sizes: The instances of a call at which candidates are timed.
        given: Requests that are known to be good, besides those made up.
        runtimes: The runtimes to try; all that there are if empty.
        time_limit_s: For each step of each candidate.
    """

    atol: float = 1e-5
    rtol: float = 1e-4
    batch_sizes: tuple[int, ...] = (1, 64)
    given: tuple[Mapping[str, Any], ...] = ()
    runtimes: tuple[str, ...] = ()
    time_limit_s: float = 300.0


@dataclass
class Work:
    """What is known of one run."""

    artifact: Artifact
    subject: Subject
    terms: CompileTerms
    folder: Path
    tell: Callable[[str], None]
    source: Mapping[str, str]
    facts: dict[str, Any] = field(default_factory=dict)
    staged: dict[str, Subject] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)


def probe(
    work: Work, original: Subject, children: ExitStack
) -> tuple[ChildProcess, dict[str, Any]]:
    """A child that has loaded the original, and what it found out.

    Where the original itself ends the process over instances of odd shapes, as
    TensorFlow's convolutions do, another child leaves those away.
    """
    question = {"do": "probe", "subject": original.to_json(), **_given(work)}
    doing = f"loading {work.artifact.path}"
    bench = start(children)
    try:
        try:
            return bench, _ask(bench, work, {**question, "careful": False}, doing)
        except UserCodeError:
            if bench.is_alive:
                raise
            bench = start(children)
            return bench, _ask(bench, work, {**question, "careful": True}, doing)
    except CprError as error:
        staged, real = str(original.folder), str(work.subject.folder)
        error.problem = error.problem.replace(staged, real)
        error.args = (error.problem,)
        raise


def build(work: Work, original: Subject, item: Candidate) -> None:
    """Have a child write a candidate's files, and stage them; or note why that cannot be."""
    into = work.folder / item.name.replace(" ", "-") / FOLDER
    into.mkdir(parents=True)
    question = {
        "do": "build",
        "subject": original.to_json(),
        "runtime": item.runtime,
        "option": item.option,
        "facts": work.facts,
        "batch_sizes": list(work.terms.batch_sizes),
        "into": str(into),
    }
    with ExitStack() as children:
        try:
            answer = _ask(start(children), work, question, f"building for {item.name}")
        except CprError as error:
            item.why_not = error.problem if not error.hint else f"{error.problem} {error.hint}"
            return
    if "declined" in answer:
        item.why_not = answer["declined"]
        return
    model = answer["model"]
    for name, entry in model.get("signatures", {}).items():
        item.parts.append(Part(name, entry.get("why_not", "")))
    if item.parts and not item.answered:
        item.why_not = why_none(item.parts)
        return
    record = draft(item.runtime, work.artifact.kind.value, work.source, into, model)
    item.size_bytes = size_bytes(record)
    work.records[item.name] = record
    work.staged[item.name] = work.subject.staged(into.parent, record)


def judge(work: Work, original: Subject, built: list[Candidate], bench: ChildProcess) -> None:
    """Judge all in one process; where that ends, each in one of its own."""
    try:
        answer = _ask(bench, work, _question(work, original, built), "comparing candidates")
    except UserCodeError as error:
        if len(built) == 1:
            built[0].why_not = error.problem
            return
        for item in built:
            with ExitStack() as children:
                judge(work, original, [item], start(children))
        return
    for item in built:
        _heed(item, answer["verdicts"][item.name], answer["figures"], work)


def _heed(
    item: Candidate,
    verdict: Mapping[str, Any],
    figures: Sequence[Mapping[str, Any]],
    work: Work,
) -> None:
    """Note what became of each part of a candidate."""
    parts = {part.name: part for part in item.parts}
    for name, why_not in verdict["why_not"].items():
        found = verdict["deviations"][name]
        part = Part(
            name,
            why_not.replace(f"{work.staged[item.name].folder}/", ""),
            found["largest"],
            found["values"],
            found["labels"],
            [
                Figure(name, one["batch_size"], one["us"][ORIGINAL], one["us"][item.name])
                for one in figures
                if one["variant"] == name and item.name in one["us"]
            ],
        )
        if not part.why_not and not part.figures:
            sizes = ", ".join(map(str, work.terms.batch_sizes))
            part.why_not = f"the original answers no request of {sizes} instances to be timed at"
        parts[name] = part
    item.parts = list(parts.values())


def _question(work: Work, original: Subject, built: Sequence[Candidate]) -> dict[str, Any]:
    terms = work.terms
    # A runtime that fills batches up is slowest where it fills up most.
    filled = {sizes[-1] // 2 + 1 for item in built if (sizes := _sizes(work, item))}
    return {
        "do": "judge",
        "subject": original.to_json(),
        "facts": work.facts,
        "atol": terms.atol,
        "rtol": terms.rtol,
        "batch_sizes": sorted({*terms.batch_sizes, *filled}),
        **_given(work),
        "candidates": {
            item.name: {
                **work.staged[item.name].to_json(),
                "runtime": item.runtime,
                "variants": None if item.is_whole else [part.name for part in item.answered],
                "counts": [sizes[-1] + 1] if (sizes := _sizes(work, item)) else [],
            }
            for item in built
        },
    }


def _given(work: Work) -> dict[str, Any]:
    """The requests that were given, and where their preprocessor is, if there is one."""
    given = [dict(item) for item in work.terms.given]
    return {"given": given, "companions": str(work.subject.folder)}


def _sizes(work: Work, item: Candidate) -> list[int]:
    """The batch sizes that a candidate was built for, if there are any."""
    sizes: list[int] = work.records[item.name]["model"].get("batch_sizes", [])
    return sizes


def start(children: ExitStack) -> ChildProcess:
    """A child for these steps, which ends with `children`."""
    child = ChildProcess(_ENTRY, echo=False)
    children.callback(child.end)
    return child


def _ask(
    child: ChildProcess, work: Work, question: Mapping[str, Any], doing: str
) -> dict[str, Any]:
    return child.ask(question, timeout_s=work.terms.time_limit_s, doing=doing).header
