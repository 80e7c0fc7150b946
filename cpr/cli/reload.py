"""``cpr reload``: have a running server load what is new."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import click

from cpr.cli.options import common_options
from cpr.cli.output import emit_json, say, write_result
from cpr.config import load_settings
from cpr.errors import EnvironmentProblem
from cpr.isolated.errors_json import error_from_json
from cpr.server.options import admin_path


@click.command("reload")
@click.option(
    "-p",
    "--port",
    type=click.IntRange(1, 65_535),
    metavar="PORT",
    help="The port of the server.  [default: 8080, or the setting of the project here]",
)
@click.option(
    "--admin",
    metavar="PATH",
    help="The server's admin socket, where cpr serve was given one.",
)
@common_options
def command(*, port: int | None, admin: str | None, as_json: bool, is_quiet: bool) -> int:
    """Have a running server load what is new.

    The server looks again for versions and files, loads them beside those that
    serve, tries them with the sample requests, and switches over; no request
    is lost. If anything fails it serves on as before, and the exit code says
    why.
    """
    settings = load_settings(Path(), is_server=True).serve
    found = port or settings.port
    path = Path(admin or settings.admin) if admin or settings.admin else admin_path(found)
    answer = _ask(path, {"do": "reload"}, is_quiet=is_quiet or as_json)
    if not answer.pop("ok"):
        raise error_from_json(answer["error"])
    if as_json:
        emit_json("cpr.reload/1", ok=True, summary=answer)
    else:
        loaded = ", ".join(answer["loaded"]) or "nothing new"
        write_result(
            f"loaded {loaded} in {answer['seconds']:.2f} s; serving {', '.join(answer['versions'])}"
        )
    return 0


def _ask(path: Path, request: dict[str, Any], *, is_quiet: bool) -> dict[str, Any]:
    """The last line of the answer to a request; the others are shown.

    Raises:
        EnvironmentProblem: No server listens there, or it ended meanwhile.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError as error:
            raise EnvironmentProblem(
                f"no server of yours listens on {path}: {error.strerror or error}.",
                hint=_instead_of(path),
            ) from error
        with connection.makefile("rwb") as stream:
            stream.write(json.dumps(request).encode() + b"\n")
            stream.flush()
            for line in stream:
                answer: dict[str, Any] = json.loads(line)
                if "ok" in answer:
                    return answer
                if not is_quiet:
                    say(f"cpr: {answer.get('say', '')}")
    raise EnvironmentProblem(
        "the server ended before it had answered.", hint="Look at its log, and start it again."
    )


def _instead_of(path: Path) -> str:
    """Which servers there are."""
    sockets = sorted(path.parent.glob("serve-*.sock")) if path.parent.is_dir() else []
    ports = [other.stem.partition("-")[2] for other in sockets if _is_alive(other)]
    if ports:
        return f"Name its port with --port; servers of yours are on {', '.join(ports)}."
    return "Start one with cpr serve; of another user's server, ask that user."


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
