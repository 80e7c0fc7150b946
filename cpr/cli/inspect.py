"""``cpr inspect``: what a model file or directory holds, without its framework."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cpr.cli import exit_codes
from cpr.cli.options import common_options
from cpr.cli.output import say, shares, write_result
from cpr.cli.stdout_guard import guard_stdout
from cpr.errors import UsageError

if TYPE_CHECKING:
    from cpr.inspecting import Inspection


@click.command("inspect")
@click.argument("path")
@click.option("--all", "shows_all", is_flag=True, help="List every row of each table.")
@click.option(
    "--html",
    "page",
    metavar="FILE",
    help="Write a page for a browser, which needs nothing else, to FILE.",
)
@common_options
def command(*, path: str, shows_all: bool, page: str | None, as_json: bool, is_quiet: bool) -> int:
    """Show what a model holds, without its framework.

    PATH is a SavedModel's directory, a model directory, a file of any kind
    that the ready-made predictors serve (.keras, .h5, .joblib, .pkl, .bst,
    .ubj, .json, .onnx, .tflite), or a URL of one. Nothing of it is run.

    For a SavedModel: every graph with its signatures, a sample request for
    each, assets, variables, operations, and those that are unsafe or for
    training. What would keep it from being served is an error, and ends with
    exit code 1.
    """
    guard_stdout()
    if as_json and page == "-":
        raise UsageError(
            "--json and --html - would both write to standard output.",
            hint="Name a file for the page: --html FILE.",
        )
    # CLI start-up time: reading messages imports protobuf.
    from cpr.inspecting import inspect_model

    with shares("download", is_quiet=is_quiet) as show:
        found = inspect_model(path, progress=show)
    if page is not None:
        _write_page(found, page, is_quiet=is_quiet)
    if as_json:
        # CLI start-up time: see above.
        from cpr.inspecting.as_json import document_of

        write_result(document_of(found))
    elif page is None:
        # CLI start-up time: see above.
        from cpr.cli.inspect_screen import print_inspection

        print_inspection(found, shows_all=shows_all)
    return 0 if found.is_servable else exit_codes.FINDINGS


def _write_page(found: Inspection, page: str, *, is_quiet: bool) -> None:
    # CLI start-up time: pages are made of assets.
    from cpr.inspecting.page import render
    from cpr.publishing import write_atomically

    text = render(found)
    if page == "-":
        write_result(text)
        return
    write_atomically(Path(page), text.encode("utf-8"))
    if not is_quiet:
        say(f"cpr: wrote {page}")
