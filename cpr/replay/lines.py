"""Reads files of JSON values and lines, with gcloud's rules and messages.

``gcloud ai-platform predict`` had fixed rules for its files: UTF-8, a byte
order mark tolerated, one value a line, no empty line. Each message here starts
with gcloud's own sentence; where, what and what to do follow.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cpr.errors import BadInput, shorten
from cpr.suggest import did_you_mean

EMPTY_LINE = "Empty line is not allowed in the instances file."
NOT_JSON = (
    'Input instances are not in JSON format. See "gcloud ai-platform predict --help" for details.'
)
NO_INSTANCE = "No valid instance was found in input file."
STDIN = "-"


class BadFile(BadInput):
    """A file of instances or requests is at fault, at `file` and perhaps `line`."""

    def __init__(
        self, problem: str, *, file: str, line: int | None = None, detail: str = "", hint: str = ""
    ) -> None:
        place = file if line is None else f"{file}:{line}"
        super().__init__(f"{problem}\n{place}: {detail}" if detail else problem, hint=hint)
        self.file = file
        self.line = line


def read_file(path: str) -> tuple[bytes, str]:
    """The bytes of a file and its name for messages; ``-`` is standard input.

    Raises:
        BadFile: It cannot be read.
    """
    if path == STDIN:
        return sys.stdin.buffer.read(), "<stdin>"
    try:
        return Path(path).read_bytes(), path
    except OSError as error:
        folder = Path(path).parent
        siblings = [item.name for item in folder.iterdir()] if folder.is_dir() else []
        hint = did_you_mean(Path(path).name, siblings) or "Name a file, or - for standard input."
        raise BadFile(f"{path} cannot be read: {error.strerror}.", file=path, hint=hint) from error


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
        seen = shorten(text[max(0, error.pos - 20) : error.pos + 40])
        where = f"{error.msg} at column {error.colno}: {seen}"
        line += error.lineno - 1
        raise BadFile(NOT_JSON, file=name, line=line, detail=where, hint=hint) from error
    except (ValueError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadFile(NOT_JSON, file=name, line=line, detail=f"{said}.", hint=hint) from error
