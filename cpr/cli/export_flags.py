"""The flags of ``cpr export-model``, besides those that all commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_SIGNATURES = [
    click.option(
        "--signature",
        multiple=True,
        metavar="NAME[=FUNCTION]",
        help="Serve this function of SOURCE under this name, or its own; repeatable. One must be "
        "serving_default.  [default: all that SOURCE has]",
    ),
    click.option(
        "--head",
        multiple=True,
        metavar="NAME=OUTPUT,...",
        help="A signature with these outputs only; NEW:OLD renames one; repeatable.",
    ),
    click.option(
        "--method",
        multiple=True,
        metavar="NAME=METHOD",
        help="The method of a signature: predict, classify or regress; repeatable.",
    ),
    click.option(
        "--labels",
        multiple=True,
        metavar="NAME=FILE",
        help="Class names, one a line, for a signature's output classes; repeatable.",
    ),
    click.option(
        "--input",
        multiple=True,
        metavar="NAME=TYPE[SIZES]",
        help="An input that is not declared, such as x=float32[any,4]; for a frozen graph the "
        "name of a tensor, such as x=x:0; repeatable.",
    ),
    click.option(
        "--output",
        multiple=True,
        metavar="NAME=TENSOR",
        help="An output of a frozen graph, such as y=scores:0; repeatable.",
    ),
    click.option(
        "--examples",
        metavar="FILE",
        help="A feature spec, as JSON: signatures take serialized tf.Examples.",
    ),
    click.option(
        "--keep-batch",
        is_flag=True,
        help="Leave the inputs' first dimension as it is; else it becomes one of any size.",
    ),
]
_FUSED = [
    click.option(
        "--preprocess",
        metavar="NAME",
        help="What instances pass first, made part of the graph: a function of tensors, as "
        "module:name, or a fitted scikit-learn transformer, as a .joblib or .pkl file.",
    ),
    click.option(
        "--postprocess",
        metavar="NAME",
        help="What outputs pass last: a function of tensors, as module:name.",
    ),
]
_GRAPHS = [
    click.option(
        "--tags", default="serve", show_default=True, metavar="TAG,...", help="The graph's tags."
    ),
    click.option(
        "--graph",
        multiple=True,
        metavar="TAG,...=FUNCTION",
        help="A further graph over the same variables, whose serving_default is this function "
        "of SOURCE; repeatable.",
    ),
    click.option(
        "--build",
        metavar="NAME",
        help="The function that builds the TensorFlow 1 graph of a checkpoint, as module:name.",
    ),
    click.option(
        "--source-tags", metavar="TAG,...", help="Which graph of a SavedModel with several."
    ),
]
_FILES = [
    click.option("--asset", multiple=True, metavar="FILE", help="A file for assets/; repeatable."),
    click.option(
        "--extra-file", multiple=True, metavar="FILE", help="A file for assets.extra/; repeatable."
    ),
    click.option(
        "--warmup",
        metavar="FILE",
        help="Requests, one a line, that TensorFlow Serving runs before it serves the version.",
    ),
]
_PROOF = [
    click.option(
        "--samples",
        metavar="FILE",
        help="Instances to compare on, one a line.  [default: made up from the inputs]",
    ),
    click.option("--atol", type=float, default=1e-6, show_default=True, help="Absolute tolerance."),
    click.option("--rtol", type=float, default=1e-5, show_default=True, help="Relative tolerance."),
]
_PLACE = [
    click.option(
        "--version",
        default="next",
        show_default=True,
        metavar="N",
        help="The number of the version; next, time (in seconds), or none: OUT itself then "
        "becomes the SavedModel.",
    ),
    click.option(
        "--keep",
        type=click.IntRange(min=1),
        metavar="N",
        help="Remove all but the N newest versions in OUT.",
    ),
    click.option(
        "--keep-every",
        type=click.IntRange(min=0),
        default=0,
        metavar="N",
        help="Keep, besides, every version that N divides.",
    ),
]


def export_options(command: Command) -> Command:
    """Give a command all of them."""
    result: Any = command
    for option in reversed([*_SIGNATURES, *_FUSED, *_GRAPHS, *_FILES, *_PROOF, *_PLACE]):
        result = option(result)
    made: Command = result
    return made
