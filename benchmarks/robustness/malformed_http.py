"""Requests that are not HTTP, or not quite: refused in time, and never predicted.

Every case is bytes on a plain socket. None may get a 5xx, none may hang past
the server's deadlines, and a body that did not come whole must never have
been predicted: the predictor itself is asked whether it has seen its id.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from claims import Claim, at_most, conclude, exactly, note, timed
from ledger import PATH
from raw_http import Connection, IncompleteAnswer, request
from running_server import RunningServer, serve_faults

CLOSED = 0
"""The outcome of a case that the server ended without an answer."""

_REFUSED = frozenset({400, 401, 404, 405, 408, 411, 413, 414, 417, 421, 426, 431, CLOSED})
_HTTP_2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(200)


@dataclass(frozen=True)
class Case:
    """What is sent, piece by piece, and the statuses that are right.

    `predicts` says whether the predictor may see the request; `ends` whether
    the client half-closes after the last piece.
    """

    name: str
    pieces: Sequence[bytes]
    allowed: frozenset[int]
    predicts: bool = False
    ends: bool = False


def main() -> int:
    """Send every case and count what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--header-timeout", type=float, default=5.0)
    parser.add_argument("--body-timeout", type=float, default=10.0)
    parser.add_argument("--pipelined", type=int, default=100)
    parser.add_argument("--no-latency", action="store_true", help="count only, for busy machines")
    arguments = parser.parse_args()
    deadline_s = max(arguments.header_timeout, arguments.body_timeout)
    flags = ["--header-timeout", f"{arguments.header_timeout:g}"]
    flags += ["--body-timeout", f"{arguments.body_timeout:g}"]
    with serve_faults(*flags) as server:
        family = server.family()
        claims = asyncio.run(_claims(server, deadline_s, arguments))
        claims.append(exactly("the same processes as before", server.family() == family, True))
        status, _ = server.predict("still there")
        claims.append(exactly("a request after them", status, 200))
    return conclude("malformed HTTP", claims)


async def _claims(
    server: RunningServer, deadline_s: float, arguments: argparse.Namespace
) -> list[Claim]:
    cases = all_cases()
    results = await asyncio.gather(*(_run(server, case, deadline_s + 5) for case in cases))
    right, errors, longest, predicted = 0, 0, 0.0, 0
    for case, (statuses, spent_s) in zip(cases, results, strict=True):
        was_seen = _seen(server, case.name)
        is_right = bool(statuses) and set(statuses) <= case.allowed
        is_right &= case.predicts or not was_seen
        right += is_right
        errors += any(status >= 500 for status in statuses)
        predicted += was_seen and not case.predicts
        longest = max(longest, spent_s)
        if not is_right:
            print(f"{case.name}: {statuses or 'no end'}, predicted {was_seen}, {spent_s:.1f} s")
    in_time = at_most("the longest took", longest, deadline_s + 1, "s")
    in_order = await _pipeline(server, arguments.pipelined)
    return [
        exactly("cases as they should be", right, len(cases)),
        exactly("answered with 5xx", errors, 0),
        exactly("predicted though not whole, or refused", predicted, 0),
        exactly("pipelined requests answered in order", in_order, arguments.pipelined),
        note("statuses", _summary([statuses for statuses, _ in results])),
        *timed([in_time], is_judged=not arguments.no_latency),
    ]


async def _run(server: RunningServer, case: Case, patience_s: float) -> tuple[list[int], float]:
    """The statuses that came until the server closed, or for good cases the first."""
    start = time.monotonic()
    connection = await Connection(server.host, server.port).open()
    try:
        statuses = await asyncio.wait_for(_exchange(connection, case), patience_s)
    except asyncio.TimeoutError:
        statuses = []
    finally:
        connection.close()
    return statuses, time.monotonic() - start


async def _exchange(connection: Connection, case: Case) -> list[int]:
    try:
        for piece in case.pieces:
            await connection.send(piece)
            await asyncio.sleep(0)
        if case.ends:
            connection.half_close()
    except OSError:
        pass  # The server has refused already; its answer may be there to read.
    statuses: list[int] = []
    try:
        while True:
            statuses.append((await connection.answer()).status)
            if len(statuses) == 1:
                # Nothing more will be asked; was there something to answer left?
                connection.half_close()
    except (IncompleteAnswer, OSError):
        return statuses or [CLOSED]


def _seen(server: RunningServer, name: str) -> bool:
    _, answer = server.predict({"do": "seen", "id": name})
    return bool(answer["predictions"][0])


