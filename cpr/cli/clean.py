"""``cpr clean``: a deployable copy of a training directory."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cpr.cli.options import common_options, tags_of
from cpr.cli.output import console, emit_json, progress, say, shares
from cpr.errors import LoadError

if TYPE_CHECKING:
    from cpr.savedmodel.cleaning import Cleaned


@click.command("clean")
@click.argument("source", metavar="SRC")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--version",
    type=click.IntRange(0),
    metavar="NUMBER",
    help="Which of the numbered exports in SRC to take.  [default: the highest]",
)
@click.option(
    "--tag",
    multiple=True,
    metavar="TAG[,TAG...]",
    help="Keep the graph with exactly these tags; repeatable.  [default: the one tagged serve]",
)
@click.option(
    "--signature",
    multiple=True,
    metavar="NAME",
    help="Keep this signature; repeatable.  [default: all]",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="GLOB",
    help="Copy these files of SRC too, whatever they are; repeatable.",
)
@click.option("-f", "--force", is_flag=True, help="Replace OUT if it is there.")
@common_options
def command(
    *,
    source: str,
    out: Path,
    version: int | None,
    tag: tuple[str, ...],
    signature: tuple[str, ...],
    keep: tuple[str, ...],
    force: bool,
    as_json: bool,
    is_quiet: bool,
) -> None:
    """Write a deployable copy of a training directory.

    SRC is an exported SavedModel, or a directory with exports in it: numbered
    ones, or export/ as an Estimator has it. OUT gets what serving needs and
    nothing else: the graph to serve with its signatures, the variables and
    assets that these reach, and files such as labels that predictors read
    beside the model. Checkpoints, TensorBoard events, evaluations, the optimizer's
    state, other graphs and second copies of weights stay behind. SRC is never
    changed, and TensorFlow is not needed.
    """
    if Path(source).is_file():
        raise _no_directory(source)
    # CLI start-up time: cleaning imports numpy and protobuf.
    from cpr.artifacts.fetch import fetch
    from cpr.savedmodel.cleaning import clean

    with shares("download", is_quiet=is_quiet) as show:
        fetched = fetch(source, progress=show)
    with fetched as folder:
        cleaned = clean(
            folder,
            out,
            version=version,
            tags=[tags_of(tags) for tags in tag],
            signatures=signature,
            keep=keep,
            force=force,
            progress=functools.partial(progress, "copying variables", is_quiet=is_quiet),
        )
    if as_json:
        emit_json("cpr.clean/1", ok=True, summary=_summary(cleaned))
    elif not is_quiet:
        _print(cleaned)


def _no_directory(source: str) -> LoadError:
    is_keras = Path(source).suffix in (".keras", ".h5", ".hdf5")
    return LoadError(
        f"{source} is a file; a directory with an exported SavedModel is expected.",
        hint=f"Export it first: cpr export-model {source} OUT, which leaves training behind too."
        if is_keras
        else f"Give the directory that holds it: {Path(source).absolute().parent}",
    )


def _summary(cleaned: Cleaned) -> dict[str, object]:
    return {
        "source": str(cleaned.source),
        "export": str(cleaned.export),
        "path": str(cleaned.path),
        "tags": [list(tags) for tags in cleaned.tags],
        "signatures": list(cleaned.signatures),
        "bytes_before": cleaned.size_before,
        "bytes": cleaned.size,
        "removed": [
            {"what": item.what, "count": item.count, "bytes": item.size, "names": list(item.names)}
            for item in cleaned.removed
        ],
        "notes": list(cleaned.notes),
    }


def _print(cleaned: Cleaned) -> None:
    # CLI start-up time: rich is imported only when something is drawn.
    from rich.table import Table
    from rich.text import Text

    from cpr.reports.html import visible

    out = console()
    for key, value in {
        "export": str(cleaned.export),
        "copy": str(cleaned.path),
        "signatures": ", ".join(cleaned.signatures) or "none",
        "size": f"{cleaned.size:,} bytes of {cleaned.size_before:,}",
    }.items():
        out.print(Text.assemble((f"{key:<12}", "bold"), visible(value)), soft_wrap=True)
    table = Table("what went", "count", "bytes", "such as", box=None, pad_edge=False)
    for column in table.columns[1:3]:
        column.justify = "right"
    for item in cleaned.removed:
        # Names in a model may hold what a terminal obeys.
        first = visible(item.names[0]) if item.names else ""
        table.add_row(
            item.what, f"{item.count:,}", f"{item.size:,}", Text(first, overflow="ellipsis")
        )
    if cleaned.removed:
        out.print()
        out.print(table)
    for note in cleaned.notes:
        say(f"cpr: {note}")
