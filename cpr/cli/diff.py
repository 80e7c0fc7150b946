"""``cpr diff``: the same requests through two predictors or URLs, compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from cpr.cli import exit_codes
from cpr.cli.options import common_options
from cpr.cli.output import progress
from cpr.cli.replay import error_group
from cpr.cli.replay_options import LIMIT, OUTPUT, comparison_options, json_document, write_report
from cpr.cli.sides import Sides, open_side, side_options
from cpr.cli.stdout_guard import guard_stdout
from cpr.replay.diff import diff
from cpr.replay.diff_report import render_diff
from cpr.replay.requests import read_requests
from cpr.replay.results import DiffResult
from cpr.replay.tolerance import Tolerance
from cpr.reports import diff_page


@click.command("diff")
@click.argument("a")
@click.argument("b")
@click.option(
    "--requests",
    required=True,
    metavar="REQUESTS",
    help="A file or a directory of requests, as for replay; - is lines on standard input.",
)
@side_options
@comparison_options
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Send the whole list N times; changes are those of the first time.",
)
@LIMIT
@click.option(
    "--format",
    "layout",
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
    help="What the report is; html is one file to look at.",
)
@OUTPUT
@common_options
def command(
    *,
    requests: str,
    sides: Sides,
    tolerance: Callable[[Path | None], Tolerance],
    show: int,
    repeat: int,
    limit: int | None,
    layout: str,
    output: Path | None,
    as_json: bool,
    is_quiet: bool,
) -> int:
    """Send the same requests to two sides and compare what they predict.

    A and B are each a package file, a project directory, a class, a model
    directory, or an http:// or https:// URL. Each runs in a process of its
    own. Every request goes to both, one after the other, and which goes first
    alternates.

    Reports the predictions that changed beyond tolerance, the worst values,
    how the values of each output are spread on both sides, and both
    latencies. Relative tolerances refer to A. Ends with exit code 1 when a
    value changed beyond tolerance or a request failed.
    """
    guard_stdout()
    a, b = sides.destinations()
    allowed = tolerance(a.folder)
    recorded = read_requests(requests)[:limit]
    with (
        open_side("A", a) as first,
        open_side("B", b) as second,
        progress("diff", len(recorded) * repeat, is_quiet=is_quiet) as advance,
    ):
        result = diff(
            first,
            second,
            recorded,
            names=sides.names(),
            tolerance=allowed,
            repeat=repeat,
            on_answer=advance,
        )
    write_report(layout, output, _renderers(result, show), as_json=as_json)
    return 0 if result.is_ok else exit_codes.FINDINGS


def _renderers(result: DiffResult, show: int) -> Mapping[str, Callable[[], str]]:
    return {
        "text": lambda: render_diff(result, show=show),
        "json": lambda: _document(result),
        "html": lambda: diff_page.render(result, title=f"{result.a} and {result.b}"),
    }


def _document(result: DiffResult) -> str:
    findings: list[dict[str, Any]] = []
    for side, errors in (("A", result.errors_a), ("B", result.errors_b)):
        findings += [{**error_group(group), "side": side} for group in errors]
    return json_document("cpr.diff/1", ok=result.is_ok, summary=result.to_json(), findings=findings)
