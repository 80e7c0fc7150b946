"""The log of the server's processes: what happened, as text or JSON, on standard error."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from typing import Any, Literal, TextIO

from cpr.errors import CprError

LogFormat = Literal["json", "text"]
LEVELS = ("debug", "info", "warning", "error")

# What a record may carry besides its message, given as `extra`.
_ABOUT = ("request_id", "model", "version")
# Lines a second from one place in the code: a predictor that fails on every
# request must not bury everything else.
_AT_MOST = 50
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def configure_logging(
    role: str,
    *,
    line_format: LogFormat = "text",
    level: str = "warning",
    stream: TextIO | None = None,
) -> None:
    """Send every log record and Python warning of this process to one place.

    Called once, by the main function of a server process, before it opens user
    code: what that logs is written the same way, and its own
    ``logging.basicConfig`` changes nothing.

    Args:
        role: Who speaks: "supervisor", "front-0", "worker-iris-2-0".
        line_format: ``json``, one object a line, or ``text``.
        level: The least important level to write, one of `LEVELS`.
        stream: Standard error if not given.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(role) if line_format == "json" else TextLines(role))
    handler.addFilter(RepeatFilter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)


def log_failure(
    logger: logging.Logger,
    error: CprError,
    *,
    request_id: str = "",
    model: str = "",
    version: str = "",
) -> None:
    """Log why a request failed, with the user's own frames; the client sees less."""
    about = {"request_id": request_id, "model": model, "version": version}
    logger.error("%s", error, exc_info=error, extra=about)


class TextLines(logging.Formatter):
    """A record as a line for people; whatever follows its first line is indented."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        """The line or lines of a record, without control characters of anybody's choice."""
        about = [f"{name}={value}" for name, value in _about(record).items()]
        head = f"{_when(record)} {record.levelname} {self._role} [{record.process}] {record.name}"
        told = f"{' '.join([head, *about])}: {_message(record)}"
        trace = _traceback(self, record)
        lines = f"{told}\n{trace}".rstrip().splitlines() if trace else told.splitlines()
        return "\n    ".join(_CONTROL.sub(_shown, line) for line in lines)


class JsonLines(logging.Formatter):
    """A record as a JSON object on one line."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        """The object of a record; keys without a value are left out."""
        fields: dict[str, Any] = {
            "time": _when(record),
            "level": record.levelname.lower(),
            "role": self._role,
            "pid": record.process,
            "logger": record.name,
            **_about(record),
            "message": _message(record),
        }
        if record.exc_info and record.exc_info[0]:
            fields["error"] = record.exc_info[0].__name__
        if trace := _traceback(self, record):
            fields["traceback"] = trace
        return json.dumps(fields)


class RepeatFilter(logging.Filter):
    """Lets through the first records of each second from one line of ours, and counts the rest.

    The first record of a later second says how many were left out. What user
    code logs is never left out: it may be there for an audit.
    """

    def __init__(self, at_most: int = _AT_MOST) -> None:
        super().__init__()
        self._at_most = at_most
        self._seen: dict[tuple[str, int], tuple[int, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if not record.name.startswith("cpr."):
            return True
        place, second = (record.pathname, record.lineno), int(record.created)
        since, count = self._seen.get(place, (second, 0))
        if second != since:
            record.left_out = max(0, count - self._at_most)
            since, count = second, 0
        self._seen[place] = (since, count + 1)
        return count < self._at_most


def _about(record: logging.LogRecord) -> dict[str, str]:
    found = {name: getattr(record, name, "") for name in _ABOUT}
    return {name: str(value) for name, value in found.items() if value}


def _message(record: logging.LogRecord) -> str:
    left_out = getattr(record, "left_out", 0)
    said = f" (and {left_out} more like the last from here)" if left_out else ""
    return f"{record.getMessage()}{said}"


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The user's own frames where the error has them, or else the whole traceback."""
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    error = record.exc_info[1]
    if isinstance(error, CprError) and (error.user_traceback or error.__traceback__ is None):
        return error.user_traceback
    return formatter.formatException(record.exc_info)


def _when(record: logging.LogRecord) -> str:
    date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{date}.{int(record.msecs):03d}Z"


def _shown(control: re.Match[str]) -> str:
    return json.dumps(control[0])[1:-1].replace("\x7f", "\\u007f")
