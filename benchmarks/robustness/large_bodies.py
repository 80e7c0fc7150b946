"""Bodies that are too large are refused before they are read, and cost next to no memory."""

from __future__ import annotations

import argparse
import asyncio
import gzip
import sys
import zlib
from collections.abc import Awaitable, Callable

from claims import Claim, at_most, conclude, exactly
from ledger import PATH
from memory import forget_peak, peak_mb, resident_mb
from raw_http import Answer, Connection, IncompleteAnswer, ask, request
from running_server import RunningServer, serve_faults

Attempt = Callable[[RunningServer], Awaitable[int]]

_GIGABYTE = 1_000_000_000
_PIECE = b" " * (1 << 16)
_DRAIN_S = 10.0


def main() -> int:
    """Try each kind of body and look at the memory of all processes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bytes", type=int, default=_GIGABYTE)
    parser.add_argument("--megabytes", type=float, default=20.0, help="that each may cost")
    arguments = parser.parse_args()
    size = arguments.bytes
    attempts: dict[str, tuple[Attempt, tuple[int, ...]]] = {
        "announced": (lambda server: _announced(server, size), (413,)),
        "announced, sent at once": (lambda server: _sent(server, size), (413,)),
        "chunked": (lambda server: _chunked(server, size), (413,)),
        "gzip bomb": (lambda server: _gzip_bomb(server, size), (413,)),
        "gzip bomb within a gzip bomb": (
            lambda server: _nested_bomb(server, size),
            (400, 413, 415),
        ),
        "gzip, truncated": (lambda server: _gzip(server, gzip.compress(b"[" * 9999)[:-9]), (400,)),
        "gzip, junk after it": (
            lambda server: _gzip(server, gzip.compress(b'{"instances": []}') + b"junk"),
            (400,),
        ),
        "encoding that nobody knows": (
            lambda server: _encoded(server, b'{"instances": []}', "compress"),
            (415,),
        ),
        "3 MB in 1-byte chunks": (_one_byte_chunks, (400, 413)),
    }
    claims: list[Claim] = []
    with serve_faults() as server:
        server.predict("warm")
        family = server.family()
        for name, (attempt, wanted) in attempts.items():
            claims += _measured(server, family, name, attempt, wanted, arguments.megabytes)
        claims.append(exactly("the same processes as before", server.family() == family, True))
        claims.append(exactly("a request after them", server.predict("still there")[0], 200))
    return conclude("large bodies", claims)


def _measured(
    server: RunningServer,
    family: list[int],
    name: str,
    attempt: Attempt,
    wanted: tuple[int, ...],
    bound_mb: float,
) -> list[Claim]:
    before = resident_mb(family)
    forget_peak(family)
    status = asyncio.run(_patiently(attempt(server)))
    more = peak_mb(family) - before
    text = " or ".join(map(str, wanted))
    return [
        Claim(f"{name}: status", str(status), text, status in wanted),
        at_most(f"{name}: memory", max(more, 0.0), bound_mb, "MB"),
    ]


async def _patiently(attempt: Awaitable[int]) -> int:
    try:
        return await asyncio.wait_for(attempt, 60)
    except (OSError, IncompleteAnswer, asyncio.TimeoutError) as error:
        print(f"no answer: {type(error).__name__} {error}")
        return 0


async def _announced(server: RunningServer, size: int) -> int:
    """Only the head is sent: the answer must not wait for the body."""
    head = request(PATH, headers={"Content-Length": str(size)})
    return (await ask(server.host, server.port, head)).status


async def _sent(server: RunningServer, size: int) -> int:
    """The client sends all of it without looking for an answer."""
    head = request(PATH, headers={"Content-Length": str(size)})
    return (await _send_until_refused(server, head, _PIECE, size // len(_PIECE))).status


async def _chunked(server: RunningServer, size: int) -> int:
    head = request(PATH, headers={"Content-Length": "", "Transfer-Encoding": "chunked"})
    head = head.replace(b"Content-Length: \r\n", b"")
    piece = b"%x\r\n%s\r\n" % (len(_PIECE), _PIECE)
    return (await _send_until_refused(server, head, piece, size // len(_PIECE))).status


async def _one_byte_chunks(server: RunningServer) -> int:
    """Three megabytes of brackets, each in a chunk of its own: nothing that is JSON."""
    head = request(PATH, headers={"Content-Length": "", "Transfer-Encoding": "chunked"})
    head = head.replace(b"Content-Length: \r\n", b"")
    piece = b"1\r\n[\r\n" * 10_000
    return (await _send_until_refused(server, head, piece, 300, b"0\r\n\r\n")).status


async def _send_until_refused(
    server: RunningServer, head: bytes, piece: bytes, count: int, end: bytes = b""
) -> Answer:
    connection = await Connection(server.host, server.port).open()
    try:
        await connection.send(head)
        for _ in range(count):
            if connection.is_answered():
                break
            await connection.send(piece)
        else:
            await connection.send(end)
    except OSError:
        pass  # Refused and closed; the answer may have arrived before that.
    try:
        return await asyncio.wait_for(connection.answer(), _DRAIN_S)
    finally:
        connection.close()


def _bomb(size: int) -> bytes:
    """Gzip of that many spaces, a thousandth of their size."""
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(_PIECE) for _ in range(size // len(_PIECE))]
    return b"".join([*parts, packer.flush()])


async def _gzip_bomb(server: RunningServer, size: int) -> int:
    return await _gzip(server, _bomb(size))


async def _nested_bomb(server: RunningServer, size: int) -> int:
    return await _encoded(server, gzip.compress(_bomb(size)), "gzip, gzip")


async def _gzip(server: RunningServer, body: bytes) -> int:
    return await _encoded(server, body, "gzip")


async def _encoded(server: RunningServer, body: bytes, encoding: str) -> int:
    data = request(PATH, body, headers={"Content-Encoding": encoding})
    return (await ask(server.host, server.port, data)).status


if __name__ == "__main__":
    sys.exit(main())
