"""``cpr package``: the source distribution of a project, reproducible and verified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cpr.cli import exit_codes
from cpr.cli.options import common_options
from cpr.cli.output import emit_json
from cpr.cli.package_report import print_release, release_findings, release_summary, warn
from cpr.config import load_settings
from cpr.errors import UsageError
from cpr.messages import Call
from cpr.packager.release import ReleaseOptions, build_release
from cpr.replay.requests import SUFFIXES, read_requests

if TYPE_CHECKING:
    from collections.abc import Sequence

_SAMPLES = "requests"


@click.command("package")
@click.argument("project_dir", default=".", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder that the package goes into.  [default: PROJECT_DIR/dist]",
)
@click.option("--name", metavar="NAME", help="The package's name.")
@click.option("--version", metavar="VERSION", help="The package's version, such as 1.0.")
@click.option("--prediction-class", metavar="NAME", help="The predictor class, as module.Class.")
@click.option(
    "--requirement",
    multiple=True,
    metavar="REQUIREMENT",
    help="A library that the package needs, such as 'numpy>=1.26'; repeatable.",
)
@click.option(
    "--include",
    multiple=True,
    metavar="GLOB",
    help="Take these files, and no others; repeatable.",
)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave these out; repeatable.")
@click.option(
    "--extra-package",
    multiple=True,
    metavar="PATH",
    help="A further package file that the routine needs: it is copied beside the package, "
    "which records its sha256; repeatable.",
)
@click.option(
    "--model-dir",
    metavar="DIR",
    help="Stage a clean copy of this model directory beside the package: what serving needs, "
    "and nothing else.",
)
@click.option(
    "--stage-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where that copy goes.  [default: the package's folder, as NAME-VERSION-model]",
)
@click.option(
    "--model-keep",
    multiple=True,
    metavar="GLOB",
    help="Stage these files of the model directory whatever they look like; repeatable.",
)
@click.option(
    "--lock",
    is_flag=True,
    help="Pin every library that is needed, by hash, in requirements.lock in the package.",
)
@click.option(
    "--sbom",
    is_flag=True,
    help="Write a bill of materials beside the package: CycloneDX, as JSON.",
)
@click.option(
    "--sign",
    type=click.Path(path_type=Path),
    metavar="KEY",
    help="Sign all that is written with this private key, as FILE.sig beside each file.",
)
@click.option(
    "--requests",
    metavar="PATH",
    help="Sample requests that package and project must answer alike.  "
    "[default: PROJECT_DIR/requests, if there]",
)
@click.option(
    "--no-verify",
    is_flag=True,
    help="Put the package in place without importing, loading and asking it first.",
)
@common_options
def command(
    *, project_dir: Path, output: Path | None, as_json: bool, is_quiet: bool, **flags: Any
) -> int:
    """Build the source distribution of a project.

    PROJECT_DIR is the current directory by default. Writes
    dist/NAME-VERSION.tar.gz, which pip installs, old and new, and which the
    other commands take as it is. The same files give the same bytes. Flags
    win over cpr.toml, which wins over setup.py and pyproject.toml; setup.py
    is read, never run.

    The finished package is opened in a process of its own, out of reach of
    the project, and its class imported. If a model directory is known, here
    or in cpr.toml, its model is loaded, and sample requests must be answered
    as the project answers them. If not, the package is not put in place, and
    the exit code is 1.
    """
    if not project_dir.is_dir():
        raise UsageError(
            f"{project_dir} is not a directory.", hint="Give the project directory to package."
        )
    _refuse_alone(flags)
    release = build_release(
        project_dir,
        out_dir=output or project_dir / "dist",
        settings=load_settings(project_dir, flags=_settings(flags)),
        options=_options(project_dir, flags),
    )
    findings = release_findings(release)
    if as_json:
        documents = [item.to_json() for item in findings]
        summary = release_summary(release)
        emit_json("cpr.package/1", ok=release.is_published, summary=summary, findings=documents)
    elif release.is_published:
        print_release(release)
    if not as_json:
        warn(findings, is_published=release.is_published, is_quiet=is_quiet)
    return 0 if release.is_published else exit_codes.FINDINGS


def _settings(flags: dict[str, Any]) -> dict[str, Any]:
    return {
        "project.name": flags["name"],
        "project.version": flags["version"],
        "project.prediction_class": flags["prediction_class"],
        "project.requirements": flags["requirement"],
        "package.include": flags["include"],
        "package.exclude": flags["exclude"],
        "package.extra_packages": flags["extra_package"],
        "package.model_keep": flags["model_keep"],
    }


def _options(project_dir: Path, flags: dict[str, Any]) -> ReleaseOptions:
    return ReleaseOptions(
        model_dir=flags["model_dir"] or "",
        stage_dir=flags["stage_dir"],
        is_locked=flags["lock"],
        has_sbom=flags["sbom"],
        key=flags["sign"],
        is_tried=not flags["no_verify"],
        requests=() if flags["no_verify"] else _requests(project_dir, flags["requests"]),
    )


def _refuse_alone(flags: dict[str, Any]) -> None:
    """Refuse a flag that does nothing without another."""
    if flags["stage_dir"] and not flags["model_dir"]:
        raise UsageError(
            "--stage-dir says where --model-dir is staged.", hint="Give --model-dir too."
        )
    if flags["requests"] and flags["no_verify"]:
        raise UsageError("--requests and --no-verify exclude each other.", hint="Give one of them.")


def _requests(project_dir: Path, named: str | None) -> Sequence[Call]:
    samples = project_dir / _SAMPLES
    if named is None:
        there = list(samples.iterdir()) if samples.is_dir() else []
        if not any(path.suffix.lower() in SUFFIXES for path in there):
            return ()
    return [
        Call(request.body, request_id=request.place)
        for request in read_requests(named or str(samples))
        if request.expected is None or not request.expected.is_error
    ]
