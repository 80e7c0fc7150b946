"""What can be asked over the admin socket: to reload, and how things are."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cpr.errors import CprError, UsageError, shorten
from cpr.isolated.errors_json import error_to_json
from cpr.server.admin import Say
from cpr.server.line_up import LineUp
from cpr.server.reload import Outcome


class AdminRequests:
    """Answers them.

    ``{"do": "reload"}`` is answered when the reload has ended, with what is
    served then; ``{"do": "status"}`` at once. Where `ok` is false, `error` says
    why, in the form of `cpr.isolated.errors_json`, and `exit_code` its number.

    Args:
        line_up: What is served.
        reload: Carries out a reload for a reason.
    """

    def __init__(self, line_up: LineUp, reload: Callable[[str], Awaitable[Outcome]]) -> None:
        self._line_up = line_up
        self._reload = reload

    async def answer(self, request: Mapping[str, Any], say: Say) -> Mapping[str, Any]:
        """Answer one request; `say` sends lines before the last one."""
        try:
            if request.get("do") == "status":
                return {"ok": True, "exit_code": 0, "pid": os.getpid(), **self._line_up.status()}
            if request.get("do") == "reload":
                say({"say": "reloading"})
                return _told(await self._reload("cpr reload"))
            raise UsageError(f"{shorten(request)} says neither reload nor status.")
        except CprError as error:
            return _failed(error)


def _told(outcome: Outcome) -> dict[str, Any]:
    served = {
        "loaded": list(outcome.loaded),
        "versions": list(outcome.served),
        "default": outcome.default,
        "seconds": round(outcome.seconds, 3),
    }
    if outcome.error is not None:
        return {**served, **_failed(outcome.error)}
    return {**served, "ok": True, "exit_code": 0}


def _failed(error: CprError) -> dict[str, Any]:
    return {"ok": False, "exit_code": error.exit_code, "error": error_to_json(error)}
