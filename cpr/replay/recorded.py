"""One recorded request: what was sent and, where it was recorded, what came back and when.

A record is ``{"request": …, "response": …, "time": …, "status": …}``; all but
the request may be missing, and other keys are left alone. `time` is seconds,
from whatever start, or a date and time as in ISO 8601.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from cpr.errors import shorten
from cpr.replay.lines import BadFile

# What the body of a request holds; TensorFlow Serving takes the last two.
BODY_KEYS = ("instances", "inputs", "examples")


@dataclass(frozen=True, slots=True)
class Expected:
    """The response that is expected; any error meets an expected error."""

    document: Any
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request body, where it was read, and what was recorded with it."""

    body: bytes
    file: str
    line: int
    expected: Expected | None = None
    time_s: float | None = None

    @property
    def place(self) -> str:
        """The ``file:line`` of the request."""
        return f"{self.file}:{self.line}"


def is_body(value: Any) -> bool:
    """Whether a JSON value is the body of a request."""
    return isinstance(value, dict) and any(key in value for key in BODY_KEYS)


def is_record(value: Any) -> bool:
    """Whether a JSON value is a record; an instance with the key ``request`` is not."""
    return isinstance(value, dict) and "instances" not in value and is_body(value.get("request"))


def from_record(value: dict[str, Any], file: str, line: int) -> RecordedRequest:
    """The request of a record.

    Raises:
        BadFile: Its time or status cannot be read.
    """
    status = value.get("status", 200)
    if type(status) is not int:
        raise BadFile(
            "A recorded status is not a number.",
            file=file,
            line=line,
            detail=f"'status' is {shorten(status)}.",
            hint="Write the HTTP status, such as 200, or leave it out.",
        )
    expected = None
    if "response" in value:
        expected = expect(value["response"], status=status)
    body = json.dumps(value["request"]).encode()
    return RecordedRequest(body, file, line, expected, _time(value.get("time"), file, line))


def expect(document: Any, *, status: int = 200) -> Expected:
    """What a recorded response asks for; errors are told by status or, as AI Platform's, by key."""
    return Expected(document, is_error=status >= 400 or is_error_document(document))


def count_instances(body: bytes) -> int:
    """How many instances a body holds, as far as it can be told without a predictor."""
    document = json.loads(body)
    for key in BODY_KEYS:
        if isinstance(document.get(key), list):
            return len(document[key])
    return 1


def is_error_document(document: Any) -> bool:
    """Whether a response says ``{"error": …}`` in place of predictions."""
    return (
        isinstance(document, dict)
        and "error" in document
        and not any(key in document for key in ("predictions", "outputs"))
    )


def _time(value: Any, file: str, line: int) -> float | None:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError as error:
        raise BadFile(
            "A recorded time cannot be read.",
            file=file,
            line=line,
            detail=f"'time' is {shorten(value)}.",
            hint="Write seconds, as 12.5, or a date and time, as 2024-05-01T12:00:00.250Z.",
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
