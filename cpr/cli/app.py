"""The command group: commands are imported only when they are invoked."""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Sequence

import click

from cpr.cli import exit_codes
from cpr.cli.failure import fail, from_bug, from_click, stopped
from cpr.cli.output import OutputClosed, discard_output
from cpr.cli.signals import orderly_end
from cpr.cli.stdout_guard import open_standard_streams
from cpr.errors import CprError, EnvironmentProblem, UserCodeError, shorten
from cpr.suggest import did_you_mean

# What `cpr --help` says, without importing a command; a test keeps it equal to
# the commands' own first lines.
SUMMARIES: dict[str, str] = {
    "diff": "Send the same requests to two sides and compare what they predict.",
    "init": "Start a project that works.",
    "inspect": "Show what a model holds, without its framework.",
    "key": "Make a key pair to sign packages with.",
    "check": "Find what would fail an upload, a load or a request.",
    "package": "Build the source distribution of a project.",
    "clean": "Write a deployable copy of a training directory.",
    "compile": "Write the fastest model that gives the same answers.",
    "export-model": "Export a model of any kind as a SavedModel that can be served.",
    "predict": "Predict in this process, with gcloud's flags.",
    "explain": "Say how much each feature of an instance adds to its prediction.",
    "replay": "Send recorded requests through a predictor or to a URL, compare and time.",
    "run-signature": "Run one signature of a model on tensors.",
    "serve": "Serve a routine over HTTP.",
    "reload": "Have a running server load what is new.",
    "shrink": "Write a smaller copy of a SavedModel that answers the same.",
    "token": "Make a bearer token for clients of the server.",
}

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
# What the system refuses for a path, wherever it came up.
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.EIO}
_REFUSED |= {errno.EMFILE, errno.ENFILE, errno.ESTALE}


def load_command(name: str) -> click.Command:
    """Import the module of a command and return the command."""
    module = importlib.import_module(f"cpr.cli.{name.replace('-', '_')}")
    command: click.Command = module.command
    return command


class LazyGroup(click.Group):
    """A group that knows its commands by name and summary only."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands' names, for help and completion."""
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, if there is one of that name."""
        return load_command(cmd_name) if cmd_name in SUMMARIES else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was probably meant."""
        name = args[0]
        if name not in SUMMARIES and not name.startswith("-"):
            hint = did_you_mean(name, SUMMARIES)
            raise click.UsageError(f"there is no command {name!r}. {hint}".strip(), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands and their summaries."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the exit codes mean."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), text) for code, text in exit_codes.EXIT_CODES.items()])


def _print_version(ctx: click.Context, _option: click.Parameter, is_asked: bool) -> None:
    if is_asked and not ctx.resilient_parsing:
        # Start-up time: importlib.metadata takes 20 ms.
        from cpr.cli.version import installed_version

        click.echo(f"cpr {installed_version()}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
@click.pass_context
def group(ctx: click.Context) -> None:
    """Custom prediction routines: a trained model behind one small class.

    A TARGET is a package file (.tar.gz, .whl), a project directory,
    module:Class, path/to/file.py:Class, or nothing with --model-dir alone:
    then the files in the model directory say which predictor serves them.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(exit_codes.USAGE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; `arguments` default to the process's."""
    open_standard_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    with orderly_end():
        try:
            return _run(words)
        except OutputClosed:
            return exit_codes.OUTPUT_CLOSED


def _run(words: list[str]) -> int:
    try:
        return _invoke(words)
    except click.UsageError as error:
        return fail(from_click(error), words)
    except CprError as error:
        return fail(error, words)
    except MemoryError as error:
        short = EnvironmentProblem("out of memory.", hint="Send fewer instances at once.")
        short.__cause__ = error
        return fail(short, words)
    except SystemExit as error:
        # Click never raises it here: it comes from a routine that ends the process.
        problem = f"the predictor's code called sys.exit({error.code!r})."
        return fail(UserCodeError(problem, hint="Raise an exception instead."), words)
    except BrokenPipeError:
        # From click's own printing of help; user code's errors arrive wrapped.
        discard_output()
        return exit_codes.OUTPUT_CLOSED
    except OSError as error:
        return fail(_from_os(error), words)
    except KeyboardInterrupt as error:
        return stopped(error, words)
    except OutputClosed:
        raise
    except BaseException as error:
        return fail(from_bug(error), words)


def _from_os(error: OSError) -> CprError:
    if error.errno in _DISK_FULL:
        discard_output()
        return EnvironmentProblem(f"{error.strerror}.", hint="Free some space and try again.")
    if error.errno in _REFUSED and error.filename is not None:
        return EnvironmentProblem(
            f"{shorten(error.filename, 200)}: {error.strerror}.",
            hint="Check the path, its permissions and the limits of this process.",
        )
    return from_bug(error)


def _invoke(words: list[str]) -> int:
    try:
        with group.make_context("cpr", words) as context:
            code = group.invoke(context)
    except click.exceptions.Exit as done:
        code = done.exit_code
    sys.stdout.flush()
    return code if isinstance(code, int) else 0
