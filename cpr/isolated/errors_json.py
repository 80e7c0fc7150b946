"""Errors as JSON, so that one raised in a child is raised again in its parent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cpr import errors
from cpr.errors import CprError
from cpr.frames import user_traceback
from cpr.user_errors import describe


def error_to_json(error: BaseException) -> dict[str, Any]:
    """An error in JSON's own types; what is not a `CprError` becomes one."""
    if not isinstance(error, CprError):
        return {
            "type": "CprError",
            "problem": f"the isolated process failed: {describe(error)}",
            "hint": "",
            "user_traceback": user_traceback(error),
        }
    return {
        "type": _known(type(error)),
        "problem": str(error.problem),
        "hint": str(error.hint),
        "user_traceback": str(error.user_traceback),
        "file": str(error.file or ""),
        "line": error.line,
        "place": str(error.place),
    }


def error_from_json(document: Mapping[str, Any]) -> CprError:
    """The error again, of the same class."""
    cls = getattr(errors, document["type"])
    error: CprError = cls(
        document["problem"], hint=document["hint"], user_traceback=document["user_traceback"]
    )
    error.file, error.line = document.get("file", ""), document.get("line")
    error.place = document.get("place", "")
    return error


def _known(cls: type[CprError]) -> str:
    """The nearest class of `cpr.errors`: user code may raise one of its own."""
    return next(kind.__name__ for kind in cls.__mro__ if kind.__module__ == errors.__name__)
