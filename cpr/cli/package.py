"""``cpr package``: the source distribution of a project, reproducible and verified."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cpr.cli.options import common_options
from cpr.cli.output import console, emit_json, say
from cpr.config import load_settings
from cpr.errors import UsageError
from cpr.packager import BuiltPackage, build_package

if TYPE_CHECKING:
    from cpr.findings import Finding


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
@common_options
def command(
    *,
    project_dir: Path,
    output: Path | None,
    name: str | None,
    version: str | None,
    prediction_class: str | None,
    requirement: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    as_json: bool,
    is_quiet: bool,
) -> int:
    """Build the source distribution of a project.

    PROJECT_DIR is the current directory by default. Writes
    dist/NAME-VERSION.tar.gz, which pip installs, old and new, and which the
    other commands take as it is. The same files give the same bytes. Flags
    win over cpr.toml, which wins over setup.py and pyproject.toml; setup.py
    is read, never run. The finished package is opened and checked again
    before it gets its name.
    """
    if not project_dir.is_dir():
        raise UsageError(
            f"{project_dir} is not a directory.", hint="Give the project directory to package."
        )
    flags = {
        "project.name": name,
        "project.version": version,
        "project.prediction_class": prediction_class,
        "project.requirements": requirement,
        "package.include": include,
        "package.exclude": exclude,
    }
    settings = load_settings(project_dir, flags=flags)
    built = build_package(project_dir, out_dir=output or project_dir / "dist", settings=settings)
    if as_json:
        findings = [item.to_json() for item in built.findings]
        emit_json("cpr.package/1", ok=True, summary=_summary(built), findings=findings)
    else:
        _print(built)
    if not (as_json or is_quiet):
        _warn(built.findings)
    return 0


def _summary(built: BuiltPackage) -> dict[str, Any]:
    manifest = built.manifest
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
    }


def _print(built: BuiltPackage) -> None:
    # CLI start-up time: rich is imported only when something is drawn.
    from rich.text import Text

    manifest = built.manifest
    rows = {
        "package": str(built.path),
        "sha256": built.sha256,
        "size": f"{built.size:,} bytes, {len(manifest.members)} files",
        "prediction class": manifest.prediction_class,
        "requirements": ", ".join(manifest.requirements) or "none",
    }
    out = console()
    for key, value in rows.items():
        out.print(Text.assemble((f"{key:<18}", "bold"), value), soft_wrap=True)
    out.print()
    out.print("Next:")
    for line in _next(built):
        out.print(Text(f"  {line}"), soft_wrap=True)


def _next(built: BuiltPackage) -> Sequence[str]:
    return (
        f"cpr predict {built.path} --model-dir MODEL_DIR --json-instances INSTANCES",
        f"cpr replay REQUESTS {built.path} --model-dir MODEL_DIR",
        f"pip install {built.path}",
    )


def _warn(findings: Sequence[Finding]) -> None:
    for item in findings:
        fix = f"\n     {item.fix}" if item.fix else ""
        say(f"cpr: {item.id} {item.message}.{fix}")
