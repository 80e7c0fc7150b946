"""Compiles a model directory: candidates, the proof, the figures, the winner's files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from cpr.artifacts.compiled import FOLDER, folder_of, hash_source
from cpr.artifacts.detect import Artifact, detect
from cpr.compiling.builds import CANDIDATES, LAST
from cpr.compiling.placing import check_free, place, remove
from cpr.compiling.recording import finish, size_bytes
from cpr.compiling.report import ORIGINAL, Candidate, CompileReport, choose
from cpr.compiling.steps import CompileTerms, Work, build, judge, probe, start
from cpr.compiling.subject import SIGNATURE_KINDS, Subject
from cpr.config import PredictorSettings
from cpr.runtimes.signatures import find_default


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
        settings: `tags`, `trust`, `trusted` and `preprocessor` are heeded.
        terms: What candidates are held to.
        tell: Called with what is done next.

    Raises:
        LoadError: There is no model, or it cannot be loaded.
        EnvironmentProblem: It cannot be written, or ``compiled`` is not of `cpr compile`.
    """
    settings = settings or PredictorSettings()
    artifact = detect(Path(model_dir), framework, takes_class=False)
    # The version directory itself, where the highest of several is meant.
    subject = Subject(
        folder_of(artifact).parent.absolute(),
        artifact.kind.value,
        settings.tags,
        settings.trust,
        settings.trusted,
        "transform" if settings.output == "transform" else "",
        settings.preprocessor,
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
        work = Work(artifact, subject, terms, Path(made), tell, hash_source(artifact))
        chosen = _try(work, candidates)
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


def _try(work: Work, candidates: Sequence[Candidate]) -> Candidate | None:
    """Build and judge candidates, those of the last resort only if no other one wins."""
    with ExitStack() as children:
        work.tell("loading the original")
        original = work.subject.staged(work.folder / ORIGINAL)
        bench, found = probe(work, original, children)
        if "declined" in found:
            for item in candidates:
                item.why_not = found["declined"]
            return None
        work.facts = found["facts"]
        default = find_default(work.facts.get("signatures", ()))
        last = [] if work.terms.runtimes else [it for it in candidates if it.runtime in LAST]
        first = [item for item in candidates if item not in last]
        for group in (first, last):
            for item in group:
                work.tell(f"building for {item.name}")
                build(work, original, item)
            built = [item for item in group if not item.why_not]
            if built:
                work.tell("comparing and timing")
                bench = bench if bench.is_alive else start(children)
                judge(work, original, built, bench)
            chosen = choose(group, default=default)
            if chosen is not None:
                break
        if chosen is not None and chosen in first:
            for item in last:
                item.why_not = (
                    f"not tried: it needs TensorFlow, and {chosen.name} does not; "
                    f"--runtime {item.runtime} tries it"
                )
        return chosen


def _place(folder: Path, work: Work, chosen: Candidate) -> None:
    """Put the winner's files and its record into place."""
    terms = work.terms
    record = finish(work.records[chosen.name], chosen, atol=terms.atol, rtol=terms.rtol)
    chosen.size_bytes = size_bytes(record)
    made = work.staged[chosen.name].folder / FOLDER
    for name in set(work.records[chosen.name]["files"]) - set(record["files"]):
        (made / name).unlink()
    place(made, record, folder)
