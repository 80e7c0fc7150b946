"""What every command prints with: results, JSON documents, colour, progress."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cpr.cli.stdout_guard import results
from cpr.errors import EnvironmentProblem

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_SHARES = 100
PROGRESS_AFTER_S = 2.0


class OutputClosed(Exception):
    """The reader of standard output or error went away; there is nothing left to do."""


def write_result(text: str) -> None:
    """Write one result and a newline to standard output, at once.

    Raises:
        OutputClosed: Nobody reads any more.
        EnvironmentProblem: The disk behind a redirection is full.
    """
    stream = results()
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError as error:
        discard_output()
        raise OutputClosed from error
    except OSError as error:
        discard_output()
        raise EnvironmentProblem(
            f"standard output cannot be written: {error.strerror}",
            hint="Free some space, or send the output elsewhere.",
        ) from error


def discard_output() -> None:
    """Drop what is still buffered, so that the interpreter's own flush is silent."""
    _discard(results().fileno())


def _discard(*descriptors: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def emit_json(
    schema: str,
    *,
    ok: bool,
    summary: Mapping[str, Any],
    findings: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write the one JSON document that a command's ``--json`` promises.

    Args:
        schema: The schema's name and version, such as ``cpr.predict/1``.
        ok: Whether the exit code is 0.
        summary: The command's result.
        findings: What `finding` makes, one for each problem.
    """
    document = {"schema": schema, "ok": ok, "summary": summary, "findings": list(findings)}
    write_result(json.dumps(document, ensure_ascii=False))


def finding(
    identity: str,
    message: str,
    *,
    severity: str = "error",
    file: str | None = None,
    line: int | None = None,
    fix: str = "",
) -> dict[str, Any]:
    """One entry of a JSON document's ``findings``."""
    return {
        "id": identity,
        "severity": severity,
        "message": message,
        "file": file,
        "line": line,
        "fix": fix,
        "docs": f"docs/cli.md#{identity.lower()}",
    }


def say(message: str) -> None:
    """Write a line for people, on standard error.

    Raises:
        OutputClosed: Nobody reads any more.
    """
    try:
        print(message, file=sys.stderr, flush=True)
    except BrokenPipeError as error:
        _discard(1, 2, results().fileno())
        raise OutputClosed from error


def console(*, stderr: bool = False) -> Console:
    """A rich console; colour only on a terminal, and never against ``NO_COLOR``."""
    # Start-up time: rich is imported only when something is drawn.
    from rich.console import Console

    class Closable(Console):
        def on_broken_pipe(self) -> None:
            # Rich's own ends the process with exit code 1.
            discard_output()
            raise OutputClosed

    if stderr:
        return Closable(stderr=True, highlight=False)
    return Closable(file=results(), highlight=False)


def print_table(screen: Console, table: Table) -> None:
    """Print a table; where no terminal is without the spaces that fill its last column."""
    if screen.is_terminal:
        screen.print(table)
        return
    with screen.capture() as drawn:
        screen.print(table)
    for line in drawn.get().splitlines():
        screen.print(line.rstrip(), soft_wrap=True, markup=False)


def is_interactive() -> bool:
    """Whether a person watches standard error, so that progress may be drawn."""
    is_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    return (
        bool(sys.stderr and sys.stderr.isatty()) and not is_ci and os.environ.get("TERM") != "dumb"
    )


@contextmanager
def progress(
    description: str, total: int, *, is_quiet: bool = False
) -> Iterator[Callable[[], None]]:
    """Yield a function to call after each of `total` steps.

    A bar appears on standard error once the work has taken two seconds, and
    only where a person watches.
    """
    if is_quiet or not is_interactive():
        yield lambda: None
        return
    bar = _DelayedBar(description, total)
    try:
        yield bar.advance
    finally:
        bar.stop()


@contextmanager
def shares(description: str, *, is_quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """As `progress`, of work whose steps nobody counts beforehand.

    Yields a function to call with how much is done, and of how much; as long
    as that is not known, 0.
    """
    with progress(description, _SHARES, is_quiet=is_quiet) as advance:
        drawn = 0

        def show(done: int, total: int) -> None:
            nonlocal drawn
            reached = min(_SHARES * done // total, _SHARES) if total else 0
            for _ in range(drawn, reached):
                advance()
            drawn = max(drawn, reached)

        yield show


class _DelayedBar:
    """A progress bar that draws itself only when the work is slow."""

    def __init__(self, description: str, total: int) -> None:
        self._description = description
        self._total = total
        self._done = 0
        self._start = time.monotonic()
        self._draw: Callable[[int], None] | None = None
        self._stop: Callable[[], None] = lambda: None

    def advance(self) -> None:
        """Count one step."""
        self._done += 1
        if self._draw is not None:
            self._draw(self._done)
        elif time.monotonic() - self._start > PROGRESS_AFTER_S:
            self._begin()

    def stop(self) -> None:
        """Take the bar off the screen."""
        self._stop()

    def _begin(self) -> None:
        # Start-up time: see `console`.
        from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

        bar = Progress(
            *Progress.get_default_columns()[:2],
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console(stderr=True),
            transient=True,
            # Descriptor 1 leads to standard error; rich must not hold back prints.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        task = bar.add_task(self._description, total=self._total, completed=self._done)
        bar.start()
        self._draw = lambda done: bar.update(task, completed=done)
        self._stop = bar.stop
