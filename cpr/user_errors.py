"""What is said of an exception that user code raised: what, where, and what may help."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cpr.errors import shorten
from cpr.frames import user_line
from cpr.shims import shim_for


def describe(error: BaseException, limit: int = 500) -> str:
    """The type and message of an exception of user code, the message cut to `limit`."""
    try:
        text = str(error)
    except Exception:  # its own __str__ is broken
        text = "<message cannot be printed>"
    if len(text) > limit:
        text = shorten(text, limit)[1:-1]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def advice(error: BaseException, roots: Iterable[Path] = ()) -> str:
    """The user's own line that raised, and the shim that would have cured it, if any."""
    try:
        shim = shim_for(error)
    except Exception:  # its own __str__ is broken
        shim = ""
    help_line = f"That name has moved since; try --shim {shim}." if shim else ""
    return "\n".join(filter(None, (user_line(error, roots), help_line)))
