"""What is JSON is read and what is not is refused, whatever it is, by a live server.

`--corpus` takes the folder of nst/JSONTestSuite's parsing files, `--naughty`
the JSON file of the big list of naughty strings; without them a small corpus of
our own is used. A document that must not parse gets 400 with a JSON error; one
that must is never called invalid JSON, and wrapped in `instances` it comes back
as it was; one that either may happen to gets 200 or 400.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from claims import Claim, at_most, conclude, exactly
from running_server import RunningServer, serve_faults

OWN = {
    "y_array.json": b'[1, -0, 2.5e-3, "\\u00e9", null, true]',
    "y_empty_key.json": b'{"": {"a": []}}',
    "y_surrogate_pair.json": b'"\\uD834\\uDD1E"',
    "y_duplicated_key.json": b'{"a": 1, "a": 2}',
    "n_nothing.json": b"",
    "n_space.json": b" ",
    "n_nan.json": b"[NaN]",
    "n_infinity.json": b"[-Infinity]",
    "n_leading_zero.json": b"[012]",
    "n_no_fraction.json": b"[1.]",
    "n_trailing_comma.json": b"[1,]",
    "n_single_quotes.json": b"['a']",
    "n_comment.json": b"[1] // one",
    "n_raw_newline.json": b'["a\nb"]',
    "n_unfinished_string.json": b'["a',
    "n_two_documents.json": b"[1][2]",
    "n_invalid_utf8.json": b'["\xff"]',
    "n_brackets.json": b"[" * 100_000,
    "n_objects.json": b'[{"":' * 50_000,
    "i_huge.json": b"[1e400]",
    "i_lone_surrogate.json": b'["\\uDADA"]',
    "i_bom.json": b"\xef\xbb\xbf{}",
    "i_utf16.json": '["é"]'.encode("utf-16"),
    "i_500_arrays.json": b"[" * 500 + b"]" * 500,
}
NAUGHTY = [
    "", "undefined", "\u0000", "\u202etest", "Ω≈ç√∫˜µ≤≥÷", "👾 🙇 💁", "`⁄€‹›ﬁﬂ‡°·‚—±", "\ufeff",
    "<script>alert(0)</script>", "'; DROP TABLE users", "\\", "\"", "\u2028\u2029", "ЁЂЃЄ",
    "田中さん", "\U0001f1fa\U0001f1f8", "../../etc/passwd", "%s%n", "{{7*7}}", "1e400", "b64",
    "\x1b[31m",
]  # fmt: skip
ROUTES = (
    "/v1/projects/p/models/m:predict",
    "/v1/projects/p/models/m/versions/1:predict",
    "/v1/models/m:predict",
    "/",
)
_LONGEST_S = 1.0
_DEEP = 50_000


def main() -> int:
    """Send every document raw and wrapped, and every string on every route."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="JSONTestSuite's test_parsing folder")
    parser.add_argument("--naughty", type=Path, help="blns.json")
    parser.add_argument("--deep", type=int, default=100, help="times to send a deeply nested body")
    arguments = parser.parse_args()
    documents = _documents(arguments.corpus)
    if not documents:
        parser.error(f"there is no *.json in {arguments.corpus}")
    strings = json.loads(arguments.naughty.read_bytes()) if arguments.naughty else NAUGHTY
    with serve_faults() as server:
        family = server.family()
        claims = [
            *_by_the_rules("raw", documents, lambda name, doc: _raw(server, name, doc)),
            *_by_the_rules(
                "in instances", documents, lambda name, doc: _wrapped(server, name, doc)
            ),
            *(_echoed(server, route, strings) for route in ROUTES),
            _deeply_nested(server, arguments.deep),
            exactly("the same processes as before", server.family() == family, True),
        ]
    return conclude("JSON documents", claims)


def _documents(corpus: Path | None) -> dict[str, bytes]:
    if corpus is None:
        return OWN
    return {path.name: path.read_bytes() for path in sorted(corpus.glob("*.json"))}


def _by_the_rules(
    title: str, documents: dict[str, bytes], problem_of: Callable[[str, bytes], str]
) -> Iterator[Claim]:
    right, longest = 0, 0.0
    for name, document in documents.items():
        start = time.monotonic()
        problem = problem_of(name, document)
        longest = max(longest, time.monotonic() - start)
        right += not problem
        if problem:
            print(f"{title}: {name}: {problem}")
    yield exactly(f"documents {title}, by the rules", right, len(documents))
    yield at_most(f"documents {title}: the longest took", longest, _LONGEST_S, "s")


def _raw(server: RunningServer, name: str, document: bytes) -> str:
    """A whole body that is a document; it has no `instances`, so 400 is right for all."""
    status, answer = _post(server, ROUTES[0], document)
    if not isinstance(answer, dict) or "error" not in answer:
        return f"{status} without an error: {answer!r:.100}"
    if name[0] == "y" and "not valid json" in json.dumps(answer).lower():
        return f"valid JSON was refused: {answer}"
    return "" if status == 400 else f"{status}: {answer}"


def _wrapped(server: RunningServer, name: str, document: bytes) -> str:
    body = b'{"instances":[' + document + b"]}"
    status, answer = _post(server, ROUTES[0], body)
    if status not in (200, 400) or (status == 400) != ("error" in answer):
        return f"{status}: {answer!r:.100}"
    kind = name[0]
    # Nothing, wrapped, is an empty list.
    if kind == "n" and not document.strip():
        kind = "y"
    if kind == "n":
        return "" if status == 400 else f"accepted: {answer!r:.100}"
    if kind == "i" and status == 400:
        return ""
    if status != 200:
        return f"valid JSON was refused: {answer}"
    if kind == "y" and not _same(answer["predictions"], json.loads(body)["instances"]):
        return f"came back as {answer!r:.100}"
    return ""


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, (int, float)):
        return math.isclose(left, right, rel_tol=1e-15)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return bool(left == right)


def _echoed(server: RunningServer, route: str, strings: list[str]) -> Claim:
    """Each string must come back byte for byte, in base64 to compare the bytes themselves."""
    same = 0
    for string in strings:
        for is_ascii in (True, False):
            body = json.dumps({"instances": [string]}, ensure_ascii=is_ascii).encode()
            status, answer = _post(server, route, body)
            got = answer["predictions"][0] if status == 200 else None
            if isinstance(got, str) and _bytes(got) == _bytes(string):
                same += 1
            else:
                print(f"{route}: {string!r} came back as {status} {answer!r:.100}")
    return exactly(f"naughty strings as they were: {route}", same, 2 * len(strings))


def _bytes(text: str) -> bytes:
    return base64.b64encode(text.encode("utf-8", "surrogatepass"))


def _deeply_nested(server: RunningServer, times: int) -> Claim:
    body = b'{"instances":' + b"[" * _DEEP + b"]" * _DEEP + b"}"
    refused = sum(_post(server, ROUTES[0], body)[0] == 400 for _ in range(times))
    return exactly(f"{_DEEP:,} levels of nesting refused, times", refused, times)


def _post(server: RunningServer, route: str, body: bytes) -> tuple[int, Any]:
    return server.post(route, body, {"Content-Type": "application/json"})


if __name__ == "__main__":
    sys.exit(main())
