"""What `replay` and `diff` share: tolerance flags, settings, and where reports go."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from cpr.cli.output import write_result
from cpr.config import load_settings
from cpr.errors import ConfigError, UsageError
from cpr.publishing import write_atomically
from cpr.replay.tolerance import ATOL, RTOL, Tolerance, make_tolerance

Command = TypeVar("Command", bound=Callable[..., Any])

_TOLERANCE_OPTIONS = [
    click.option(
        "--atol",
        type=click.FloatRange(min=0),
        metavar="X",
        help=f"The absolute part of the tolerance of numbers.  [default: {ATOL:g}]",
    ),
    click.option(
        "--rtol",
        type=click.FloatRange(min=0),
        metavar="X",
        help=f"The relative part; with neither given, integers must be equal.  [default: {RTOL:g}]",
    ),
    click.option(
        "--tolerance",
        "by_path",
        multiple=True,
        metavar="PATH=ATOL[:RTOL]",
        help="The tolerance below a path, such as 'predictions[*].score=1e-3'; repeatable.",
    ),
    click.option(
        "--ignore",
        multiple=True,
        metavar="PATH",
        help="Do not compare what lies at or below a path, such as 'predictions[*].id', where "
        "[*] is any index and .* any key; repeatable.",
    ),
    click.option(
        "--show",
        type=click.IntRange(min=0),
        default=10,
        show_default=True,
        metavar="N",
        help="How many of the worst differences to show as text.",
    ),
]

_URL_OPTIONS = [
    click.option(
        "--header",
        multiple=True,
        metavar="'NAME: VALUE'",
        help="A header to send to a URL, such as 'Authorization: Bearer …'; repeatable.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="How long an answer of a URL, or of a process of its own, may take.  "
        "[default: 60 for a URL, else none]",
    ),
]


LIMIT = click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Send the first N requests only.",
)
OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the report to a file; standard output gets the text.",
)


def comparison_options(command: Command) -> Command:
    """Give a command the flags of comparing and of URLs.

    It is called with `tolerance`, a function that reads the flags and the
    settings of a folder, and with `show`, `header` and `timeout`.
    """

    @functools.wraps(command)
    def prepared(
        *,
        atol: float | None,
        rtol: float | None,
        by_path: tuple[str, ...],
        ignore: tuple[str, ...],
        **flags: Any,
    ) -> Any:
        def tolerance(folder: Path | None) -> Tolerance:
            return _tolerance(folder, atol=atol, rtol=rtol, by_path=by_path, ignore=ignore)

        return command(tolerance=tolerance, **flags)

    result: Any = prepared
    for option in reversed([*_TOLERANCE_OPTIONS, *_URL_OPTIONS]):
        result = option(result)
    final: Command = result
    return final


def _tolerance(
    folder: Path | None,
    *,
    atol: float | None,
    rtol: float | None,
    by_path: Sequence[str],
    ignore: Sequence[str],
) -> Tolerance:
    settings = load_settings(folder or Path())
    configured = settings.replay
    try:
        make_tolerance(by_path=configured.tolerance, ignore=configured.ignore)
    except UsageError as error:
        origins = {settings.origins.get(f"replay.{key}") for key in ("tolerance", "ignore")}
        where = " and ".join(sorted(filter(None, origins)))
        raise ConfigError(f"{where}: {error.problem}", hint=error.hint) from error
    return make_tolerance(
        atol=atol,
        rtol=rtol,
        by_path=[*configured.tolerance, *by_path],
        ignore=[*configured.ignore, *ignore],
    )


def write_report(
    layout: str,
    output: Path | None,
    renderers: Mapping[str, Callable[[], str]],
    *,
    as_json: bool,
) -> None:
    """Write a report in one layout, to a file if one is named, else to standard output.

    With a file, standard output still gets the text, or the JSON document
    that ``--json`` asks for.

    Args:
        layout: One of the renderers' names.
        output: The file; written whole or not at all.
        renderers: By layout; ``text`` and ``json`` are among them.
        as_json: ``--json`` was given.
    """
    if output is None:
        write_result(renderers["json" if as_json else layout]())
        return
    text = renderers[layout]() + "\n"
    write_atomically(output, text.encode("utf-8", "backslashreplace"))
    write_result(renderers["json" if as_json else "text"]())


def json_document(
    schema: str, *, ok: bool, summary: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]
) -> str:
    """The document that `cpr.cli.output.emit_json` writes, as text."""
    document = {"schema": schema, "ok": ok, "summary": summary, "findings": list(findings)}
    return json.dumps(document, ensure_ascii=False)
