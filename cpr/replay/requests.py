"""Reads recorded requests from files.

A ``.json`` file is one request body or one record; ``x.request.json`` has its
recorded response in ``x.response.json``. A ``.jsonl`` or ``.ndjson`` file holds
a body, a record, or an instance a line. A directory is all such files in it,
in the order of their names. See `cpr.replay.recorded` for what a record is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
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
from cpr.replay.recorded import RecordedRequest, expect, from_record, is_body, is_record

LINE_SUFFIXES = (".jsonl", ".ndjson")
SUFFIXES = (".json", *LINE_SUFFIXES)
_REQUEST, _RESPONSE = ".request.json", ".response.json"


def read_requests(path: str) -> list[RecordedRequest]:
    """Every request of a file or directory; ``-`` is lines on standard input.

    Raises:
        NoFile: There is no such file or directory.
        BadFile: There is no request, or a file cannot be used; all files are
            read and checked before the first request is sent.
    """
    if path != STDIN and os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for long names
        return [request for file in _files(Path(path)) for request in _read(str(file))]
    return list(_read(path))


def read_document(path: str) -> Any:
    """The one JSON value of a file.

    Raises:
        BadFile: It cannot be read, or holds no JSON value or several.
    """
    content, name = read_file(path)
    hint = "A .json file holds one value; name a file of lines .jsonl."
    return parse_json(decode(content, name, 1), name, 1, hint=hint)


def _files(folder: Path) -> list[Path]:
    files = sorted(
        item
        for item in folder.iterdir()
        if _suffix(item) in SUFFIXES and not item.name.lower().endswith(_RESPONSE)
    )
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
    if suffix not in SUFFIXES:
        read_file(path)  # what is not there has no name at fault
        raise BadFile(
            f"{path} is not a request file: its name ends in {suffix or 'no suffix'!r}.",
            file=path,
            hint=f"Name it after what it holds: {', '.join(SUFFIXES)}.",
        )
    content, name = read_file(path)
    return _lines(content, name) if suffix in LINE_SUFFIXES else iter([_whole(content, name)])


def _whole(content: bytes, name: str) -> RecordedRequest:
    text = decode(content, name, 1)
    value = parse_json(
        text, name, 1, hint="A .json file holds one request; name a file of lines .jsonl."
    )
    if is_record(value):
        return from_record(value, name, 1)
    if not is_body(value):
        raise BadFile(
            'Invalid JSON request: missing "instances" attribute',
            file=name,
            line=1,
            detail=f"expected an object with the key 'instances', found {shorten(value)}",
            hint="A file of instances, one a line, is named .jsonl.",
        )
    request = RecordedRequest(text.encode(), name, 1)
    response = Path(name[: -len(_REQUEST)] + _RESPONSE)
    if name.lower().endswith(_REQUEST) and response.is_file():
        return replace(request, expected=expect(read_document(str(response))))
    return request


def _lines(content: bytes, name: str) -> Iterator[RecordedRequest]:
    first: str | None = None
    for number, text in numbered_lines(content, name):
        value = parse_json(text, name, number, hint="Write one JSON value a line.")
        kind = _kind(value)
        first = first or kind
        if kind != first:
            raise _mixed(name, number, kind, first)
        if kind == "a record":
            yield from_record(value, name, number)
        else:
            body = text if kind == "a request" else f'{{"instances": [{text}]}}'
            yield RecordedRequest(body.encode("utf-8"), name, number)


def _kind(value: Any) -> str:
    if isinstance(value, dict) and "instances" in value:
        return "a request"
    return "a record" if is_record(value) else "an instance"


def _mixed(name: str, line: int, kind: str, first: str) -> BadFile:
    return BadFile(
        "Requests and instances are mixed in one file.",
        file=name,
        line=line,
        detail=f"this line is {kind}, and line 1 is {first}.",
        hint='A line with the key "instances" is a request, one with "request" a record. '
        "Keep them in files of their own.",
    )
