"""Compiles a model directory: candidates, the proof, the figures, the winner's files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cpr.artifacts.compiled import FOLDER, folder_of, hash_source
from cpr.artifacts.detect import Artifact, detect
from cpr.compiling.builds import CANDIDATES
from cpr.compiling.placing import check_free, place, remove
from cpr.compiling.recording import draft, finish, size_bytes
from cpr.compiling.report import ORIGINAL, Candidate, CompileReport, Figure, Part, choose, why_none
from cpr.compiling.subject import SIGNATURE_KINDS, Subject
from cpr.config import PredictorSettings
from cpr.errors import CprError, UserCodeError
from cpr.isolated.process import ChildProcess
from cpr.runtimes.signatures import find_default

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
class _Work:
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


def compile_model(
    model_dir: str | Path,
    *,
    framework: str | None = None,
    settings: PredictorSettings | None = None,
    terms: CompileTerms | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> CompileReport:
    """Write the fastest model that answers as the one in a model directory does.

    Candidates are built in processes of their own; each is compared with the
    original on sample instances before it is timed beside it. The winner goes
    to the directory ``compiled`` beside the original, in one step, with the
    record of all that; one that an earlier run left there is replaced, or
    removed where nothing wins.

    Args:
        model_dir: A local directory; it is written into.
        framework: Which model, where there are several.
        settings: `tags`, `trust` and `trusted` are heeded.
        terms: What candidates are held to.
        tell: Called with what is done next.

    Raises:
        LoadError: There is no model, or it cannot be loaded.
        EnvironmentProblem: It cannot be written, or ``compiled`` is not of `cpr compile`.
    """
    settings = settings or PredictorSettings()
    artifact = detect(Path(model_dir), framework)
    # The version directory itself, where the highest of several is meant.
    subject = Subject(
        folder_of(artifact).parent.absolute(),
        artifact.kind.value,
        settings.tags,
        settings.trust,
        settings.trusted,
        "transform" if settings.output == "transform" else "",
    )
    terms = terms or CompileTerms()
    candidates = [
        Candidate(runtime, option, is_whole=artifact.kind not in SIGNATURE_KINDS)
        for runtime, option in CANDIDATES.get(artifact.kind, ())
        if not terms.runtimes or runtime in terms.runtimes
    ]
    if not candidates:
        return _no_candidates(artifact, terms)
    folder = folder_of(artifact)
    check_free(folder)
    with tempfile.TemporaryDirectory(prefix="cpr-compile-", ignore_cleanup_errors=True) as made:
        # Before the model is read: what is written meanwhile is another model.
        work = _Work(artifact, subject, terms, Path(made), tell, hash_source(artifact))
        _try(work, candidates)
        chosen = choose(candidates, default=find_default(work.facts.get("signatures", ())))
        if chosen is None:
            remove(folder)
        else:
            _place(folder, work, chosen)
    return CompileReport(
        artifact.path, artifact.kind.value, candidates, chosen, folder if chosen else None
    )


def _no_candidates(artifact: Artifact, terms: CompileTerms) -> CompileReport:
    known = sorted({runtime for runtime, _ in CANDIDATES.get(artifact.kind, ())})
    if known:
        asked = ", ".join(terms.runtimes)
        why_not = f"{artifact.kind.value} models are compiled for {', '.join(known)}, not {asked}"
    else:
        why_not = f"{artifact.path.name} is in a form for serving already"
    only = Candidate("native", why_not=why_not)
    return CompileReport(artifact.path, artifact.kind.value, [only], None, None)


def _try(work: _Work, candidates: Sequence[Candidate]) -> None:
    with ExitStack() as children:
        work.tell("loading the original")
        original = work.subject.staged(work.folder / ORIGINAL)
        bench, found = _probe(work, original, children)
        if "declined" in found:
            for item in candidates:
                item.why_not = found["declined"]
            return
        work.facts = found["facts"]
        for item in candidates:
            work.tell(f"building for {item.name}")
            _build(work, original, item)
        built = [item for item in candidates if not item.why_not]
        if built:
            work.tell("comparing and timing")
            _judge(work, original, built, bench)


def _probe(
    work: _Work, original: Subject, children: ExitStack
) -> tuple[ChildProcess, dict[str, Any]]:
    """A child that has loaded the original, and what it found out.

    Where the original itself ends the process over instances of odd shapes, as
    TensorFlow's convolutions do, another child leaves those away.
    """
    question = {"do": "probe", "subject": original.to_json()}
    doing = f"loading {work.artifact.path}"
    bench = _start(children)
    try:
        try:
            return bench, _ask(bench, work, {**question, "careful": False}, doing)
        except UserCodeError:
            if bench.is_alive:
                raise
            bench = _start(children)
            return bench, _ask(bench, work, {**question, "careful": True}, doing)
    except CprError as error:
        staged, real = str(original.folder), str(work.subject.folder)
        error.problem = error.problem.replace(staged, real)
        error.args = (error.problem,)
        raise


def _build(work: _Work, original: Subject, item: Candidate) -> None:
    into = work.folder / item.name.replace(" ", "-") / FOLDER
    into.mkdir(parents=True)
    question = {
        "do": "build",
        "subject": original.to_json(),
        "runtime": item.runtime,
        "option": item.option,
        "facts": work.facts,
        "into": str(into),
    }
    with ExitStack() as children:
        try:
            answer = _ask(_start(children), work, question, f"building for {item.name}")
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


def _judge(work: _Work, original: Subject, built: list[Candidate], bench: ChildProcess) -> None:
    """Judge all in one process; where that ends, each in one of its own."""
    try:
        answer = _ask(bench, work, _question(work, original, built), "comparing candidates")
    except UserCodeError as error:
        if len(built) == 1:
            built[0].why_not = error.problem
            return
        for item in built:
            with ExitStack() as children:
                _judge(work, original, [item], _start(children))
        return
    for item in built:
        _heed(item, answer["verdicts"][item.name], answer["figures"], work)


def _heed(
    item: Candidate,
    verdict: Mapping[str, Any],
    figures: Sequence[Mapping[str, Any]],
    work: _Work,
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
        parts[name] = part
    item.parts = list(parts.values())


def _question(work: _Work, original: Subject, built: Sequence[Candidate]) -> dict[str, Any]:
    terms = work.terms
    return {
        "do": "judge",
        "subject": original.to_json(),
        "facts": work.facts,
        "atol": terms.atol,
        "rtol": terms.rtol,
        "batch_sizes": list(terms.batch_sizes),
        "given": [dict(item) for item in terms.given],
        "companions": str(work.subject.folder),
        "candidates": {
            item.name: {
                **work.staged[item.name].to_json(),
                "runtime": item.runtime,
                "variants": None if item.is_whole else [part.name for part in item.answered],
            }
            for item in built
        },
    }


def _start(children: ExitStack) -> ChildProcess:
    child = ChildProcess(_ENTRY, echo=False)
    children.callback(child.end)
    return child


def _ask(
    child: ChildProcess, work: _Work, question: Mapping[str, Any], doing: str
) -> dict[str, Any]:
    return child.ask(question, timeout_s=work.terms.time_limit_s, doing=doing).header


def _place(folder: Path, work: _Work, chosen: Candidate) -> None:
    """Put the winner's files and its record into place."""
    terms = work.terms
    record = finish(work.records[chosen.name], chosen, atol=terms.atol, rtol=terms.rtol)
    chosen.size_bytes = size_bytes(record)
    made = work.staged[chosen.name].folder / FOLDER
    for name in set(work.records[chosen.name]["files"]) - set(record["files"]):
        (made / name).unlink()
    place(made, record, folder)
