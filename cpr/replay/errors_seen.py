"""Groups errors by class and message, the most frequent first."""

from __future__ import annotations

from cpr.errors import CprError
from cpr.replay.recorded import RecordedRequest
from cpr.replay.results import ErrorGroup


class ErrorsSeen:
    """Counts errors as they come."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], tuple[CprError, RecordedRequest]] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, error: CprError, request: RecordedRequest) -> None:
        """Count an error of a request."""
        key = (kind_of(error), error.problem)
        self._first.setdefault(key, (error, request))
        self._counts[key] = self._counts.get(key, 0) + 1

    def groups(self) -> list[ErrorGroup]:
        """The errors so far."""
        made = [
            ErrorGroup(
                kind, problem, error.hint, error.exit_code, count, request.file, request.line
            )
            for (kind, problem), count in self._counts.items()
            for error, request in [self._first[kind, problem]]
        ]
        return sorted(made, key=lambda group: -group.count)


def kind_of(error: CprError) -> str:
    """The documented class of an error: one of `cpr.errors`, though a subclass was raised."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "cpr.errors")


def named(error: CprError) -> str:
    """An error on one line, its class first."""
    return f"{kind_of(error)}: {' '.join(error.problem.split())}"
