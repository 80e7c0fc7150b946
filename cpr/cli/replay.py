"""``cpr replay``: recorded requests through a predictor, timed."""

from __future__ import annotations

import click

from cpr.cli import exit_codes
from cpr.cli.failure import error_finding
from cpr.cli.options import Target, common_options, target_options
from cpr.cli.output import emit_json, progress, write_result
from cpr.cli.stdout_guard import guard_stdout
from cpr.replay.report import ErrorGroup, Report, make_report, render
from cpr.replay.requests import read_requests
from cpr.replay.run import replay


@click.command("replay")
@click.argument("requests")
@target_options
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Send the whole list N times.",
)
@common_options
def command(*, requests: str, target: Target, repeat: int, as_json: bool, is_quiet: bool) -> int:
    """Send recorded requests through a predictor and time it.

    REQUESTS is a file or a directory of files: .json holds one request;
    .jsonl or .ndjson holds a request a line, or an instance a line, each of
    which is made a request; - is such lines on standard input. TARGET is as
    for predict.

    Requests run in this process, one at a time. Latencies are milliseconds of
    the requests that succeeded; a percentile is the least latency that so
    many percent of them did not exceed (nearest rank). Ends with exit code 1
    when a request failed.
    """
    guard_stdout()
    recorded = read_requests(requests)
    total = len(recorded) * repeat
    with target.open() as routine, progress("replay", total, is_quiet=is_quiet) as advance:
        run = replay(routine, recorded, repeat=repeat, on_answer=advance)
        name = routine.name
    _print(name, make_report(run), as_json=as_json)
    return exit_codes.FINDINGS if any(item.error for item in run.outcomes) else 0


def _print(name: str, report: Report, *, as_json: bool) -> None:
    if not as_json:
        write_result(render(report))
        return
    summary = {"predictor": name, **report.summary()}
    findings = [_finding(group) for group in report.errors]
    emit_json("cpr.replay/1", ok=not report.failed, summary=summary, findings=findings)


def _finding(group: ErrorGroup) -> dict[str, object]:
    place = {"file": group.file, "line": group.line}
    return {**error_finding(group.error), **place, "count": group.count}
