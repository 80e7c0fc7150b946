"""Golden files: the responses that requests are expected to get, kept in files.

``golden.jsonl`` holds a record a line, ``{"request": …, "response": …}``, and
is matched by request; or a response a line, matched by position. A ``.json``
file is the response to a single request. A directory holds a file for each
request file, of the same name: ``.json`` a response, ``.jsonl`` a response or
record a line.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cpr.errors import UsageError
from cpr.publishing import write_atomically
from cpr.replay.lines import BadFile, NoFile, numbered_lines, parse_json, read_file
from cpr.replay.recorded import (
    Expected,
    RecordedRequest,
    expect,
    from_record,
    is_error_document,
    is_record,
)
from cpr.replay.requests import LINE_SUFFIXES, SUFFIXES, read_document
from cpr.replay.run import read_response

_REFRESH = "--update writes it from the answers of now."
_Groups = Mapping[Path, list[int]]


def with_golden(requests: Sequence[RecordedRequest], golden: str) -> list[RecordedRequest]:
    """The requests, each with the response that the golden file or directory has for it.

    Raises:
        NoFile: A file is missing.
        BadFile: A file cannot be used, or has no response for a request.
    """
    found: list[RecordedRequest] = list(requests)
    for file, members in _files_of(requests, golden).items():
        own = [requests[at] for at in members]
        for at, expected in zip(members, _expected(own, file), strict=True):
            found[at] = replace(requests[at], expected=expected)
    return found


def write_golden(
    golden: str, requests: Sequence[RecordedRequest], responses: Sequence[tuple[int, bytes]]
) -> list[Path]:
    """Write every golden file from the responses of now; return the files.

    Args:
        golden: The file or directory.
        requests: All requests.
        responses: Their statuses and bodies, in the same order.

    Raises:
        EnvironmentProblem: A file cannot be written; it is as before then.
    """
    groups = _files_of(requests, golden)
    is_folder = _is_folder(golden)
    for file, members in groups.items():
        own = [(requests[at], *responses[at]) for at in members]
        if file.suffix.lower() in LINE_SUFFIXES:
            lines = [_line(*item, with_request=not is_folder) for item in own]
            text = "".join(f"{line}\n" for line in lines)
        else:
            text = json.dumps(_document(*responses[members[0]]), indent=2, ensure_ascii=False)
            text += "\n"
        write_atomically(file, text.encode("utf-8", "surrogatepass"))
    return list(groups)


def _line(request: RecordedRequest, status: int, response: bytes, *, with_request: bool) -> str:
    document = _document(status, response)
    if with_request:
        failed = {"status": status} if status >= 400 else {}
        document = {"request": json.loads(request.body), **failed, "response": document}
    return json.dumps(document)


def _document(status: int, response: bytes) -> Any:
    """A response to keep; an error, which may be of any form, so that it is known as one."""
    try:
        document = read_response(response)
    except ValueError:
        document = response.decode("utf-8", "replace")
    is_unmarked = not 200 <= status < 300 and not is_error_document(document)
    return {"error": document} if is_unmarked else document


def _files_of(requests: Sequence[RecordedRequest], golden: str) -> _Groups:
    """The golden file of each request, as positions by file."""
    groups: defaultdict[Path, list[int]] = defaultdict(list)
    for at, request in enumerate(requests):
        groups[_file_of(request, golden)].append(at)
    for file, members in groups.items():
        if file.suffix.lower() not in LINE_SUFFIXES and len(members) > 1:
            raise UsageError(
                f"{file} can hold one response, and there are {len(members)} requests.",
                hint="Name the golden file .jsonl, or name a directory.",
            )
    return groups


def _file_of(request: RecordedRequest, golden: str) -> Path:
    if not _is_folder(golden):
        return Path(golden)
    name = Path(request.file).name
    return Path(golden) / (name if _suffix(name) in SUFFIXES else "stdin.jsonl")


def _is_folder(golden: str) -> bool:
    return Path(golden).is_dir() or _suffix(golden) not in SUFFIXES


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()


def _expected(requests: Sequence[RecordedRequest], file: Path) -> Sequence[Expected]:
    if not file.exists():
        raise NoFile(f"{file} does not exist.", file=str(file), hint=_REFRESH)
    if file.suffix.lower() not in LINE_SUFFIXES:
        return [_of_document(read_document(str(file)), file)]
    content, name = read_file(str(file))
    values = [
        (line, parse_json(text, name, line, hint="Write one JSON value a line."))
        for line, text in numbered_lines(content, name)
    ]
    if all(is_record(value) for _, value in values):
        records = [from_record(value, name, line) for line, value in values]
        return _by_request(requests, records, file)
    if len(values) != len(requests):
        raise BadFile(
            f"{file} holds {len(values)} responses for {len(requests)} requests.",
            file=str(file),
            hint=_REFRESH,
        )
    return [_of_document(value, file) for _, value in values]


def _of_document(document: Any, file: Path) -> Expected:
    if not is_record(document):
        return expect(document)
    expected = from_record(document, str(file), 1).expected
    return _present(expected, file, "its request")


def _by_request(
    requests: Sequence[RecordedRequest], records: Sequence[RecordedRequest], file: Path
) -> list[Expected]:
    """Match by what was sent; of equal requests in their order, the last one serving the rest."""
    known: defaultdict[str, list[Expected | None]] = defaultdict(list)
    for record in reversed(records):
        known[_key(record.body)].append(record.expected)
    found = []
    for request in requests:
        same = known.get(_key(request.body), [])
        expected = same.pop() if len(same) > 1 else next(iter(same), None)
        found.append(_present(expected, file, request.place))
    return found


def _present(expected: Expected | None, file: Path, named: str) -> Expected:
    if expected is None:
        raise BadFile(f"{file} has no response for {named}.", file=str(file), hint=_REFRESH)
    return expected


def _key(body: bytes) -> str:
    return json.dumps(json.loads(body), sort_keys=True)