async def _pipeline(server: RunningServer, count: int) -> int:
    """How many of the requests that were sent in one go were answered in their order."""
    connection = await Connection(server.host, server.port).open()
    bodies = [json.dumps({"instances": [number]}).encode() for number in range(count)]
    await connection.send(b"".join(request(PATH, body) for body in bodies))
    in_order = 0
    for number in range(count):
        answer = await connection.answer()
        in_order += json.loads(answer.body).get("predictions") == [number]
    connection.close()
    return in_order


def _summary(results: list[list[int]]) -> str:
    counts = Counter(status for statuses in results for status in statuses)
    names = {CLOSED: "closed"}
    return ", ".join(f"{names.get(key, key)} x{counts[key]}" for key in sorted(counts))


def all_cases() -> list[Case]:
    """Every case; its name is the id that its body carries."""
    return [*_lengths(), *_chunks(), *_truncated(), *_heads(), *_not_http(), *_fine()]


def body_of(name: str) -> bytes:
    """The body of a case, which tells the predictor its name."""
    return json.dumps({"instances": [{"do": "", "id": name}]}).encode()


def _refused(name: str, *pieces: bytes, ends: bool = False) -> Case:
    return Case(name, pieces, _REFUSED, ends=ends)


def _head(name: str, lines: Mapping[str, str] | Sequence[tuple[str, str]], body: bytes) -> bytes:
    pairs = lines.items() if isinstance(lines, Mapping) else lines
    text = "".join(f"{key}: {value}\r\n" for key, value in pairs)
    return f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{text}\r\n".encode("latin-1") + body


def _lengths() -> list[Case]:
    length = "Content-Length"
    values = {
        "negative length": "-1",
        "signed length": "+52",
        "length in hex": "0x34",
        "length that overflows": "99999999999999999999",
        "length with a letter": "52a",
        "length with an underscore": "5_2",
        "list of lengths": "52, 52",
        "list of other lengths": "52, 53",
    }
    cases = [_refused(name, _head(name, {length: v}, body_of(name))) for name, v in values.items()]
    for name, other in (("two lengths, the same", 0), ("two lengths, not the same", 1)):
        body = body_of(name)
        both = [(length, str(len(body))), (length, str(len(body) + other))]
        cases.append(_refused(name, _head(name, both, body)))
    name = "length and chunked"
    chunked = _chunked([body_of(name)])
    both = [(length, str(len(chunked))), ("Transfer-Encoding", "chunked")]
    cases.append(_refused(name, _head(name, both, chunked)))
    name = "chunked and length"
    cases.append(_refused(name, _head(name, both[::-1], _chunked([body_of(name)]))))
    name = "space before the colon"
    body = body_of(name)
    cases.append(_refused(name, _head(name, {f"{length} ": str(len(body))}, body)))
    return cases


