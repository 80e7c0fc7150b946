"""Runs the checks: one routine in, its findings out."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cpr.checks.echoes import without_echoes
from cpr.checks.opening import open_subject
from cpr.checks.profiles import profile_named
from cpr.checks.subject import Subject
from cpr.errors import PackageRefused, UsageError, shorten
from cpr.findings import RULES, Finding, ordered, rule
from cpr.suggest import did_you_mean

# Each module has check(subject) -> Iterator[Finding], and registers its rules when imported.
GROUPS: dict[str, tuple[str, ...]] = {
    "class": ("class_shape", "class_source", "process_calls", "import_effects", "gone"),
    "package": (
        "package_content",
        "package_imports",
        "package_requirements",
        "package_metadata",
        "package_resolve",
    ),
    "artifacts": (
        "artifact_models",
        "artifact_explanations",
        "artifact_pickles",
        "artifact_files",
        "artifact_secrets",
    ),
    "behaviour": ("behaviour",),
}
# What runs the routine; pointless, or worse, while an error is known.
_LAST = "behaviour"
_GROUP_OF_DIGIT = {"1": "class", "2": "package", "3": "artifacts", "4": "behaviour"}

REFUSED = rule(
    "CPR220",
    "error",
    "The package cannot be opened",
    cause="The file is damaged, was altered after `cpr package` built it, holds links or unsafe "
    "names, or is not what its name says: a source distribution has exactly one top folder, "
    "`NAME-VERSION`. Nothing of it was unpacked, and pip would fail on it too, or install "
    "something else than you expect.",
    cure="Build it again, with `cpr package` or `python -m build --sdist`; do not repack it by "
    "hand.",
    example="""
    $ tar -czf iris-0.1.tar.gz predictor.py preprocess.py     # no top folder
    """,
)


@dataclass(frozen=True)
class CheckReport:
    """What the checks found.

    `findings` are errors first; those that the caller or the configuration
    ignores are in `silenced`. `batchable` says whether predictions were seen
    not to depend on how instances are grouped; None where nothing tells.
    `skipped` maps a group that was not run to the reason. `base` is the folder
    that the findings' files are relative to, "" for a package file.
    """

    name: str
    findings: tuple[Finding, ...]
    silenced: tuple[Finding, ...] = ()
    batchable: bool | None = None
    measurements: Mapping[str, Any] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    base: str = ""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that would fail an upload, a load or a request."""
        return tuple(item for item in self.findings if item.severity == "error")


def check_routine(
    target: str | None = None,
    model_dir: str | None = None,
    *,
    requests: Sequence[bytes] = (),
    profile: str = "",
    trust: str = "",
    packages: Sequence[str] = (),
    prediction_class: str | None = None,
    framework: str | None = None,
    shims: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    require_signature: str | Path | None = None,
    groups: Iterable[str] | None = None,
    ignore: Iterable[str] = (),
    only: Iterable[str] = (),
    no_run: bool = False,
    resolve: bool = False,
) -> CheckReport:
    """Check a routine: its class, its package, its artifacts and its behaviour.

    Args:
        target: As for `open_routine`; the current directory if nothing is given.
        model_dir: The model directory; without one, its checks are left out.
        requests: Sample request bodies.
        profile: The platform whose limits apply; else ``[check] profile``.
        trust: Which pickles may be loaded; else ``[predictor] trust``.
        packages: As for `open_routine`, like the following five.
        prediction_class: The same.
        framework: The same.
        shims: The same.
        flags: The same.
        require_signature: The same.
        groups: The groups to run, by name; all by default.
        ignore: Ids to silence, besides those of ``[check] ignore``.
        only: Ids, or names of groups: what else is found is left out.
        no_run: Read files only; import and run nothing of the routine.
        resolve: Ask pip, over the network, whether the requirements can be had.

    Raises:
        CprError: There is no such target or model directory, or the settings are wrong.
    """
    open_with = {
        "target": target or None,
        "model_dir": model_dir,
        "prediction_class": prediction_class,
        "packages": tuple(packages),
        "framework": framework,
        "shims": tuple(shims),
        "flags": dict(flags or {}),
        "require_signature": require_signature,
    }
    wanted, ignored = _wanted([*(groups or ()), *only]), set(ignore)
    with ExitStack() as resources:
        try:
            subject = open_subject(open_with, resources, tuple(requests), profile, trust)
        except PackageRefused as error:
            return _refused(target or ", ".join(packages), error, ignored)
        subject.told.update(_no_run=no_run, _resolve=resolve)
        return _run(subject, wanted, ignored)


