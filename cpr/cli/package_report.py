"""What ``cpr package`` says of what it built."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cpr.cli.output import console, say
from cpr.findings import Finding, ordered

if TYPE_CHECKING:
    from cpr.packager.release import Release
    from cpr.packager.staging import StagedModel
    from cpr.packager.trial import Trial


def release_findings(release: Release) -> list[Finding]:
    """What was remarked on while building, and what the trial found."""
    tried = release.trial.findings if release.trial else ()
    return ordered([*release.package.findings, *tried])


def release_summary(release: Release) -> dict[str, Any]:
    """The release in JSON's own types."""
    built, manifest = release.package, release.package.manifest
    return {
        "path": str(built.path),
        "sha256": built.sha256,
        "size": built.size,
        "name": manifest.name,
        "version": manifest.version,
        "prediction_class": manifest.prediction_class,
        "requirements": list(manifest.requirements),
        "requires_python": manifest.requires_python,
        "members": list(manifest.members),
        "lock": manifest.lock or None,
        "extra_packages": {name: one.sha256 for name, one in manifest.extra_packages.items()},
        "model": _model_json(release.model) if release.model else None,
        "files": [str(path) for path in release.files],
        "signed_by": release.key_id or None,
        "verified": _trial_json(release.trial) if release.trial else None,
        "published": release.is_published,
    }


def print_release(release: Release) -> None:
    """Print it for people, on standard output."""
    # CLI start-up time: rich is imported only when something is drawn.
    from rich.text import Text

    out = console()
    for key, value in _rows(release):
        out.print(Text.assemble((f"{key:<18}", "bold"), value), soft_wrap=True)
    out.print()
    out.print("Next:")
    for line in _next(release):
        out.print(Text(f"  {line}"), soft_wrap=True)


def warn(findings: Sequence[Finding], *, is_published: bool, is_quiet: bool) -> None:
    """Print the findings, on standard error; only the errors if `is_quiet`."""
    for item in findings:
        if is_quiet and item.severity != "error":
            continue
        if "traceback" in item.data:
            say(item.data["traceback"])
        fix = "".join(f"\n     {line}" for line in (item.fix or item.rule.cure).splitlines())
        say(f"cpr: {item.id} {item.message.rstrip('.')}.{fix}")
    if not is_published:
        say(
            "cpr: the package was not put in place; what was there before is untouched.\n"
            "     Correct it, or build it unverified with --no-verify."
        )


def _rows(release: Release) -> Iterator[tuple[str, str]]:
    built, manifest = release.package, release.package.manifest
    yield "package", str(built.path)
    yield "sha256", built.sha256
    yield "size", f"{built.size:,} bytes, {_files(len(manifest.members))}"
    yield "prediction class", manifest.prediction_class
    yield "requirements", ", ".join(manifest.requirements) or "none"
    if manifest.lock:
        yield "locked", f"{manifest.lock} in the package"
    if release.model:
        yield from _model_rows(release.model)
    if release.files:
        yield "beside it", ", ".join(path.name for path in release.files)
    if release.key_id:
        yield "signed by", release.key_id
    yield "verified", _tried(release.trial)


def _model_rows(model: StagedModel) -> Iterator[tuple[str, str]]:
    yield "model directory", str(model.path)
    yield "", f"{model.size:,} bytes, {_files(len(model.files))}"
    for number, omission in enumerate(model.omissions):
        label = "" if number else "left behind"
        count = _files(len(omission.files))
        yield label, f"{omission.reason.value}: {omission.size:,} bytes, {count}"


def _tried(trial: Trial | None) -> str:
    if trial is None:
        return "no"
    if trial.depth == "imported":
        return "imported; no model directory is known, so nothing was loaded"
    if trial.depth == "loaded":
        return "model loaded; there are no sample requests"
    count = f"{trial.requests} request{'s' if trial.requests != 1 else ''}"
    return f"model loaded, {count} answered as the project does"


def _files(count: int) -> str:
    return f"{count} file{'s' if count != 1 else ''}"


def _next(release: Release) -> Sequence[str]:
    path = release.package.path
    model = release.model.path if release.model else "MODEL_DIR"
    return (
        f"cpr predict {path} --model-dir {model} --json-instances INSTANCES",
        f"cpr replay REQUESTS {path} --model-dir {model}",
        f"cpr serve {path} --model-dir {model}",
        f"pip install {path}",
    )


def _model_json(model: StagedModel) -> dict[str, Any]:
    return {
        "path": str(model.path),
        "size": model.size,
        "files": list(model.files),
        "left_behind": [
            {"reason": one.reason.value, "size": one.size, "files": list(one.files)}
            for one in model.omissions
        ],
    }


def _trial_json(trial: Trial) -> dict[str, Any]:
    return {"depth": trial.depth, "requests": trial.requests, "ok": trial.is_passed}
