"""Where in user code something happens: errors, prints, and accesses to files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from cpr.errors import CprError
from cpr.frames import user_tail

_STANDARD = str(Path(os.__file__).parent)
_OURS = str(Path(str(sys.modules["cpr"].__file__)).parent)

Spot = tuple[str, int]


def fault_to_json(error: CprError, roots: Iterable[Path] = ()) -> dict[str, Any]:
    """An error with what was raised first, and where."""
    cause = error.__cause__
    return {
        "kind": type(error).__name__,
        "problem": str(error.problem),
        "hint": str(error.hint),
        "raised": type(cause).__name__ if cause is not None else "",
        "place": _place_of(cause or error, roots),
    }


def user_place(frame: FrameType | None) -> Spot:
    """The innermost line of user code, from a frame outwards."""
    while frame is not None:
        if _is_users(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return "", 0


def _place_of(error: BaseException, roots: Iterable[Path]) -> Spot:
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 1
    tail, spot = user_tail(error.__traceback__, roots), ("", 0)
    while tail is not None:
        spot, tail = (tail.tb_frame.f_code.co_filename, tail.tb_lineno), tail.tb_next
    return spot


def _is_users(file: str) -> bool:
    if file.startswith("<") or "/site-packages/" in file or "/dist-packages/" in file:
        return False
    return not file.startswith((f"{_STANDARD}/", f"{_OURS}/"))
