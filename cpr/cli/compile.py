"""``cpr compile``: the fastest runtime that gives the same answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cpr.cli.options import TRUST, common_options
from cpr.cli.output import emit_json, is_interactive, say, write_result
from cpr.cli.stdout_guard import guard_stdout
from cpr.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cpr.compiling import Candidate, CompileReport
    from cpr.replay.recorded import RecordedRequest


@click.command("compile")
@click.argument("model_dir", type=click.Path(path_type=Path))
@click.option(
    "--framework",
    metavar="NAME",
    help="tensorflow, scikit-learn, xgboost or keras. Default: what the files are.",
)
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    type=click.Choice(["litert", "onnx", "xla"]),
    help="Try this runtime only; repeatable.",
)
@click.option(
    "--batch-sizes",
    default="1,64",
    show_default=True,
    metavar="N[,N...]",
    help="The numbers of instances at which candidates are timed.",
)
@click.option(
    "--instances",
    metavar="PATH",
    help="Sample requests: a file or folder as replay takes; a .jsonl may hold an instance a "
    "line. Compared and timed besides instances made from the signature.",
)
@click.option(
    "--atol",
    type=click.FloatRange(min=0),
    default=1e-5,
    show_default=True,
    help="How far a number may be off.",
)
@click.option(
    "--rtol",
    type=click.FloatRange(min=0),
    default=1e-4,
    show_default=True,
    help="How far it may be off as a part of the original's, in addition.",
)
@click.option(
    "--time-limit",
    "time_limit_s",
    type=click.FloatRange(min=1),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="For each step of each candidate.",
)
@click.option("--explain", is_flag=True, help="Say of each candidate why it won or lost.")
@TRUST
@common_options
def command(
    *,
    model_dir: Path,
    framework: str | None,
    runtimes: tuple[str, ...],
    batch_sizes: str,
    instances: str | None,
    atol: float,
    rtol: float,
    time_limit_s: float,
    explain: bool,
    trust: str | None,
    as_json: bool,
    is_quiet: bool,
) -> None:
    """Write the fastest model that gives the same answers.

    MODEL_DIR holds a SavedModel, a Keras, scikit-learn or XGBoost model. It is
    converted for LiteRT and ONNX Runtime, each in a process of its own, and
    for TensorFlow's XLA where neither wins; what comes out is compared with
    the original, every output and the highest score, on sample instances,
    and timed beside it. The fastest that is nowhere slower goes to
    MODEL_DIR/compiled, where the ready-made predictors find it while the
    original is unchanged. Each signature is compiled by itself: those that
    cannot be are answered by TensorFlow.

    Where nothing is faster or proven equal the original stays, the reason is
    told, and the exit code is 0 all the same.
    """
    guard_stdout()
    sizes = _sizes(batch_sizes)
    # CLI start-up time: these bring numpy.
    from cpr.artifacts.local_path import local_path
    from cpr.compiling import CompileTerms, compile_model
    from cpr.config import load_settings
    from cpr.replay.requests import read_requests

    given = tuple(_body(request) for request in read_requests(instances)) if instances else ()
    terms = CompileTerms(atol, rtol, sizes, given, runtimes, time_limit_s)
    report = compile_model(
        local_path(str(model_dir)),
        framework=framework,
        settings=load_settings(flags={"predictor.trust": trust}).predictor,
        terms=terms,
        tell=_teller(is_quiet=is_quiet),
    )
    if as_json:
        emit_json("cpr.compile/1", ok=True, summary=report.to_json())
    else:
        write_result(_text(report, explain=explain))


def _body(request: RecordedRequest) -> dict[str, Any]:
    body = json.loads(request.body)
    if not isinstance(body, dict) or not isinstance(body.get("instances"), list):
        raise UsageError(
            f"{request.place} has no list of instances.",
            hint='Give requests {"instances": […]}, or an instance a line.',
        )
    return body


def _sizes(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and 0 < int(part) <= 100_000 for part in parts):
        raise UsageError(
            f"--batch-sizes is {text!r}; expected numbers of instances.", hint="--batch-sizes 1,64"
        )
    return tuple(dict.fromkeys(int(part) for part in parts))


def _teller(*, is_quiet: bool) -> Callable[[str], None]:
    """Says what is done next, where a person watches."""
    if is_quiet or not is_interactive():
        return lambda _: None
    return lambda doing: say(f"cpr: {doing} …")


def _text(report: CompileReport, *, explain: bool) -> str:
    chosen = report.chosen
    if chosen is None:
        lines = [f"{report.model} stays as it is: no candidate is faster and proven equal."]
    else:
        lines = [
            f"{report.folder}: {chosen.name}, {chosen.speedup:.1f} times as fast as the original",
            f"compared: {chosen.compared} values, {chosen.labels} labels; "
            f"largest difference {chosen.deviation:.2g}",
            *_table(chosen),
            *(f"{part.name} stays with the original: {part.why_not}" for part in chosen.left),
        ]
    if explain or chosen is None:
        for item in report.candidates:
            lines.append(f"{item.name}: {item.why_not or 'chosen'}")
            lines += _table(item) if explain and item is not chosen else []
    return "\n".join(lines)


def _table(item: Candidate) -> list[str]:
    """The figures of a candidate, microseconds a call."""
    if not item.figures:
        return []
    rows = [("", "instances", "original", item.runtime, "times as fast")]
    rows += [
        (
            figure.variant,
            str(figure.batch_size),
            f"{figure.original_us:.1f} µs",
            f"{figure.us:.1f} µs",
            f"{figure.speedup:.1f}",
        )
        for figure in item.figures
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [f"  {row[0]:<{widths[0]}}"]
            + [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
        )
        for row in rows
    ]
