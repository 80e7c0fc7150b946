"""What ``cpr serve`` tells on the terminal: for people, or one JSON document."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from cpr.cli.failure import fail
from cpr.cli.output import PROGRESS_AFTER_S, OutputClosed, emit_json, is_interactive, say
from cpr.cli.start_page import predict_urls, start_page
from cpr.errors import CprError, EnvironmentProblem
from cpr.server.options import ServeOptions
from cpr.server.screen import ReadyReport, ReloadReport, VersionReport

logger = logging.getLogger(__name__)

# Back to the start of the line, and nothing on it.
_CLEAR = "\r\x1b[K"
_REASONS = {"watch": "files changed"}


class TerminalScreen:
    """A `cpr.server.screen.Screen` on standard error.

    Args:
        options: Of the server that it shows.
        is_quiet: Whether to show failures only.
        as_json: Whether to write a JSON document to standard output when the
            server is ready, in place of the page for people.
    """

    def __init__(self, options: ServeOptions, *, is_quiet: bool, as_json: bool) -> None:
        self._options = options
        self._is_quiet = is_quiet
        self._as_json = as_json
        self._is_live = is_interactive() and not is_quiet and not as_json
        self._began = time.monotonic()
        self._is_ready = False
        self._has_line = False

    def loading(self, version: str) -> None:
        """Say so where a person waits, once it takes long."""
        waited = time.monotonic() - self._began
        if self._is_live and waited > PROGRESS_AFTER_S:
            self._has_line = True
            sys.stderr.write(f"{_CLEAR}loading version {version} … {waited:.0f} s")
            sys.stderr.flush()

    def ready(self, report: ReadyReport) -> None:
        """Show the start page, or write the document."""
        self._is_ready = True
        self._clear()
        if self._as_json:
            self._write_document(report)
        elif not self._is_quiet:
            in_colour = self._is_live and not os.environ.get("NO_COLOR")
            self._say(start_page(report, self._options, in_colour=in_colour))

    def failed(self, error: CprError) -> None:
        """Say why there is no server, or no more."""
        self._clear()
        is_first = self._as_json and not self._is_ready
        with suppress(OutputClosed):
            fail(error, ["serve", "--json"] if is_first else [])

    def reloading(self, reason: str) -> None:
        """Say nothing: it is told when it has ended."""

    def reloaded(self, report: ReloadReport) -> None:
        """Say what is served now, or what serves on and why."""
        because = _REASONS.get(report.reason, report.reason)
        if report.error is None:
            named = _named(report.versions)
            self._tell(f"cpr: reloaded in {report.load_s:.2f} s ({because}): {named}")
            return
        self._say(f"cpr: the reload failed ({because}); {_serving_on(report.versions)}.")
        with suppress(OutputClosed):
            fail(report.error, [])

    def crashed(self, version: str, problem: str) -> None:
        """Say that a worker was lost."""
        first, *rest = problem.splitlines() or [""]
        lines = [f"cpr: version {version}: {first}", *rest, "Another worker is started."]
        self._say("\n     ".join(lines))

    def stopping(self, reason: str) -> None:
        """Say that the end is near."""
        self._clear()
        self._tell(f"cpr: stopping ({reason}); requests that were taken are still answered.")

    def _write_document(self, report: ReadyReport) -> None:
        with suppress(OutputClosed, EnvironmentProblem):
            emit_json("cpr.serve/1", ok=True, summary=_summary(report, self._options))

    def _tell(self, text: str) -> None:
        if not self._is_quiet:
            self._say(text)

    def _say(self, text: str) -> None:
        # A server goes on when nobody reads what it says.
        with suppress(OutputClosed):
            say(text)

    def _clear(self) -> None:
        if self._has_line:
            self._has_line = False
            sys.stderr.write(_CLEAR)


class LoggedScreen(TerminalScreen):
    """The same, in the server's log: for logs that a program reads."""

    def loading(self, version: str) -> None:
        """Say nothing: it is told when it has ended."""

    def ready(self, report: ReadyReport) -> None:
        """Log where; write the document if it was asked for."""
        self._is_ready = True
        if self._as_json:
            self._write_document(report)
        named = _named(report.versions)
        logger.info("serving %s, %s, at %s", report.model_name, named, report.url)

    def failed(self, error: CprError) -> None:
        """Log why."""
        logger.error("%s", error, exc_info=error)
        if self._as_json and not self._is_ready:
            super().failed(error)

    def reloaded(self, report: ReloadReport) -> None:
        """Log how it ended."""
        if report.error is None:
            named = _named(report.versions)
            logger.info("reloaded in %.2f s (%s): %s", report.load_s, report.reason, named)
        else:
            error, old = report.error, _serving_on(report.versions)
            logger.error("the reload failed; %s: %s", old, error, exc_info=error)

    def _say(self, text: str) -> None:
        logger.warning("%s", text.removeprefix("cpr: "))


def _named(versions: Sequence[VersionReport]) -> str:
    names = ", ".join(version.name for version in versions)
    return f"versions {names}" if len(versions) > 1 else f"version {names}"


def _serving_on(versions: Sequence[VersionReport]) -> str:
    return f"{_named(versions)} {'serve' if len(versions) > 1 else 'serves'} on"


def _summary(report: ReadyReport, options: ServeOptions) -> dict[str, Any]:
    return {
        "url": report.url,
        "predict_urls": predict_urls(report, options),
        "model_name": report.model_name,
        "default_version": report.default_version,
        "versions": [_version(version) for version in report.versions],
        "pid": report.pid,
        "admin": report.admin,
    }


def _version(version: VersionReport) -> dict[str, Any]:
    description = version.description
    return {
        "name": version.name,
        "predictor": description.get("name", ""),
        "kind": description.get("kind", ""),
        "is_batchable": bool(description.get("is_batchable")),
        "workers": version.workers,
        "load_s": round(version.load_s, 3),
        "memory_bytes": version.memory_bytes,
    }
