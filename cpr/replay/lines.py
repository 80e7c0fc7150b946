"""Reads files of JSON values and lines, with gcloud's rules and messages.

``gcloud ai-platform predict`` had fixed rules for its files: UTF-8, a byte
order mark tolerated, one value a line, no empty line. Each message here starts
with gcloud's own sentence; where, what and what to do follow.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cpr.errors import BadInput, UsageError, shorten
from cpr.suggest import did_you_mean

EMPTY_LINE = "Empty line is not allowed in the instances file."
NOT_JSON = (
    'Input instances are not in JSON format. See "gcloud ai-platform predict --help" for details.'
)
NO_INSTANCE = "No valid instance was found in input file."
STDIN = "-"
BEYOND_HINT = "Write null, or let it through as AI Platform did, with --strict."
# An escape of a surrogate without its other half.
_HALF = re.compile(r"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]..")


class BadFile(BadInput):
    """A file of instances or requests is at fault, at `file` and perhaps `line`."""

    def __init__(
        self, problem: str, *, file: str, line: int | None = None, detail: str = "", hint: str = ""
    ) -> None:
        place = file if line is None else f"{file}:{line}"
        super().__init__(f"{problem}\n{place}: {detail}" if detail else problem, hint=hint)
        self.file = file
        self.line = line


class NoFile(UsageError):
    """There is no file that can be read at `file`."""

    def __init__(self, problem: str, *, file: str, hint: str) -> None:
        super().__init__(problem, hint=hint)
        self.file = file


def read_file(path: str) -> tuple[bytes, str]:
    """The bytes of a file and its name for messages; ``-`` is standard input.

    Raises:
        NoFile: It cannot be read.
    """
    if path == STDIN:
        return sys.stdin.buffer.read(), "<stdin>"
    try:
        return Path(path).read_bytes(), path
    except OSError as error:
        problem = f"{shorten(path, 200)[1:-1]} cannot be read: {error.strerror}."
        raise NoFile(problem, file=path, hint=_instead_of(Path(path), error)) from error


def _instead_of(path: Path, error: OSError) -> str:
    """What to name in place of what cannot be read."""
    folder = path if isinstance(error, IsADirectoryError) else path.parent
    there = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
    if isinstance(error, IsADirectoryError):
        return f"Name a file in it: {', '.join(there[:5]) or 'it is empty'}."
    return did_you_mean(path.name, there) or "Name a file, or - for standard input."


def numbered_lines(content: bytes, name: str) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers, decoded and without line ends.

    Raises:
        BadFile: A line is empty or not UTF-8, or there is none at all.
    """
    lines = content.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    if not lines:
        raise BadFile(
            NO_INSTANCE, file=name, detail="the file is empty.", hint="Write one instance a line."
        )
    for number, raw in enumerate(lines, start=1):
        text = decode(raw, name, number).rstrip("\r")
        if not text:
            raise BadFile(
                EMPTY_LINE,
                file=name,
                line=number,
                detail="this line is empty.",
                hint="Remove it; a file ends with one newline at most.",
            )
        yield number, text


def decode(raw: bytes, name: str, line: int) -> str:
    """Text from UTF-8, without a byte order mark.

    Raises:
        BadFile: It is not UTF-8; `line` is where the bytes begin.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line += raw.count(b"\n", 0, error.start)
        raise BadFile(
            "Input instances are not in UTF-8.",
            file=name,
            line=line,
            detail=f"{shorten(raw[error.start : error.start + 20])} is not UTF-8.",
            hint='Save the file as UTF-8; write binary values as {"b64": "…"}.',
        ) from error


def parse_json(text: str, name: str, line: int, *, hint: str) -> Any:
    """The value of JSON text that begins on the given line of a file.

    Raises:
        BadFile: It is not JSON.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _not_json(text, error.pos, error.msg, name, line, hint) from error
    except (ValueError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadFile(NOT_JSON, file=name, line=line, detail=f"{said}.", hint=hint) from error


def beyond_json(text: str, name: str, line: int) -> BadFile | None:
    """What `parse_json` reads although it is not JSON: NaN, 1e999, half of a surrogate pair.

    Only ``--strict`` sends it on; None if there is nothing of the kind.
    """
    # CLI start-up time: orjson is needed when a command runs.
    from cpr.wire.json_codec import loads

    try:
        loads(text.encode())
    except BadInput as error:
        said = not_a_number(text) or _half_of_a_pair(text) or str(error.problem)
        pos = text.find(said.partition(" ")[0])
        return _not_json(text, max(pos, 0), said, name, line, BEYOND_HINT)
    return None


def not_a_number(text: str) -> str:
    """``NaN is not JSON``, of the first such word or number in what Python reads as JSON."""
    found: list[str] = []

    def take(word: str) -> float:
        if math.isinf(float(word)):
            found.append(f"{word} is too large for a number of 64 bits")
        return 0.0

    json.loads(
        text, parse_constant=lambda word: found.append(f"{word} is not JSON"), parse_float=take
    )
    return next(iter(found), "")


def _half_of_a_pair(text: str) -> str:
    half = _HALF.search(text)
    return f"{half[0]} is half of a surrogate pair, which is no character" if half else ""


def _not_json(text: str, pos: int, said: str, name: str, line: int, hint: str) -> BadFile:
    """The error for a place in text that begins on the given line of a file."""
    pos = min(pos, len(text.rstrip()))
    start, end = text.rfind("\n", 0, pos) + 1, text.find("\n", pos)
    seen = text[max(start, pos - 20) : pos + 40 if end < 0 else min(end, pos + 40)]
    line += text.count("\n", 0, pos)
    where = f"{said} at column {pos - start + 1}: {shorten(seen)}"
    return BadFile(NOT_JSON, file=name, line=line, detail=where, hint=hint)
