"""``cpr run-signature``: run one signature of a model on tensors."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cpr.cli.options import common_options, tags_of
from cpr.cli.output import emit_json, say, shares, write_result
from cpr.cli.stdout_guard import guard_stdout
from cpr.errors import LoadError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from cpr.savedmodel.running.images import ImageOptions


@dataclass(frozen=True)
class _Asked:
    """What the flags ask for."""

    model_dir: str
    signature_name: str
    tags: tuple[str, ...]
    inputs: tuple[str, ...]
    examples: tuple[str, ...]
    file: str | None


@click.command("run-signature")
@click.argument("model_dir", metavar="MODEL_DIR")
@click.option(
    "--signature-name",
    default="",
    metavar="NAME",
    help="The signature to run.  [default: the only one, or serving_default]",
)
@click.option(
    "--tags",
    default="",
    metavar="TAG[,TAG...]",
    help="The tags of the MetaGraph, all of them.  [default: serve, or those of the only one]",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=VALUE",
    help="The value of an input: JSON, or a file that ends in .json, .npy, .npz or as an image "
    "does; FILE.npz[KEY] is one array of it, - is JSON from standard input. Repeat it for each "
    "input, and to gather images into a batch.",
)
@click.option(
    "--examples",
    multiple=True,
    metavar="NAME=VALUE",
    help="An input that takes serialized tf.Example messages: JSON, or a .json file, with a list "
    "of objects, features by name. Floats are written with a point.",
)
@click.option(
    "--inputs",
    "file",
    metavar="FILE",
    help="The values of all inputs by name: a JSON object, or an .npz archive.",
)
@click.option(
    "--scale",
    type=float,
    default=1.0,
    metavar="X",
    help="What the 0 to 255 of an image's pixels is multiplied with, for an input of floats; "
    "0.00392157 makes 0 to 1.  [default: 1]",
)
@click.option("--resize", is_flag=True, help="Fit images to the declared height and width.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write the outputs there instead: an .npz archive, a .json object, or a folder with a "
    ".npy file each.",
)
@click.option("-f", "--force", is_flag=True, help="Replace files that exist.")
@common_options
def command(
    *,
    model_dir: str,
    signature_name: str,
    tags: str,
    inputs: tuple[str, ...],
    examples: tuple[str, ...],
    file: str | None,
    scale: float,
    resize: bool,
    output: Path | None,
    force: bool,
    as_json: bool,
    is_quiet: bool,
) -> int:
    """Run one signature of a model on tensors.

    MODEL_DIR holds a SavedModel, of TensorFlow 1 or 2, or a LiteRT or ONNX
    model: a directory or URL, where the highest numbered version is taken.
    The signature runs as it is in the model: no preprocessor, no labels, and
    not what cpr compile made of it.
    """
    guard_stdout()
    # CLI start-up time: numpy.
    from cpr.savedmodel.running.images import ImageOptions
    from cpr.savedmodel.running.outputs import document, table

    asked = _Asked(model_dir, signature_name, tags_of(tags), inputs, examples, file)
    name, outputs = _run(asked, ImageOptions(scale, resize), is_quiet=is_quiet)
    written = [] if output is None else _write(outputs, output, force=force)
    if as_json:
        summary: dict[str, Any] = {"model_dir": model_dir, "signature": name}
        if written:
            summary["files"] = list(map(str, written))
        else:
            summary["outputs"] = document(outputs)
        emit_json("cpr.run-signature/1", ok=True, summary=summary)
    elif output is None:
        write_result(table(outputs))
    if written and not is_quiet:
        for path in written:
            say(f"cpr: wrote {path}.")
    return 0


def _write(outputs: Mapping[str, np.ndarray], target: Path, *, force: bool) -> list[Path]:
    # CLI start-up time: numpy.
    from cpr.publishing import write_atomically
    from cpr.savedmodel.running.outputs import contents

    files = contents(outputs, target)
    taken = next((path for path in files if path.exists()), None)
    if taken is not None and not force:
        raise UsageError(f"{taken} exists.", hint="Give --force to replace it.")
    for path, data in files.items():
        write_atomically(path, data)
    return list(files)


def _run(
    asked: _Asked, images: ImageOptions, *, is_quiet: bool
) -> tuple[str, Mapping[str, np.ndarray]]:
    """The name of the signature that ran, and its outputs."""
    # CLI start-up time: numpy, fsspec.
    from cpr.artifacts.detect import Kind, detect
    from cpr.artifacts.fetch import fetch
    from cpr.config import PredictorSettings

    with shares("download", is_quiet=is_quiet) as show:
        fetched = fetch(asked.model_dir, progress=show)
    with fetched as folder:
        artifact = detect(folder)
        module, _, name = artifact.predictor.partition(":")
        kind = getattr(importlib.import_module(module), name)
        if not hasattr(kind, "predict_columns"):
            raise LoadError(
                f"{asked.model_dir} holds a {artifact.kind.value} model, which has no signatures.",
                hint="Use cpr predict with --model-dir.",
            )
        opens = functools.partial(
            kind.from_path, folder, settings=PredictorSettings(tags=asked.tags, runtime="native")
        )
        if artifact.kind is Kind.TENSORFLOW:
            signature, values = _checked(asked, artifact.path, images)
            with closing(opens()) as predictor:
                return signature.name, predictor.predict_columns(values, signature.name)
        with closing(opens()) as predictor:
            signature, values = _read(asked, predictor.signatures, images)
            return signature.name, predictor.predict_columns(values, signature.name)


def _checked(asked: _Asked, folder: Path, images: ImageOptions) -> tuple[Any, dict[str, Any]]:
    """The signature and its inputs, before TensorFlow is imported to run it."""
    # CLI start-up time: numpy.
    from cpr.savedmodel.running.declared import check_inputs, read_signatures

    signature, values = _read(asked, read_signatures(folder, asked.tags), images)
    check_inputs(values, signature)
    return signature, values


def _read(
    asked: _Asked, signatures: Mapping[str, Any], images: ImageOptions
) -> tuple[Any, dict[str, Any]]:
    # CLI start-up time: numpy.
    from cpr.runtimes.signatures import choose

    signature = choose(signatures, asked.signature_name or None)
    return signature, _values(asked, signature, images)


def _values(asked: _Asked, signature: Any, images: ImageOptions) -> dict[str, Any]:
    # CLI start-up time: numpy.
    from cpr.savedmodel.running.examples import serialize_examples
    from cpr.savedmodel.running.inputs import (
        cast_arrays,
        check_names,
        pairs,
        read_all,
        read_value,
    )

    inputs, examples = pairs(asked.inputs, "--input"), pairs(asked.examples, "--examples")
    given = read_all(asked.file) if asked.file else {}
    names = [*given, *inputs, *examples]
    check_names(names, list(signature.inputs), signature.name)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(
            f"the input {twice!r} is given in two ways.",
            hint="Use one of --input, --examples and --inputs for it.",
        )
    values = cast_arrays(given, signature.inputs)
    for name, texts in inputs.items():
        values[name] = read_value(texts, name, signature.inputs[name], images)
    for name, texts in examples.items():
        values[name] = serialize_examples(_rows(texts), name, signature.inputs[name].dtype)
    return values


def _rows(texts: list[str]) -> Any:
    # CLI start-up time: see above.
    from cpr.savedmodel.running.inputs import read_json

    return [row for text in texts for row in read_json(text)]
