"""Writes docs/cli.md from the commands themselves; run by ``make docs``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from cpr.cli.app import SUMMARIES, group, load_command
from cpr.cli.exit_codes import EXIT_CODES, FINDINGS, OUTPUT_CLOSED

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"

HEAD = """# Command line

<!-- Written by tools/cli_docs.py from the commands themselves; `make docs` writes it anew. -->

Results go to standard output, everything else to standard error: messages, logs, progress, and
whatever a predictor prints. Colour and progress appear on a terminal only; `NO_COLOR` and `CI`
are honoured.
"""

JSON = """## JSON

With `--json` a command prints exactly one document, also when it fails:

```json
{"schema": "cpr.predict/1", "ok": true, "summary": {}, "findings": []}
```

`ok` says that the exit code is 0. `summary` is the command's result; of a failure it names the
error's class and the exit code. Each finding has `id`, `severity`, `message`, `file`, `line`,
`fix` and `docs`; an error is a finding whose id is `CPR` and its exit code in three digits.
"""


def render() -> str:
    """The whole page."""
    parts = [HEAD, *(_command(name) for name in SUMMARIES), _exit_codes(), JSON, _ids()]
    return "\n".join(parts)


def _command(name: str) -> str:
    command = load_command(name)
    top = group.make_context("cpr", [name])
    context = click.Context(command, info_name=name, parent=top)
    usage = command.get_usage(context).removeprefix("Usage: ")
    lines = [f"## cpr {name}", "", "```text", usage, "```", ""]
    lines += [inspect.cleandoc(command.help or ""), "", "| flag | meaning |", "|---|---|"]
    lines += [f"| {flags} | {_cell(text)} |" for flags, text in _options(command, context)]
    return "\n".join([*lines, ""])


def _options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    for item in command.get_params(context):
        record = item.get_help_record(context)
        if record is not None and item.param_type_name == "option":
            flags, text = record
            yield ", ".join(f"`{_cell(flag)}`" for flag in flags.split(", ")), text


def _exit_codes() -> str:
    rows = [f"| {code} | {_cell(text)} |" for code, text in EXIT_CODES.items()]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "|---|---|", *rows, ""])


def _ids() -> str:
    parts = []
    for code, text in EXIT_CODES.items():
        if code not in (0, FINDINGS, OUTPUT_CLOSED):
            parts += [f"### CPR{code:03d}", "", text, ""]
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    sys.stderr.write(f"wrote {PAGE}\n")
