"""``cpr explain``: how much each feature of an instance adds to its prediction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cpr.cli.gcloud_format import render_json
from cpr.cli.instances_file import InstancesFlags, parse_parameters
from cpr.cli.options import Target, common_options, target_options
from cpr.cli.output import emit_json, say, shares, write_result
from cpr.cli.stdout_guard import guard_stdout
from cpr.errors import LoadError, UsageError

if TYPE_CHECKING:
    from cpr.explaining.explainer import Explainer

_HINT = "Write one JSON value a line, each an instance."


@click.command("explain")
@target_options
@click.option(
    "--json-instances",
    metavar="FILE",
    help="A file with one JSON value a line, each an instance; - is standard input.",
)
@click.option(
    "--json-request",
    metavar="FILE",
    help='A file with a whole request, {"instances": […]}.',
)
@click.option("--text-instances", metavar="FILE", help="A file whose lines are the instances.")
@click.option(
    "--method",
    "--explanation-method",
    type=click.Choice(["auto", "sampled-shapley", "integrated-gradients"]),
    help="How.  [default: auto: integrated-gradients of TensorFlow models with many features]",
)
@click.option("--num-paths", type=int, metavar="N", help="Paths of sampled Shapley.  [default: 50]")
@click.option(
    "--num-integral-steps",
    type=int,
    metavar="N",
    help="Steps of integrated gradients, at first.  [default: 50]",
)
@click.option("--seed", type=int, metavar="N", help="Of the sampled paths.  [default: 0]")
@click.option(
    "--top-k",
    type=int,
    metavar="N",
    help="Explain the N labels of the highest scores; -1 is all.  [default: 1]",
)
@click.option("--label-index", type=int, metavar="N", help="Explain this label alone.")
@click.option("--output", metavar="NAME", help="The output to explain, where there are several.")
@click.option(
    "--baseline",
    metavar="FILE",
    help="A file with an instance to compare with, as JSON; on several lines several, whose "
    "attributions are averaged.  [default: the metadata's, or zeros]",
)
@click.option("--signature-name", metavar="NAME", help="The signature to explain.")
@click.option(
    "--param",
    multiple=True,
    metavar="KEY=JSON",
    help="A further top-level key of the request; repeatable.",
)
@click.option(
    "--write-metadata",
    metavar="FILE",
    help="Write explanation_metadata.json instead, with baselines that are typical of the "
    "instances, if some are given; - is standard output.",
)
@click.option(
    "--check-metadata",
    is_flag=True,
    help="Check explanation_metadata.json of the model directory instead.",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["default", "json"]),
    default="default",
    show_default=True,
    help="default draws bars; json prints the whole response, as AI Platform's.",
)
@common_options
def command(
    *,
    target: Target,
    json_instances: str | None,
    json_request: str | None,
    text_instances: str | None,
    signature_name: str | None,
    param: tuple[str, ...],
    write_metadata: str | None,
    check_metadata: bool,
    layout: str,
    as_json: bool,
    is_quiet: bool,
    baseline: str | None,
    **given: Any,
) -> int:
    """Say how much each feature of an instance adds to its prediction.

    The attributions of an instance add up to the difference of its score and
    a baseline's. Sampled Shapley asks any predictor; integrated gradients
    takes a TensorFlow SavedModel or Keras file. The route :explain of cpr
    serve does the same; a request's key "explain" holds these options there.
    """
    guard_stdout()
    flags = InstancesFlags(json_request, json_instances, text_instances)
    if not (write_metadata or check_metadata):
        flags.check()
    options = {key: value for key, value in given.items() if value is not None}
    if baseline is not None:
        options["baselines"] = _values(baseline)
    parameters = parse_parameters(param, signature_name=signature_name)
    parameters |= {"explain": options} if options else {}
    # CLI start-up time: the layers below are imported when a command runs.
    from cpr.explaining.explainer import Explainer

    with target.open() as routine:
        explainer = Explainer(routine)
        if write_metadata:
            samples = _instances(flags) if any(vars(flags).values()) else []
            chosen = {"signature_name": signature_name or "", "output": given["output"] or ""}
            return _write_metadata(explainer, write_metadata, samples, chosen)
        if check_metadata:
            return _check_metadata(explainer, as_json=as_json)
        body = flags.body(parameters)
        response = _explain(explainer, body, is_quiet=is_quiet)
        name = routine.name
    if as_json:
        emit_json("cpr.explain/1", ok=True, summary={"predictor": name, "response": response})
    elif layout == "json":
        write_result(render_json(response))
    else:
        _draw(response, json.loads(body)["instances"])
    return 0


def _explain(explainer: Explainer, body: bytes, *, is_quiet: bool) -> dict[str, Any]:
    # CLI start-up time: see above.
    from cpr.explaining.budget import Budget
    from cpr.messages import Call

    with shares("explain", is_quiet=is_quiet) as show:
        budget = Budget(between=lambda: show(budget.made, budget.planned))
        return explainer.document(Call(body), budget)


def _draw(response: dict[str, Any], instances: list[Any]) -> None:
    # CLI start-up time: rich.
    from cpr.cli.explain_bars import draw

    draw(response, instances)


def _values(path: str) -> list[Any]:
    """The JSON values on the lines of a file."""
    # CLI start-up time: see above.
    from cpr.replay.lines import numbered_lines, parse_json, read_file

    content, name = read_file(path)
    return [parse_json(text, name, at, hint=_HINT) for at, text in numbered_lines(content, name)]


def _instances(flags: InstancesFlags) -> list[Any]:
    flags.check()
    instances: list[Any] = json.loads(flags.body({}))["instances"]
    return instances


def _write_metadata(
    explainer: Explainer, path: str, samples: list[Any], chosen: dict[str, str]
) -> int:
    # CLI start-up time: see above.
    from cpr.explaining.fitting import generate

    described, features = explainer.description, explainer.features
    metadata = generate(described, samples=samples, features=features, **chosen)
    text = json.dumps(metadata.to_json(), indent=2, ensure_ascii=False)
    if path == "-":
        write_result(text)
        return 0
    try:
        with Path(path).open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except FileExistsError as error:
        raise UsageError(
            f"{path} is there already.", hint="Move it away, or name another file."
        ) from error
    say(f"wrote {path}")
    return 0


def _check_metadata(explainer: Explainer, *, as_json: bool) -> int:
    metadata = explainer.metadata
    if metadata is None:
        raise LoadError(
            f"there is no explanation_metadata.json in {explainer.routine.model_dir}.",
            hint="Write one: cpr explain --write-metadata FILE",
        )
    inputs = [item.name for item in metadata.inputs]
    outputs = [item.name for item in metadata.outputs]
    if as_json:
        summary = {"file": metadata.source, "inputs": inputs, "outputs": outputs}
        emit_json("cpr.explain/1", ok=True, summary=summary)
    else:
        write_result(f"{metadata.source} fits: {', '.join(inputs)} → {', '.join(outputs)}")
    return 0
