"""Ends a predictor: its own close hook first."""

from __future__ import annotations

import logging
from types import TracebackType

from cpr.binding import Binding
from cpr.errors import UserCodeError
from cpr.sources import Sources
from cpr.user_errors import describe, explained
from cpr.workdir import WorkingDirectory

logger = logging.getLogger(__name__)


class Closing:
    """Runs the predictor's close hook, whose failure never hides an earlier error."""

    def __init__(
        self, binding: Binding, name: str, sources: Sources, workdir: WorkingDirectory
    ) -> None:
        self._binding = binding
        self._name = name
        self._sources = sources
        self._workdir = workdir

    def __call__(
        self,
        kind: type[BaseException] | None,
        earlier: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it; called as the exit of a context, which knows the earlier error."""
        try:
            with self._workdir:
                self._binding.close()
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            if earlier is not None:
                logger.warning("closing %r failed too: %s", self._name, describe(error))
                return
            problem = f"closing {self._name!r} failed: {describe(error)}"
            raise explained(UserCodeError, problem, error, self._sources.roots) from error
