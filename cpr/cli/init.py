"""``cpr init``: a project that works."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cpr.cli.options import common_options
from cpr.cli.output import console, emit_json, say
from cpr.init.templates import TEMPLATES

if TYPE_CHECKING:
    from cpr.init import NewProject


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--template",
    type=click.Choice(list(TEMPLATES)),
    help="What the model is made with.  [default: sklearn, or what --from-model is]",
)
@click.option(
    "--from-model",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Make the project around a copy of this model: a SavedModel directory, or a pickled "
    "scikit-learn estimator, which is loaded.",
)
@click.option(
    "--name", metavar="NAME", help="The package's name.  [default: that of the directory]"
)
@click.option(
    "-f",
    "--force",
    is_flag=True,
    help="Write into a directory that is not empty, over files of the same name.",
)
@common_options
def command(
    *,
    folder: Path,
    template: str | None,
    from_model: Path | None,
    name: str | None,
    force: bool,
    as_json: bool,
    is_quiet: bool,
) -> None:
    """Start a project that works.

    DIR gets a predictor, a script that trains a small model in seconds, the
    configuration, sample requests with the responses expected, and tests that
    pass at once: replace the model by yours. With --from-model the project is
    made around a model that is there; its schema and sample requests come from
    the SavedModel's signatures, or from the estimator's features, and what it
    answers to them is what the tests expect.
    """
    # CLI start-up time: making a project around a model imports numpy.
    from cpr.init.project import create_project

    made = create_project(folder, template=template, from_model=from_model, name=name, force=force)
    following = list(_following(made))
    if as_json:
        summary = {
            "path": str(made.path),
            "template": made.template,
            "files": list(made.files),
            "notes": list(made.notes),
            "next": following,
        }
        emit_json("cpr.init/1", ok=True, summary=summary)
    elif not is_quiet:
        _print(made, following)


def _print(made: NewProject, following: list[str]) -> None:
    # CLI start-up time: rich is imported only when something is drawn.
    from rich.text import Text

    out = console()
    rows = {
        "project": str(made.path),
        "template": made.template,
        "files": ", ".join(dict.fromkeys(name.partition("/")[0] for name in made.files)),
    }
    for key, value in rows.items():
        out.print(Text.assemble((f"{key:<12}", "bold"), value), soft_wrap=True)
    for note in made.notes:
        say(f"cpr: {note}")
    out.print()
    out.print("Next:")
    for line in following:
        out.print(Text(f"  {line}"), soft_wrap=True)


def _following(made: NewProject) -> Iterator[str]:
    if made.path.resolve() != Path.cwd():
        yield shlex.join(["cd", str(made.path)])
    if made.is_trained:
        yield "python train.py"
    yield "pytest"
    yield "cpr check ."
    if made.sample:
        yield f"cpr predict . --json-request requests/{made.sample}"
    yield "cpr package ."
