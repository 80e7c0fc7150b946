"""``cpr shrink``: a smaller copy of a SavedModel that answers the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from cpr.cli import exit_codes
from cpr.cli.options import common_options
from cpr.cli.output import console, emit_json, print_table, say, shares
from cpr.errors import BadInput, UsageError, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cpr.savedmodel.shrinking.result import Shrunk, Step


@click.command("shrink")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--weights",
    type=click.Choice(["float32", "float16", "bfloat16", "int8"]),
    default="float16",
    show_default=True,
    help="What float weights are stored as; they are unpacked once, when the model is loaded.",
)
@click.option(
    "--freeze",
    is_flag=True,
    help="Make constants of variables and fold the graph, batch norms too; what comes out is a "
    "graph of TensorFlow 1, for signatures alone.",
)
@click.option(
    "--instances",
    metavar="[SIGNATURE=]PATH",
    multiple=True,
    help="Sample requests: a file or folder as replay takes; a .jsonl may hold an instance a "
    "line. For one signature, or all that take them; repeatable.  [default: values made up from "
    "the signatures]",
)
@click.option(
    "--allow-unchecked",
    is_flag=True,
    help="Accept the result though the original answers no sample for some of its signatures.",
)
@click.option(
    "--atol",
    type=click.FloatRange(min=0),
    metavar="X",
    help="How far an answer may be from the original's.  [default: by --weights]",
)
@click.option(
    "--rtol",
    type=click.FloatRange(min=0),
    metavar="X",
    help="How far besides, as a part of the original's answer.  [default: by --weights]",
)
@click.option(
    "--keep-words",
    multiple=True,
    metavar="[NAME=]FILE",
    help="Prune a vocabulary to the words in FILE, one a line, and embeddings to their rows. NAME "
    "is a file of assets/, or table-1 and so on; it may be left out where there is one "
    "vocabulary; repeatable.",
)
@common_options
def command(
    *,
    source: Path,
    output: Path,
    instances: tuple[str, ...],
    keep_words: tuple[str, ...],
    as_json: bool,
    is_quiet: bool,
    **flags: Any,
) -> int:
    """Write a smaller copy of a SavedModel that answers the same.

    IN is the directory of a SavedModel, or one that holds numbered versions,
    of which the highest is taken; it is not written to. OUT must not exist.

    What serving does not need goes, and so do duplicates; graphs of
    TensorFlow 1 are folded, and with --freeze all are; int64 weights become
    int32, float weights become what --weights says. Each step is kept if the
    model gets smaller, and reports the bytes that it saved and the largest
    deviation of an answer.

    The result is put in place if it has the same signatures, loads in a fresh
    process through TensorFlow 2's loader and TensorFlow 1's, and every
    signature answers sample instances within tolerance; else nothing is
    written, and the exit code is 1. If no step makes the model smaller, OUT is a copy of it.
    """
    # CLI start-up time: numpy and protobuf.
    from cpr.artifacts.detect import model_folder
    from cpr.savedmodel.shrinking import shrink

    folder = model_folder(source) if source.is_dir() else source
    samples = dict(map(_instances_for, instances))
    with shares("shrink", is_quiet=is_quiet) as show:
        result = shrink(
            folder,
            output,
            instances=samples,
            keep_words=dict(map(_words, keep_words)),
            progress=show,
            **flags,
        )
    if as_json:
        emit_json(
            "cpr.shrink/1",
            ok=result.is_written,
            summary=result.to_json(),
        )
    elif result.is_written:
        _print(result)
    if not result.is_written and not as_json:
        _print(result)
        say(f"cpr: {output} was not written: {result.reason}.\n     {result.hint}".rstrip())
    return 0 if result.is_written else exit_codes.FINDINGS


def _instances_for(flag: str) -> tuple[str, list[Any]]:
    """A signature, "" for all that take them, and instances for it."""
    name, _, path = flag.partition("=")
    return ("", _instances(flag)) if not path or Path(flag).exists() else (name, _instances(path))


def _instances(path: str) -> list[Any]:
    """All instances of some sample requests."""
    # CLI start-up time: orjson.
    from cpr.replay.requests import read_requests
    from cpr.wire.b64 import decode_b64
    from cpr.wire.json_codec import loads

    found: list[Any] = []
    for request in read_requests(path):
        body = loads(request.body)
        some = body.get("instances") if isinstance(body, dict) else None
        if not isinstance(some, list):
            raise BadInput(
                f"{request.place} has no list of instances.",
                hint='Write {"instances": […]}, or one instance a line in a .jsonl.',
            )
        found.extend(decode_b64(some))
    return found


def _words(flag: str) -> tuple[str, list[str]]:
    """A vocabulary's name, "" for the only one, and the words to keep of it."""
    # CLI start-up time: numpy and protobuf.
    from cpr.savedmodel.shrinking.vocabulary import words_of

    name, _, path = flag.rpartition("=")
    try:
        return name, words_of(Path(path).read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--keep-words {shorten(path)} cannot be read: {error}.",
            hint="--keep-words words.txt, or NAME=words.txt: UTF-8, one word a line.",
        ) from error


