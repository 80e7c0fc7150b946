"""The name of a request, in answers, logs and traces."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from itertools import count

HEADER = b"x-request-id"
# What a client may call its request: nothing that a log or a header could misread.
_FITTING = re.compile(rb"[A-Za-z0-9._:-]{1,128}").fullmatch


def accepted(offered: bytes) -> str | None:
    """The name that a client gave its request, or None if it does not fit.

    Fitting is ``[A-Za-z0-9._:-]{1,128}``.
    """
    return offered.decode("ascii") if _FITTING(offered) else None


def request_names() -> Callable[[], str]:
    """A function that gives another name with every call: twenty-odd characters.

    Call it once in each process, after the process has started: 72 random bits
    keep the names of processes apart, restarted ones too.
    """
    prefix = secrets.token_urlsafe(9).replace("_", ".")
    following = count().__next__

    def another() -> str:
        return f"{prefix}-{following():x}"

    return another
