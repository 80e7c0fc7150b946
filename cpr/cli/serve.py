"""``cpr serve``: a routine behind a port."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from typing import Any

import click

from cpr.cli.option_groups import GroupedCommand
from cpr.cli.options import Target, common_options
from cpr.cli.serve_flags import GROUPS, serve_flags
from cpr.cli.stdout_guard import guard_stdout
from cpr.extras import import_extra

# What the front processes import, and its pages.
_LIBRARIES = ("uvicorn", "uvloop", "httptools", "flask", "a2wsgi")


class ServeCommand(GroupedCommand):
    """Its help has a heading for each group of flags."""

    groups = GROUPS


@click.command("serve", cls=ServeCommand)
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@serve_flags
@common_options
def command(
    *,
    targets: tuple[str, ...],
    opening: Mapping[str, Any],
    flags: Mapping[str, Any],
    as_json: bool,
    is_quiet: bool,
) -> int:
    """Serve a routine over HTTP.

    TARGET is a package file, a project directory, module:Class or
    file.py:Class; several package files are versions of one model. Without
    TARGET, --model-dir alone is served by the predictor for its files; without
    either, the project in the current directory is served. A model directory
    that holds numbered directories holds versions.

    Every flag but those of the routine is also a setting, which cpr.toml and
    CPR_… variables give: see docs/configuration.md.
    """
    guard_stdout()
    _look_for_libraries(flags)
    # CLI start-up time: what help needs is imported above.
    from cpr.cli.serve_screen import LoggedScreen, TerminalScreen
    from cpr.observe.server_log import configure_logging
    from cpr.server.resolving import serve_options
    from cpr.server.supervisor import run

    target = Target(target=None, **opening)
    keywords = {
        "prediction_class": target.prediction_class,
        "packages": target.packages,
        "framework": target.framework,
        "shims": target.shim,
        "require_signature": target.require_signature,
    }
    options = serve_options(
        targets,
        target.model_dir,
        opening=keywords,
        flags={**target.flags, **flags},
        log_level=logging.getLevelName(logging.getLogger("cpr").getEffectiveLevel()).lower(),
    )
    kind = TerminalScreen
    if options.log_format == "json":
        kind = LoggedScreen
        ours = logging.getLogger("cpr")
        ours.handlers, ours.propagate = [], True
        ours.setLevel(logging.INFO if options.log_level == "warning" else logging.NOTSET)
        configure_logging("supervisor", line_format="json", level=options.log_level)
    return run(options, screen=kind(options, is_quiet=is_quiet, as_json=as_json))


def _look_for_libraries(flags: Mapping[str, Any]) -> None:
    """Name the extra that is missing before anything is started.

    Raises:
        EnvironmentProblem: It is.
    """
    wanted = [(name, "serve") for name in _LIBRARIES]
    if flags["serve.tracing"]:
        wanted.append(("opentelemetry", "otel"))
    for name, extra in wanted:
        if importlib.util.find_spec(name) is None:
            import_extra(name, extra)
