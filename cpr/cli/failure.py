"""How a command ends badly: the message, the JSON document, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from cpr.cli import exit_codes
from cpr.cli.output import emit_json, finding, say
from cpr.cli.signals import Terminated
from cpr.errors import CprError, EnvironmentProblem, UsageError
from cpr.suggest import did_you_mean

_INDENT = " " * len("cpr: ")


def fail(error: CprError, arguments: Sequence[str]) -> int:
    """Report an error on standard error, and as JSON where asked; return the exit code.

    Args:
        error: What went wrong.
        arguments: The command line as it was given; it says whether ``--json``
            was asked for even when it could not be parsed.
    """
    if error.user_traceback:
        say(error.user_traceback)
    say(_layout(error))
    _emit(arguments, error.exit_code, class_name(error), error_finding(error))
    return error.exit_code


def stopped(signal: KeyboardInterrupt, arguments: Sequence[str]) -> int:
    """Report that the process was told to stop, by Ctrl-C or SIGTERM; return the exit code."""
    is_terminated = isinstance(signal, Terminated)
    code = exit_codes.TERMINATED if is_terminated else exit_codes.INTERRUPTED
    said = "terminated" if is_terminated else "interrupted"
    say(f"cpr: {said}")
    _emit(arguments, code, type(signal).__name__, finding(f"CPR{code:03d}", said))
    return code


def _emit(arguments: Sequence[str], code: int, error: str, found: dict[str, Any]) -> None:
    """Write the document of a failure, where ``--json`` is on the command line."""
    if "--json" not in arguments:
        return
    schema = f"cpr.{_command(arguments)}/1"
    try:
        emit_json(schema, ok=False, summary={"exit_code": code, "error": error}, findings=[found])
    except EnvironmentProblem as unwritable:
        say(_layout(unwritable))


def error_finding(error: CprError) -> dict[str, Any]:
    """An error as a finding; its id is ``CPR`` and the exit code in three digits."""
    return finding(
        f"CPR{error.exit_code:03d}",
        error.problem,
        file=error.file or None,
        line=error.line or None,
        fix=error.fix,
    )


def class_name(error: CprError) -> str:
    """The documented class of an error: one of `cpr.errors`, though a subclass was raised."""
    names = (kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "cpr.errors")
    return next(names)


def from_click(error: click.UsageError) -> UsageError:
    """Click's complaint about a command line, in our words."""
    context = error.ctx
    path = context.command_path if context else "cpr"
    ask = f"Run '{path} --help' for what it takes."
    if isinstance(error, click.NoSuchOption):
        known = [name for item in _options(context) for name in (*item.opts, *item.secondary_opts)]
        hint = did_you_mean(error.option_name, [name for name in known if len(name) > 2])
        return UsageError(
            f"{path} has no option {error.option_name!r}.", hint=f"{hint}\n{ask}".strip()
        )
    return UsageError(error.format_message(), hint=ask)


def from_bug(error: BaseException) -> CprError:
    """An exception that is our fault, as an error; its traceback is saved to a file."""
    # Start-up time: needed only here.
    import platform
    import tempfile
    import traceback

    from cpr.cli.version import installed_version

    trace = "".join(traceback.format_exception(error))
    header = f"cpr {installed_version()}, Python {platform.python_version()}, {platform.platform()}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="cpr-bug-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(f"{header}\narguments: {sys.argv[1:]!r}\n\n{trace}")
        saved = f"The traceback is in {file.name}; please report it."
    except OSError as unsaved:
        saved = f"The traceback could not be saved ({unsaved.strerror}); it follows.\n{trace}"
    said = traceback.format_exception_only(error)[-1].strip()
    return CprError(f"this is a bug in cpr: {said}", hint=saved)


def _layout(error: CprError) -> str:
    lines = [*error.problem.splitlines(), *error.hint.splitlines()] or [type(error).__name__]
    return "cpr: " + f"\n{_INDENT}".join(lines)


def _command(arguments: Sequence[str]) -> str:
    return next((word for word in arguments if not word.startswith("-")), "cpr")


def _options(context: click.Context | None) -> list[click.Parameter]:
    if context is None:
        return []
    return [
        item for item in context.command.get_params(context) if item.param_type_name == "option"
    ]
