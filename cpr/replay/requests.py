"""Reads recorded requests from files.

A ``.json`` file is one request body. A ``.jsonl`` or ``.ndjson`` file holds one
request body a line, or one instance a line, of which each is made a request.
A directory is all such files in it, in the order of their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpr.errors import shorten
from cpr.replay.lines import (
    STDIN,
    BadFile,
    decode,
    numbered_lines,
    parse_json,
    read_file,
)

LINE_SUFFIXES = (".jsonl", ".ndjson")
SUFFIXES = (".json", *LINE_SUFFIXES)


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request body and where it was read."""

    body: bytes
    file: str
    line: int

    @property
    def place(self) -> str:
        """The ``file:line`` of the request."""
        return f"{self.file}:{self.line}"


def read_requests(path: str) -> list[RecordedRequest]:
    """Every request of a file or directory; ``-`` is lines on standard input.

    Raises:
        BadFile: There is no request, or a file cannot be used; all files are
            read and checked before the first request is sent.
    """
    if path != STDIN and Path(path).is_dir():
        return [request for file in _files(Path(path)) for request in _read(str(file))]
    return list(_read(path))


def _files(folder: Path) -> list[Path]:
    files = sorted(item for item in folder.iterdir() if _suffix(item) in SUFFIXES)
    if not files:
        present = ", ".join(sorted(item.name for item in folder.iterdir())[:5]) or "nothing"
        raise BadFile(
            f"{folder} holds no request files ({', '.join(SUFFIXES)}); it holds {present}.",
            file=str(folder),
            hint='Write requests as {"instances": […]} in a .json file, or one a line in a .jsonl.',
        )
    return files


def _suffix(path: Path) -> str:
    return path.suffix.lower()


def _read(path: str) -> Iterator[RecordedRequest]:
    suffix = LINE_SUFFIXES[0] if path == STDIN else _suffix(Path(path))
    content, name = read_file(path)
    if suffix in LINE_SUFFIXES:
        return _lines(content, name)
    if suffix == ".json":
        return iter([_whole(content, name)])
    raise BadFile(
        f"{path} is not a request file: its name ends in {suffix or 'no suffix'!r}.",
        file=path,
        hint=f"Name it after what it holds: {', '.join(SUFFIXES)}.",
    )


def _whole(content: bytes, name: str) -> RecordedRequest:
    text = decode(content, name, 1)
    value = parse_json(
        text, name, 1, hint="A .json file holds one request; name a file of lines .jsonl."
    )
    if not _is_request(value):
        raise BadFile(
            'Invalid JSON request: missing "instances" attribute',
            file=name,
            line=1,
            detail=f"expected an object with the key 'instances', found {shorten(value)}",
            hint="A file of instances, one a line, is named .jsonl.",
        )
    return RecordedRequest(text.encode(), name, 1)


def _lines(content: bytes, name: str) -> Iterator[RecordedRequest]:
    first: bool | None = None
    for number, text in numbered_lines(content, name):
        value = parse_json(text, name, number, hint="Write one JSON value a line.")
        is_request = _is_request(value)
        first = is_request if first is None else first
        if is_request is not first:
            raise _mixed(name, number, is_request=is_request)
        body = text if is_request else f'{{"instances": [{text}]}}'
        yield RecordedRequest(body.encode("utf-8"), name, number)


def _mixed(name: str, line: int, *, is_request: bool) -> BadFile:
    kinds = ("an instance", "a request")
    return BadFile(
        "Requests and instances are mixed in one file.",
        file=name,
        line=line,
        detail=f"this line is {kinds[is_request]}, and line 1 is {kinds[not is_request]}.",
        hint='A line with the key "instances" is a request. Keep the two in files of their own.',
    )


def _is_request(value: Any) -> bool:
    return isinstance(value, dict) and "instances" in value
