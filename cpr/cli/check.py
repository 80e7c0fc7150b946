"""``cpr check``: everything that would fail an upload, a load or a request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cpr.checks.profiles import PROFILES
from cpr.cli import exit_codes
from cpr.cli.check_formats import FORMATS, write_report
from cpr.cli.options import Target, common_options, target_options
from cpr.cli.output import say
from cpr.cli.stdout_guard import guard_stdout
from cpr.errors import UsageError
from cpr.replay.requests import read_requests

if TYPE_CHECKING:
    from cpr.checks.run import CheckReport


@click.command("check")
@target_options
@click.option(
    "--requests",
    "--instances",
    "requests",
    metavar="PATH",
    help="Sample requests: a file or folder as replay takes; a .jsonl may hold an instance a "
    "line.  [default: requests/ in the project]",
)
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    help="Check against the limits of this platform.",
)
@click.option("--ignore", multiple=True, metavar="ID", help="Leave this id out; repeatable.")
@click.option(
    "--only",
    multiple=True,
    metavar="ID|GROUP",
    help="Check for this id only, or this group: class, package, artifacts, behaviour; repeatable.",
)
@click.option("--no-run", is_flag=True, help="Read files only; import and run nothing.")
@click.option(
    "--fix",
    is_flag=True,
    help="Mend what can be mended mechanically, print the difference, and check again.",
)
@click.option(
    "--resolve",
    is_flag=True,
    help="Ask pip, over the network, whether the requirements can be had for the target Python.",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="text for people, json as --json, sarif and github for what annotates code.",
)
@common_options
def command(
    *,
    target: Target,
    requests: str | None,
    profile: str | None,
    ignore: tuple[str, ...],
    only: tuple[str, ...],
    no_run: bool,
    fix: bool,
    resolve: bool,
    layout: str,
    as_json: bool,
    is_quiet: bool,
) -> int:
    """Find what would fail an upload, a load or a request.

    TARGET is as for predict. The class, the package, the artifacts in the
    model directory and, with sample requests, the behaviour are checked. The
    class is imported in a process of its own, which sees only the package and
    what it requires and cannot reach the network.

    Each finding has an id with a page in docs/findings. Errors end with exit
    code 1, warnings and notes alone with 0. [check] ignore silences ids.
    """
    guard_stdout()
    if as_json and layout not in ("text", "json"):
        raise UsageError(f"--json and --format {layout} exclude each other.")
    asked = {
        **_opened_with(target),
        "requests": _requests(requests, target),
        "profile": profile or "",
        "trust": target.trust or "",
        "ignore": ignore,
        "only": only,
        "no_run": no_run,
        "resolve": resolve,
    }
    # CLI start-up time: the checks bring numpy.
    from cpr.checks.run import check_routine

    report = check_routine(**asked)
    if fix and _mend(report):
        report = check_routine(**asked)
    write_report(report, "json" if as_json else layout)
    return exit_codes.FINDINGS if report.errors else 0


def _mend(report: CheckReport) -> bool:
    """Mend what can be mended, and say what was; whether anything was."""
    # CLI start-up time: mending is rare.
    from cpr.checks.fix import fix_findings

    difference = fix_findings(report)
    say(difference.rstrip("\n") or "cpr: nothing can be mended mechanically.")
    return bool(difference)


def _opened_with(target: Target) -> dict[str, Any]:
    return {
        "target": target.target,
        "model_dir": target.model_dir,
        "prediction_class": target.prediction_class,
        "packages": target.packages,
        "framework": target.framework,
        "shims": target.shim,
        "flags": target.flags,
        "require_signature": target.require_signature,
    }


def _requests(requests: str | None, target: Target) -> list[bytes]:
    """The sample requests: those named, else what the project has in ``requests/``."""
    if requests is None:
        folder = Path(target.target or ".") / "requests"
        if not folder.is_dir() or (target.target is None and target.model_dir):
            return []
        requests = str(folder)
    return [request.body for request in read_requests(requests)]
