"""``cpr predict``: predictions in this process, with gcloud's flags."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from cpr.cli.failure import error_finding, fail
from cpr.cli.gcloud_format import hidden_keys, render, render_json
from cpr.cli.instances_file import InstancesFlags, parse_parameters
from cpr.cli.options import Target, common_options, target_options
from cpr.cli.output import emit_json, say, write_result
from cpr.cli.stdout_guard import guard_stdout
from cpr.errors import CprError

if TYPE_CHECKING:
    from pathlib import Path

    from cpr.messages import Reply
    from cpr.routine import Routine


@click.command("predict")
@target_options
@click.option(
    "--json-instances",
    metavar="FILE",
    help="A file with one JSON value a line, each an instance; - is standard input.",
)
@click.option(
    "--json-request",
    metavar="FILE",
    help='A file with a whole request, {"instances": […]}; every other key is passed on too.',
)
@click.option(
    "--text-instances",
    metavar="FILE",
    help="A file whose lines are the instances, as text.",
)
@click.option(
    "--signature-name",
    metavar="NAME",
    help="The signature to run; passed as the parameter signature_name.",
)
@click.option(
    "--param",
    multiple=True,
    metavar="KEY=JSON",
    help="A further top-level key of the request, such as probabilities=true; repeatable. "
    "It wins over the same key of a --json-request.",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["default", "json"]),
    default="default",
    show_default=True,
    help="default prints as gcloud did: a table for objects, the list on one line otherwise. "
    "json prints the whole response.",
)
@click.option("--pdb", is_flag=True, help="When the predictor's code raises, debug it there.")
@common_options
def command(
    *,
    target: Target,
    json_instances: str | None,
    json_request: str | None,
    text_instances: str | None,
    signature_name: str | None,
    param: tuple[str, ...],
    layout: str,
    pdb: bool,
    as_json: bool,
    is_quiet: bool,
) -> int:
    """Predict in this process, with gcloud's flags.

    TARGET is a package file, a project directory, module:Class or
    file.py:Class. Without TARGET, --model-dir alone is served by the
    predictor for its files; without either, the project in the current
    directory is used.

    The rules for instances files are gcloud's, but for its limit of 100
    instances. Predictions alone go to standard output: whatever the predictor
    prints goes to standard error.
    """
    guard_stdout()
    flags = InstancesFlags(json_request, json_instances, text_instances)
    flags.check()
    beyond: list[CprError] = []
    parameters = parse_parameters(param, signature_name=signature_name, beyond=beyond)
    body = flags.body(parameters, beyond=beyond)
    answered = _answer(target, body, beyond, pdb=pdb)
    _print(answered, layout=layout, as_json=as_json, is_quiet=is_quiet)
    # The predictions are out: a close hook that raises does not take them along.
    return fail(answered.closing, []) if answered.closing is not None else 0


@dataclass(frozen=True)
class _Answered:
    """What came of the request, and of closing the predictor after it."""

    name: str
    reply: Reply
    closing: CprError | None


def _answer(target: Target, body: bytes, beyond: list[CprError], *, pdb: bool) -> _Answered:
    # CLI start-up time: the layers below are imported when a command runs.
    from cpr.messages import Call

    roots: tuple[Path, ...] = ()
    with ExitStack() as open_while_debugged:
        try:
            routine = open_while_debugged.enter_context(target.open())
            roots = routine.roots
            if beyond and not routine.settings.strict:
                raise beyond[0]
            [reply] = routine.answer([Call(body)])
            if reply.error is not None:
                raise reply.error
        except CprError as error:
            if pdb:
                # CLI start-up time: most runs need no debugger.
                from cpr.cli.debugger import debug

                debug(error, roots)
            raise
        return _Answered(routine.name, reply, _closing(routine))


def _closing(routine: Routine) -> CprError | None:
    try:
        routine.close()
    except CprError as error:
        return error
    return None


def _print(answered: _Answered, *, layout: str, as_json: bool, is_quiet: bool) -> None:
    response: Any = json.loads(answered.reply.body)
    if not is_quiet:
        _warn(response, is_table=not as_json and layout == "default")
    if as_json:
        summary = {
            "predictor": answered.name,
            "instances": answered.reply.instance_count,
            "response": response,
        }
        late = answered.closing
        findings = [error_finding(late)] if late is not None else []
        emit_json("cpr.predict/1", ok=late is None, summary=summary, findings=findings)
        return
    text = render_json(response) if layout == "json" else render(response)
    if text:
        write_result(text)


def _warn(response: Any, *, is_table: bool) -> None:
    """Say what of the answer may surprise."""
    if isinstance(response, dict) and response.get("predictions", ...) is None:
        say("cpr: predict returned None: is a return missing?")
    hidden = hidden_keys(response) if is_table else []
    if hidden:
        say(
            f"cpr: the table has the columns of the first prediction, as gcloud's; not shown: "
            f"{', '.join(hidden)}. --format json shows all."
        )