def _chunked(parts: Sequence[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


def _chunks() -> list[Case]:
    encoding = "Transfer-Encoding"
    ends = {
        "chunk size not hex": b"zz\r\n%s\r\n0\r\n\r\n",
        "chunk size with a sign": b"+34\r\n%s\r\n0\r\n\r\n",
        "chunk size negative": b"-34\r\n%s\r\n0\r\n\r\n",
        "chunk size with 0x": b"0x34\r\n%s\r\n0\r\n\r\n",
        "chunk size that overflows": b"ffffffffffffffffff\r\n%s\r\n0\r\n\r\n",
        "chunk without its end": b"2\r\n%s\r\n0\r\n\r\n",
        "chunk size missing": b"\r\n%s\r\n0\r\n\r\n",
    }
    cases = [
        _refused(name, _head(name, {encoding: "chunked"}, frame % body_of(name)))
        for name, frame in ends.items()
    ]
    for value in ("gzip, chunked, identity", "identity", "chunked, chunked", "xchunked", "chunke"):
        name = f"transfer encoding {value}"
        cases.append(_refused(name, _head(name, {encoding: value}, _chunked([body_of(name)]))))
    return cases


def _truncated() -> list[Case]:
    """A whole JSON document of which the head says that there is more."""
    cases = []
    for ends in (False, True):
        how = "half-closed" if ends else "silent"
        name = f"body shorter than its length, {how}"
        body = body_of(name)
        head = _head(name, {"Content-Length": str(len(body) + 10)}, body)
        cases.append(_refused(name, head, ends=ends))
        name = f"last chunk missing, {how}"
        chunks = _chunked([body_of(name)]).removesuffix(b"0\r\n\r\n")
        cases.append(
            _refused(name, _head(name, {"Transfer-Encoding": "chunked"}, chunks), ends=ends)
        )
        name = f"inside a chunk, {how}"
        part = b"%x\r\n%s" % (len(body_of(name)) + 5, body_of(name))
        cases.append(_refused(name, _head(name, {"Transfer-Encoding": "chunked"}, part), ends=ends))
        name = f"no body at all, {how}"
        cases.append(_refused(name, _head(name, {"Content-Length": "20"}, b""), ends=ends))
        name = f"head unfinished, {how}"
        cases.append(_refused(name, b"POST / HTTP/1.1\r\nHost: loc", ends=ends))
    return cases


def _heads() -> list[Case]:
    def case(name: str, start: str, lines: str) -> Case:
        body = body_of(name)
        head = f"{start}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        return _refused(name, head.encode("latin-1") + body)

    start, host = f"POST {PATH} HTTP/1.1", "Host: localhost\r\n"
    many = "".join(f"X-{number}: {number}\r\n" for number in range(10_000))
    return [
        case("no host", start, ""),
        case("two hosts", start, host + "Host: elsewhere\r\n"),
        case("two hosts, the same", start, host * 2),
        case("host with a space", start, "Host: local host\r\n"),
        case("10,000 headers", start, host + many),
        case("one header of a megabyte", start, f"{host}X-Long: {'x' * 1_000_000}\r\n"),
        case("64 KB of URL", f"POST /{'a' * 65_536} HTTP/1.1", host),
        case("64 KB of query", f"POST {PATH}?{'a' * 65_536} HTTP/1.1", host),
        case("folded header", start, f"{host}X-Folded: a\r\n b\r\n"),
        case("header without a name", start, f"{host}: value\r\n"),
        case("header without a colon", start, f"{host}nothing\r\n"),
        case("control character in a header", start, f"{host}X-Bad: a\x01b\x00\r\n"),
        case("bare carriage return", start, f"{host}X-Bad: a\rb\r\n"),
        case("method in lower case", f"post {PATH} HTTP/1.1", host),
        case("unknown method", f"FROBNICATE {PATH} HTTP/1.1", host),
        case("version of HTTP unknown", f"POST {PATH} HTTP/9.9", host),
        case("no version", f"POST {PATH}", host),
        case("space in the URL", f"POST /a b{PATH} HTTP/1.1", host),
    ]


def _not_http() -> list[Case]:
    return [
        _refused("a TLS hello", _TLS_HELLO),
        _refused("HTTP/2 without asking", _HTTP_2),
        _refused("zeros", bytes(1000)),
        _refused("all bytes", bytes(range(256)) * 8),
        _refused("blank lines", b"\r\n" * 50, ends=True),
        _refused("an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        _refused("nothing, half-closed", b"", ends=True),
    ]


def _fine() -> list[Case]:
    """What looks odd and is right."""
    ok = frozenset({200})

    def fine(name: str, *pieces: bytes, ends: bool = False) -> Case:
        return Case(name, pieces, ok, predicts=True, ends=ends)

    def split(data: bytes, size: int) -> list[bytes]:
        return [data[start : start + size] for start in range(0, len(data), size)]

    one = _head("", {"Transfer-Encoding": "chunked"}, b"")
    body = body_of("expects to continue")
    expecting = {"Expect": "100-continue", "Content-Length": str(len(body))}
    old = body_of("HTTP/1.0")
    old_head = b"POST %s HTTP/1.0\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (
        PATH.encode(),
        len(old),
    )
    return [
        fine("byte by byte", *split(request(PATH, body_of("byte by byte")), 1)),
        fine("1-byte chunks", one + _chunked(split(body_of("1-byte chunks"), 1))),
        fine("chunk extension", one + b"%x;a=b\r\n%s\r\n0\r\n\r\n" % (
            len(body_of("chunk extension")), body_of("chunk extension"))),
        fine("trailer", one + _chunked([body_of("trailer")])[:-2] + b"X-Trailer: 1\r\n\r\n"),
        fine("half-closed after the whole", request(PATH, body_of("half-closed after the whole")),
             ends=True),
        fine("expects to continue", _head("", expecting, b""), body),
        fine("HTTP/1.0", old_head + old),
        fine("unknown expectation", request(PATH, body_of("unknown expectation"),
             headers={"Expect": "the-unexpected"})),
        fine("empty line first", b"\r\n" + request(PATH, body_of("empty line first"))),
        fine("absolute URL", request(PATH, body_of("absolute URL")).replace(
            b"POST /", b"POST http://localhost/", 1)),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