def _print(result: Shrunk) -> None:
    # CLI start-up time: rich is imported only when something is drawn.
    from rich.padding import Padding
    from rich.table import Table

    out = console()
    for step in result.steps:
        table = Table.grid(padding=(0, 2))
        for width, side in _COLUMNS:
            table.add_column(min_width=width, justify=side)
        if step is result.steps[0]:
            table.add_row(*_HEADERS, style="bold")
        table.add_row(*_figures(step))
        print_table(out, table)
        for detail in step.details:
            if out.is_terminal:
                out.print(Padding(detail, (0, 0, 0, 2)), style="dim", markup=False)
            else:
                out.print(f"  {detail}", soft_wrap=True, markup=False)
    out.print()
    for line in _outcome(result):
        out.print(line, soft_wrap=not out.is_terminal, markup=False)


_COLUMNS: tuple[tuple[int, Literal["left", "right"]], ...] = (
    *((10, "left"), (9, "right")),
    *((9, "right"), (17, "right")),
)
_HEADERS = ("step", "saved", "left", "largest deviation")


def _figures(step: Step) -> tuple[str, str, str, str]:
    # CLI start-up time: numpy and protobuf.
    from cpr.inspecting.wording import size_text

    if not step.is_taken:
        return step.name, "-", size_text(step.after), "-"
    return step.name, size_text(step.saved), size_text(step.after), _deviation(step)


def _outcome(result: Shrunk) -> Iterator[str]:
    """What became of the model, and how that is known."""
    # CLI start-up time: numpy.
    from cpr.reports.figures import count, share

    less = share(result.before - result.after, result.before)
    became = "became" if result.is_written else "would become"
    yield f"{result.before:,} bytes {became} {result.after:,}, {less} less"
    for label, reason in result.not_asked:
        yield f"not compared: {label}: {reason}"
    if result.outcome == "smaller":
        loaders = " and ".join(_LOADERS[one] for one in result.loaders)
        allowed = f"{result.tolerance.atol:g} + {result.tolerance.rtol:g} × the answer"
        yield (
            f"{count(len(result.asked), 'signature')} compared through {loaders}: "
            f"at most {result.deviation.largest:.3g} apart ({allowed} is allowed)"
        )
        yield f"Written to {result.output}"
    if result.outcome == "kept":
        yield f"{result.output} is a copy of the original: {result.reason}."


_LOADERS = {"tf2": "tf.saved_model.load", "v1": "tf.compat.v1.saved_model.load"}


def _deviation(step: Step) -> str:
    if step.deviation is None:
        return "-"
    return "differs" if step.deviation.problem else f"{step.deviation.largest:.3g}"
