"""``cpr export-model``: a servable SavedModel of a model of any kind."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cpr.cli.export_flags import export_options
from cpr.cli.options import TRUST, common_options, tags_of
from cpr.cli.output import console, emit_json, is_interactive, say
from cpr.cli.stdout_guard import guard_stdout
from cpr.errors import UsageError

if TYPE_CHECKING:
    from cpr.savedmodel import Exported


@click.command("export-model")
@click.argument("source", metavar="SOURCE")
@click.argument("out_dir", metavar="OUT", type=click.Path(path_type=Path))
@export_options
@TRUST
@common_options
def command(*, source: str, out_dir: Path, as_json: bool, is_quiet: bool, **flags: Any) -> int:
    """Export a model of any kind as a SavedModel that can be served.

    SOURCE is a Keras file (.keras, .h5), a SavedModel, a TensorFlow 1
    checkpoint, a frozen graph, an Estimator's directory; or, as module:name or
    path/to/file.py:name, a Keras model, tf.Module or tf.function, or a
    function without parameters that makes one.

    OUT gets a numbered directory, which appears at once and only when it is
    proven: it is loaded in a fresh process, and every signature is run on
    samples and compared with what SOURCE answers.
    """
    guard_stdout()
    # CLI start-up time: numpy, and below TensorFlow.
    from cpr.savedmodel import export

    show = is_interactive() and not is_quiet
    status = console(stderr=True).status("exporting") if show else nullcontext()
    with ExitStack() as held, status:
        # CLI start-up time: as above.
        from cpr.cli.export_options import find_source, refuse_wrong_path

        refuse_wrong_path(source)
        options = _arguments(flags, held)
        exported = export(find_source(source, held), out_dir, fresh=True, **options)
    if as_json:
        emit_json("cpr.export-model/1", ok=True, summary=_summary(exported))
    elif not is_quiet:
        _print(exported)
    return 0


def _arguments(flags: dict[str, Any], held: ExitStack) -> dict[str, Any]:
    """The arguments of `export` that the flags say."""
    # CLI start-up time: as above.
    from cpr.cli import export_options as read
    from cpr.savedmodel import Retention
    from cpr.savedmodel.exporting.receivers import feature_spec
    from cpr.savedmodel.exporting.verifying import Tolerance
    from cpr.savedmodel.tensorflow_library import import_tensorflow

    if flags["keep_every"] and not flags["keep"]:
        raise UsageError("--keep-every does nothing without --keep.", hint="Give --keep N too.")
    version = read.version_of(flags["version"])
    tags, more_graphs = read.some_tags("--tags", flags["tags"]), read.graphs_of(flags["graph"])
    tf = import_tensorflow()
    keep = flags["keep"]
    spec = flags["examples"]
    return {
        "signatures": read.heads_of(
            flags["signature"], flags["head"], flags["method"], flags["labels"]
        ),
        "inputs": read.tensors_of(tf, "--input", flags["input"]),
        "outputs": read.tensors_of(tf, "--output", flags["output"]),
        "preprocess": read.find_preprocessing(flags["preprocess"], flags["trust"], held),
        "postprocess": read.find_object(flags["postprocess"], held)
        if flags["postprocess"]
        else None,
        "examples": feature_spec(tf, read.read_json(spec), spec) if spec else None,
        "any_batch": not flags["keep_batch"],
        "tags": tags,
        "more_graphs": more_graphs,
        "build": read.find_object(flags["build"], held) if flags["build"] else None,
        "source_tags": tags_of(flags["source_tags"] or ""),
        "assets": flags["asset"],
        "extra_files": flags["extra_file"],
        "warmup": read.read_lines_of_json(flags["warmup"]),
        "samples": read.read_lines_of_json(flags["samples"]) or None,
        "version": version,
        "keep": Retention(keep, flags["keep_every"]) if keep else None,
        "tolerance": Tolerance(flags["atol"], flags["rtol"]),
    }


def _print(exported: Exported) -> None:
    # CLI start-up time: rich is imported only when something is drawn.
    from rich.table import Table
    from rich.text import Text

    out = console()
    rows = {"exported": exported.path, "from": exported.source, "size": _bytes(exported.size_bytes)}
    for key, value in rows.items():
        out.print(Text.assemble((f"{key:<10}", "bold"), str(value)), soft_wrap=True)
    out.print()
    table = Table(box=None, pad_edge=False, header_style="bold")
    has_tags = len({signature.proof.tags for signature in exported.signatures}) > 1
    for name in (*(("tags",) if has_tags else ()), "signature", "inputs", "outputs", "compared"):
        table.add_column(name, overflow="fold")
    for signature in exported.signatures:
        method = "" if signature.method == "predict" else f" ({signature.method})"
        cells = [
            f"{signature.name}{method}",
            "\n".join(f"{name}: {spec}" for name, spec in signature.inputs.items()),
            "\n".join(f"{name}: {spec}" for name, spec in signature.outputs.items()),
            _proof(signature.proof.instances, signature.proof.deviation, signature.proof.remark),
        ]
        tags = [", ".join(signature.proof.tags)] if has_tags else []
        table.add_row(*(Text(cell) for cell in (*tags, *cells)))
    out.print(table)
    for path in exported.removed:
        out.print(Text(f"removed {path}"), soft_wrap=True)
    for note in exported.notes:
        say(f"cpr: {note}")


def _proof(instances: int, deviation: float | None, remark: str) -> str:
    if deviation is None:
        ran = f"{instances} instances ran" if instances else "loaded"
        return f"{ran}; {remark}"
    return f"{instances} instances, {'equal' if not deviation else f'within {deviation:.1g}'}"


def _bytes(size: int) -> str:
    return f"{size:,} bytes"


def _summary(exported: Exported) -> dict[str, Any]:
    return {
        "path": str(exported.path),
        "source": exported.source,
        "size_bytes": exported.size_bytes,
        "signatures": [
            {
                "tags": list(signature.proof.tags),
                "name": signature.name,
                "method": signature.method,
                "inputs": dict(signature.inputs),
                "outputs": dict(signature.outputs),
                "compared": {
                    "instances": signature.proof.instances,
                    "deviation": signature.proof.deviation,
                    "remark": signature.proof.remark,
                },
            }
            for signature in exported.signatures
        ],
        "removed": [str(path) for path in exported.removed],
        "notes": list(exported.notes),
    }
