"""Streams of HTTP requests, some of them bent: made from a seed, the same each time.

The bends are those by which servers and proxies have come to disagree about
where a request ends, and random ones.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from ledger import PATH

_OTHER_PATHS = ("/healthz", "/readyz", "/readyz?verbose", "/v1/models/m", "/openapi.json", "/no")
_METHODS = (b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE", b"CONNECT", b"post", b"X")
_VERSIONS = (b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/11", b"http/1.1", b"")
_TARGETS = (
    b"*", b"//", b"/../" + PATH.encode(), b"/%00", b"/%2e%2e/", b"http://", b"x", b"?",
    b"http://localhost" + PATH.encode(), PATH.encode() + b"#f", PATH.encode() + b"?a=%ff",
)  # fmt: skip
_LINE_ENDS = (b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n", b"\x0b\r\n", b"\x00\r\n", b"")
_LINES = (
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding:",
    b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding : chunked", b"Transfer-Encoding:\x0bchunked", b"TE: chunked",
    b"Transfer-Encoding: xchunked", b"transfer-encoding: CHUNKED", b"Transfer_Encoding: chunked",
    b"X: y\rTransfer-Encoding: chunked", b"X: y\nTransfer-Encoding: chunked",
    b" Transfer-Encoding: chunked", b"Transfer-Encoding\r\n: chunked", b"Trailer: Content-Length",
    b"Content-Length: 0", b"Content-Length: 4", b"Content-Length: 00000000000000000004",
    b"Content-Length: -1", b"Content-Length: +4", b"Content-Length: 4, 4", b"Content-Length: 4 4",
    b"Content-Length:", b"Content-Length: 0x4", b"Content-Length : 4", b"Content-Length: 1e1",
    b"Content-Length: 18446744073709551620", b"Content-Length: \xb2", b"\tContent-Length: 4",
    b"Content-Encoding: gzip", b"Content-Encoding: gzip, gzip", b"Content-Encoding: br",
    b"Expect: 100-continue", b"Expect: 200-ok", b"Upgrade: h2c", b"Connection: upgrade",
    b"Connection: close", b"Connection: keep-alive", b"Connection: close, keep-alive",
    b"Connection: content-length", b"Host: other", b"Host:", b"Host: a b", b"Host: [::1", b"Host",
    b": empty name", b"no colon", b" folded", b"X-\x80: \xff\xfe", b"X: \x00", b"X: \x7f",
    b"X-Request-Id: a\tb", b"X-Request-Id: " + b"i" * 5000, b"X: " + b"x" * 40_000,
    b"Content-Type: text/html", b"Authorization: Bearer x", b"HTTP2-Settings: AAMAAABkAAQAAP__",
)  # fmt: skip
_CHUNK_SIZES = (
    b"%X", b"0%x", b"%016x", b"0x%x", b"+%x", b"-%x", b" %x", b"%x ", b"%x;a=b",
    b'%x;a="b\r\nc"', b"%x;" + b"a" * 300, b"%x\t", b"f%x", b"%xg", b"ffffffffffffffff%x",
)  # fmt: skip


@dataclass(frozen=True)
class Stream:
    """What one connection sends: pieces, and how it ends.

    `ends` is "half" to half-close after the last piece, "abort" to reset, and
    "wait" to leave it to the server's deadlines.
    """

    pieces: tuple[bytes, ...]
    ends: str

    @property
    def sent(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)


def make_stream(seed: str) -> Stream:
    """A stream of one to five requests, of which one or two are bent; or none, now and then.

    Each request for a prediction carries an instance that no other one has.
    """
    random = Random(seed)
    count = random.choice((1, 2, 2, 3, 3, 5))
    requests = [_request(random, f"{seed}-{number}") for number in range(count)]
    for _ in range(random.choice((0, 1, 1, 1, 2))):
        place = random.randrange(count)
        requests[place] = random.choice(_BENDS)(random, requests[place] or b"\r\n")
    return Stream(_pieces(random, b"".join(requests)), _ending(random))


def _ending(random: Random) -> str:
    return random.choices(("half", "abort", "wait"), (90, 8, 2))[0]


def _pieces(random: Random, data: bytes) -> tuple[bytes, ...]:
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.choice((0, 0, 1, 2, 8))))
    edges = [0, *cuts, len(data)]
    return tuple(data[a:b] for a, b in pairwise(edges) if b > a)


def _request(random: Random, name: str) -> bytes:
    if random.random() < 0.25:
        method = random.choice((b"GET", b"GET", b"HEAD", b"OPTIONS"))
        path = random.choice(_OTHER_PATHS).encode()
        return b"%b %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (method, path)
    body = json.dumps({"instances": [{"id": name}]}).encode()
    lines = [b"Host: localhost", b"Content-Type: application/json"]
    if random.random() < 0.1:
        body = gzip.compress(body, mtime=0)
        lines.append(b"Content-Encoding: gzip")
    if random.random() < 0.3:
        lines.append(b"Transfer-Encoding: chunked")
        body = _chunked(random, body)
    else:
        lines.append(b"Content-Length: %d" % len(body))
    random.shuffle(lines)
    return b"POST %b HTTP/1.1\r\n%b\r\n\r\n" % (PATH.encode(), b"\r\n".join(lines)) + body


def _chunked(random: Random, body: bytes, size: bytes = b"%x") -> bytes:
    step = random.choice((1, 7, 1000))
    parts = [body[start : start + step] for start in range(0, len(body), step)]
    odd = random.randrange(len(parts))
    framed = [
        (size if number == odd else b"%x") % len(part) + b"\r\n" + part + b"\r\n"
        for number, part in enumerate(parts)
    ]
    return b"".join(framed) + b"0\r\n\r\n"


# The bends. Each takes the bytes of a request and gives others.


def _add_line(random: Random, data: bytes) -> bytes:
    first = data.find(b"\r\n") + 2
    last = data.find(b"\r\n\r\n") + 2
    place = random.choice((first, last)) if last > first else first
    return data[:place] + random.choice(_LINES) + b"\r\n" + data[place:]


def _repeat_line(random: Random, data: bytes) -> bytes:
    head, _, body = data.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    lines += random.choices(lines, k=random.choice((1, 1, 2, 150))) if lines else []
    random.shuffle(lines)
    return b"\r\n".join([start, *lines]) + b"\r\n\r\n" + body


def _bend_line_end(random: Random, data: bytes) -> bytes:
    ends = [place for place in range(len(data)) if data.startswith(b"\r\n", place)]
    if not ends:
        return data
    place = random.choice(ends)
    return data[:place] + random.choice(_LINE_ENDS) + data[place + 2 :]


def _bend_start(random: Random, data: bytes) -> bytes:
    line, _, rest = data.partition(b"\r\n")
    parts = line.split(b" ")
    which = random.randrange(5)
    if which < 3:
        parts[which % len(parts)] = random.choice((_METHODS, _TARGETS, _VERSIONS)[which])
    glue = random.choice((b" ", b"  ", b"\t", b"\x0b", b"")) if which == 3 else b" "
    before = random.choice((b"\r\n", b"\n", b" ", b"\x00", b"\r\n" * 20)) if which == 4 else b""
    return before + glue.join(parts) + b"\r\n" + rest


def _bend_chunks(random: Random, data: bytes) -> bytes:
    head, _, _ = data.partition(b"\r\n\r\n")
    name = b'{"instances": [{"id": "bent"}]}'
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    if b"Transfer-Encoding: chunked" not in lines:
        lines.append(b"Transfer-Encoding: chunked")
    body = _chunked(random, name, random.choice(_CHUNK_SIZES))
    if random.random() < 0.3:
        trailer = random.choice(_LINES) + b"\r\n" + random.choice((b"\r\n", b""))
        body = body[:-2] + trailer
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _hide_request(random: Random, data: bytes) -> bytes:
    """Hold a second request within the body of the first, as smuggling does."""
    hidden = _request(random, "hidden")
    line = random.choice(_LINES[:30])
    shape = random.choice((b"%b\r\nContent-Length: %d", b"Content-Length: %d\r\n%b"))
    both = (line, len(hidden)) if shape.startswith(b"%b") else (len(hidden), line)
    lines = shape % both
    start = b"POST %b HTTP/1.1\r\nHost: localhost\r\n" % PATH.encode()
    return start + lines + b"\r\n\r\n" + random.choice((b"", b"0\r\n\r\n")) + hidden


def _flip(random: Random, data: bytes) -> bytes:
    bent = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 5))):
        bent[random.randrange(len(bent))] = random.randrange(256)
    return bytes(bent)


def _cut(random: Random, data: bytes) -> bytes:
    start = random.randrange(len(data))
    return data[:start] + data[start + random.choice((1, 2, 10, len(data))) :]


def _insert(random: Random, data: bytes) -> bytes:
    place = random.randrange(len(data) + 1)
    junk = random.choice((random.randbytes(random.randrange(1, 40)), b"\r\n", b"A" * 70_000))
    return data[:place] + junk + data[place:]


_BENDS: tuple[Callable[[Random, bytes], bytes], ...] = (
    _add_line, _add_line, _add_line, _repeat_line, _bend_line_end, _bend_line_end, _bend_start,
    _bend_chunks, _bend_chunks, _hide_request, _hide_request, _flip, _flip, _cut, _insert,
)  # fmt: skip
