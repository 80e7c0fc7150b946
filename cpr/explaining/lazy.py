"""An explainer that is made when somebody first asks for an explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cpr.messages import Call, Reply
from cpr.routine import Routine

if TYPE_CHECKING:
    from cpr.explaining.explainer import Explainer


class LazyExplainer:
    """What a server holds: it costs nothing until it is asked.

    Args:
        routine: It is open.
    """

    def __init__(self, routine: Routine) -> None:
        self._routine = routine
        self._explainer: Explainer | None = None

    def answer(
        self, call: Call, *, deadline_ns: int = 0, between: Callable[[], None] | None = None
    ) -> Reply:
        """As `Explainer.answer`."""
        if self._explainer is None:
            # Start-up time: a worker that only predicts never needs it.
            from cpr.explaining.explainer import Explainer

            self._explainer = Explainer(self._routine)
        return self._explainer.answer(call, deadline_ns=deadline_ns, between=between)
