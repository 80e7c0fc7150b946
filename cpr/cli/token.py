"""``cpr token``: a bearer token for clients of the server."""

from __future__ import annotations

from pathlib import Path

import click

from cpr.cli.options import common_options
from cpr.cli.output import emit_json, write_result


@click.command("token")
@click.option("--name", default="", help="Who gets it: written before its hash.")
@click.option(
    "--append",
    "path",
    type=click.Path(path_type=Path),
    help="Append its line to this token file, made if there is none.",
)
@common_options
def command(*, name: str, path: Path | None, as_json: bool, is_quiet: bool) -> None:
    """Make a bearer token for clients of the server.

    Prints the token, which is stored nowhere, and its line for the file that
    serve --token-file reads: NAME:sha256. With --append the line goes into
    the file, and the token alone is printed. Take a token back by removing
    its line.
    """
    # CLI start-up time: hashlib and secrets are imported when a token is made.
    from cpr.server.tokens import append_line, new_token

    token, line = new_token(name)
    if path is not None:
        append_line(path, line)
    if as_json:
        summary = {"token": token, "line": line, "file": str(path) if path else None}
        emit_json("cpr.token/1", ok=True, summary=summary)
    elif path is not None or is_quiet:
        write_result(token)
    else:
        write_result(f"token  {token}\nline   {line}")
