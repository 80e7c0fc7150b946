"""``cpr replay``: recorded requests through a predictor or a URL, timed and compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from cpr.cli import exit_codes
from cpr.cli.options import Target, common_options, target_options
from cpr.cli.output import finding, progress, say
from cpr.cli.replay_options import LIMIT, OUTPUT, comparison_options, json_document, write_report
from cpr.cli.stdout_guard import guard_stdout
from cpr.errors import UsageError, shorten
from cpr.replay.endpoint import Destination
from cpr.replay.golden import with_golden, write_golden
from cpr.replay.junit import render_junit
from cpr.replay.recorded import RecordedRequest
from cpr.replay.report import render
from cpr.replay.requests import read_requests
from cpr.replay.results import ErrorGroup, ReplayResult
from cpr.replay.run import replay
from cpr.replay.sending import Answer
from cpr.replay.tolerance import Tolerance
from cpr.reports import replay_page

_SPEED = re.compile(r"(\d+(?:\.\d*)?|\.\d+)x")


@click.command("replay")
@click.argument("requests")
@target_options
@click.option(
    "--golden",
    metavar="FILE|DIR",
    help="Compare with the responses in a golden file or directory.",
)
@click.option(
    "--update",
    is_flag=True,
    help="Write the golden file or directory from the responses of now.",
)
@comparison_options
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Send the whole list N times.",
)
@LIMIT
@click.option(
    "--speed",
    default="max",
    show_default=True,
    metavar="1x|Nx|max",
    help="Keep the recorded times, or go N times faster; max sends as fast as answers come.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1, max=1000),
    default=1,
    show_default=True,
    metavar="N",
    help="Send N requests at a time: N connections to a URL, or N processes with a routine each.",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["text", "json", "junit", "html"]),
    default="text",
    show_default=True,
    help="What the report is; junit is for continuous integration, html for a browser.",
)
@OUTPUT
@common_options
def command(
    *,
    requests: str,
    target: Target,
    golden: str | None,
    update: bool,
    tolerance: Callable[[Path | None], Tolerance],
    show: int,
    header: tuple[str, ...],
    timeout: float | None,
    repeat: int,
    limit: int | None,
    speed: str,
    concurrency: int,
    layout: str,
    output: Path | None,
    as_json: bool,
    is_quiet: bool,
) -> int:
    """Send recorded requests through a predictor or to a URL, compare and time.

    REQUESTS is a file or a directory of files: .json holds one request;
    .jsonl or .ndjson holds a request a line, or an instance a line, each of
    which is made a request, or records {"request", "response", "time"};
    x.request.json has its response in x.response.json; - is lines on standard
    input. TARGET is as for predict, or a model directory, or an http:// or
    https:// URL, to which each request is posted as it is.

    Responses that were recorded, or that --golden has, are compared: a number
    agrees when |actual - expected| <= atol + rtol * |expected|. Latencies are
    milliseconds of the requests that succeeded; a percentile is the least
    latency that so many percent of them did not exceed (nearest rank). Ends
    with exit code 1 when a request failed or a response is not as expected.
    """
    guard_stdout()
    pace = _pace(speed, repeat)
    _refuse_update(update=update, golden=golden, limit=limit)
    destination = _destination(target, header, timeout)
    allowed = tolerance(destination.folder)
    recorded = read_requests(requests)
    if golden and not update:
        recorded = with_golden(recorded, golden)
    recorded = recorded[:limit]
    kept = _Kept(needed=update)
    with _sending(destination, recorded * repeat, concurrency, kept, is_quiet=is_quiet) as send:
        result = send(recorded, tolerance=allowed, repeat=repeat, speed=pace)
    renderers = {
        "text": lambda: render(result, show=show),
        "json": lambda: _document(result),
        "junit": lambda: render_junit(result),
        "html": lambda: replay_page.render(result, title=f"Replay of {requests}"),
    }
    write_report(layout, output, renderers, as_json=as_json)
    if update and golden:
        _update(golden, recorded, kept, result)
        return exit_codes.FINDINGS if result.failed else 0
    return 0 if result.is_ok else exit_codes.FINDINGS


class _Kept:
    """The first answer to each request, where a golden file is to be written."""

    def __init__(self, *, needed: bool) -> None:
        self._needed = needed
        self._answers: dict[int, tuple[int, bytes]] = {}

    def keep(self, request: RecordedRequest, answer: Answer) -> None:
        """Keep an answer, unless there is one already."""
        if self._needed:
            self._answers.setdefault(id(request), (answer.status, answer.body))

    def of(self, requests: Sequence[RecordedRequest]) -> list[tuple[int, bytes]]:
        """The answers in the order of the requests."""
        return [self._answers[id(request)] for request in requests]


@contextmanager
def _sending(
    destination: Destination,
    every: Sequence[RecordedRequest],
    concurrency: int,
    kept: _Kept,
    *,
    is_quiet: bool,
) -> Iterator[Callable[..., ReplayResult]]:
    """Open as many endpoints as there is work for, and a progress bar for what they send."""
    count = max(1, min(concurrency, len(every)))
    with ExitStack() as stack:
        opened = [stack.enter_context(destination.open(isolated=count > 1)) for _ in range(count)]
        advance = stack.enter_context(progress("replay", len(every), is_quiet=is_quiet))

        def note(request: RecordedRequest, answer: Answer) -> None:
            kept.keep(request, answer)
            advance()

        yield partial(replay, opened, on_answer=note)


def _pace(speed: str, repeat: int) -> float | None:
    if speed == "max":
        return None
    found = _SPEED.fullmatch(speed)
    if found is None or not float(found[1]):
        raise UsageError(
            f"--speed is {shorten(speed)}; expected max, 1x, or another number and an x.",
            hint="2x keeps the recorded times, twice as fast.",
        )
    if repeat > 1:
        raise UsageError(
            "--repeat and --speed exclude each other.",
            hint="Recorded times are kept once; leave out --repeat, or use --speed max.",
        )
    return float(found[1])


def _refuse_update(*, update: bool, golden: str | None, limit: int | None) -> None:
    if not update:
        return
    if not golden:
        raise UsageError("--update needs --golden.", hint="Name the file or directory to write.")
    if limit:
        raise UsageError(
            "--update and --limit exclude each other.",
            hint="A golden file is written for all requests.",
        )


def _destination(target: Target, header: tuple[str, ...], timeout: float | None) -> Destination:
    return Destination(
        target.target,
        target.model_dir,
        prediction_class=target.prediction_class,
        packages=target.packages,
        framework=target.framework,
        shims=target.shim,
        flags=target.flags,
        require_signature=target.require_signature,
        headers=header,
        timeout_s=timeout,
    )


def _update(
    golden: str,
    recorded: Sequence[RecordedRequest],
    kept: _Kept,
    result: ReplayResult,
) -> None:
    if result.failed:
        say(f"cpr: {golden} is not written, since {result.failed} requests failed.")
        return
    for file in write_golden(golden, recorded, kept.of(recorded)):
        say(f"cpr: wrote {file}.")


def _document(result: ReplayResult) -> str:
    return json_document(
        "cpr.replay/1",
        ok=result.is_ok,
        summary=result.to_json(),
        findings=[error_group(group) for group in result.errors],
    )


def error_group(group: ErrorGroup) -> dict[str, Any]:
    """A group of errors as a finding; its id is that of the error itself."""
    made = finding(
        f"CPR{group.exit_code:03d}",
        group.problem,
        file=group.file,
        line=group.line,
        fix=group.hint,
    )
    return {**made, "count": group.count}