def _refused(label: str, error: PackageRefused, ignored: set[str]) -> CheckReport:
    refused = Finding(REFUSED, error.problem.rstrip("."), fix=error.hint)
    return _report(label, None, [refused], ignored)


def known_ids() -> list[str]:
    """Every id that a check may find, in order."""
    for group in GROUPS:
        _modules(group)
    return sorted(RULES)


def group_of(identity: str) -> str:
    """The group that finds an id.

    Raises:
        UsageError: It is no id.
    """
    ids = known_ids()
    if identity not in ids:
        raise UsageError(
            f"{shorten(identity)} is not the id of a finding.",
            hint=did_you_mean(identity, ids) or "docs/findings/README.md lists them.",
        )
    return _group_of(identity)


def _wanted(only: Iterable[str]) -> dict[str, set[str]]:
    """The groups to run, each with the ids that are asked for; none of them means all."""
    wanted: dict[str, set[str]] = {}
    for name in only:
        if name in GROUPS:
            wanted[name] = set()
        elif name[:3].upper() == "CPR":
            wanted.setdefault(group_of(name.upper()), set()).add(name.upper())
        else:
            raise UsageError(
                f"{shorten(name)} is neither the id of a finding nor a group of checks.",
                hint=f"{did_you_mean(name, GROUPS)} Groups are {', '.join(GROUPS)}.".lstrip(),
            )
    return wanted or {group: set() for group in GROUPS}


def _run(subject: Subject, wanted: Mapping[str, set[str]], ignore: set[str]) -> CheckReport:
    profile_named(subject.profile)
    found: list[Finding] = []
    skipped: dict[str, str] = {}
    ignored = ignore | set(subject.settings.check.ignore)
    for group in GROUPS:
        errors = {f.id for f in found if f.severity == "error"} - ignored
        if group not in wanted:
            skipped[group] = "not asked for"
        elif group == _LAST and subject.told["_no_run"]:
            skipped[group] = "nothing is to be run"
        elif group == _LAST and subject.model_dir is None:
            skipped[group] = "no model directory is given"
        elif group == _LAST and errors:
            skipped[group] = f"an error is known that would stop it ({', '.join(sorted(errors))})"
        else:
            found += _findings(group, subject)
    named = [item for item in without_echoes(found) if _is_wanted(item, wanted)]
    return _report(subject.label, subject, named, ignored, skipped=skipped)


def _is_wanted(item: Finding, wanted: Mapping[str, set[str]]) -> bool:
    ids = wanted.get(_group_of(item.id))
    return not ids or item.id in ids


def _group_of(identity: str) -> str:
    return _GROUP_OF_DIGIT[identity[3]]


def _findings(group: str, subject: Subject) -> Iterator[Finding]:
    for module in _modules(group):
        yield from module.check(subject)


def _modules(group: str) -> list[Any]:
    return [importlib.import_module(f"cpr.checks.{name}") for name in GROUPS[group]]


def _report(
    name: str,
    subject: Subject | None,
    found: Iterable[Finding],
    ignored: set[str],
    *,
    skipped: Mapping[str, str] | None = None,
) -> CheckReport:
    for identity in ignored:
        group_of(identity)
    findings = ordered(found)
    told = subject.told if subject else {}
    return CheckReport(
        name=name,
        findings=tuple(item for item in findings if item.id not in ignored),
        silenced=tuple(item for item in findings if item.id in ignored),
        batchable=told.get("batchable"),
        measurements=told.get("measurements", {}),
        skipped=skipped if skipped is not None else dict.fromkeys(GROUPS, "nothing was opened"),
        base=_base(subject),
    )


def _base(subject: Subject | None) -> str:
    """The folder that files of findings are relative to, if it outlives the check."""
    if subject is None or subject.sources.is_unpacked or not subject.sources.roots:
        return ""
    return str(subject.sources.roots[0])
