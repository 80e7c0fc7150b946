"""Whether the prediction class can be imported where only its package is."""

from __future__ import annotations

from collections.abc import Iterator

from cpr.checks.content import content_of
from cpr.checks.probe import Failure, probe
from cpr.checks.subject import Subject
from cpr.findings import Finding, rule
from cpr.requirements import unmet

IMPORT_FAILS = rule(
    "CPR206",
    "error",
    "Importing the prediction class fails",
    cause="The class was imported in a process of its own, in an empty folder, with nothing to "
    "import but the package's content and what it requires. Where the package is served it is "
    "the same: files beside the project, variables of your shell and libraries that only you "
    "have are not there.",
    cure="The message holds the exception and its line. Open files by their place beside the "
    "module or in the model directory, and state what is imported as a requirement.",
    example="""
    LABELS = open("labels.txt").read().split()      # the current directory is another one
    """,
)


def check(subject: Subject) -> Iterator[Finding]:
    """The failure of the clean import, unless another check has said why already."""
    seen = probe(subject)
    if seen is None or seen.failure is None:
        return
    failure = seen.failure
    top = failure.missing.partition(".")[0]
    name = subject.prediction_class
    is_itself = failure.missing and f"{name}.".startswith(f"{failure.missing}.")
    if is_itself or (top and _is_told(failure.missing, top, subject)):
        return
    at = f" ({failure.place.file}:{failure.place.line})" if failure.place.line else ""
    yield Finding(
        IMPORT_FAILS,
        f"importing {name!r} fails: {failure.said}{at}",
        file=failure.place.file,
        line=failure.place.line,
        fix=_fix(failure, top, subject),
        data={"traceback": failure.traceback} if failure.traceback else {},
    )


def _is_told(missing: str, top: str, subject: Subject) -> bool:
    """Whether a missing module is one that is left out, not installed, or not found at all."""
    content = content_of(subject)
    lacking = {
        one.requirement.lower().replace("-", "_")
        for one in unmet(content.requirements or ())
        if not one.installed
    }
    return (
        top in content.left_out
        or not {missing, top}.isdisjoint(subject.told.get("_missing", ()))
        or any(line.startswith(top.lower()) for line in lacking)
    )


def _fix(failure: Failure, top: str, subject: Subject) -> str:
    if failure.shim:
        return f"That has moved since the code was written; try --shim {failure.shim}."
    if top and content_of(subject).requirements is not None:
        return f"State the library that brings {top!r} as a requirement."
    return failure.hint
