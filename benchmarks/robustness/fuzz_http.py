"""Bent requests by the thousand: the server stays up, and answers what was asked and no more.

A strict parser of another make, h11, reads each stream as well. An answer to
something that it does not find there would mean that the two disagree about
where a request ends: what an attacker behind a proxy needs.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import re
import sys
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

import h11
from claims import at_most, conclude, exactly, note
from ledger import PATH
from memory import descriptors, resident_mb
from mutated_streams import Stream, make_stream
from raw_http import Connection, IncompleteAnswer, ask, request
from running_server import RunningServer, serve_faults

_DOCUMENTED = {200, 400, 404, 405, 408, 413, 414, 415, 417, 421, 431}
_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Za-z -]+(\r\n.*)?", re.DOTALL)
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_PATIENCE_S = 30.0
_PROBE_EVERY = 200
_FEW = 4
_LINGERING_S = 20.0
_SETTLING = 0.3
"""The share of the streams after which memory is measured for the first time."""


@dataclass
class Seen:
    """What came of all streams; `examples` are seeds of those that went wrong."""

    statuses: Counter[int] = field(default_factory=Counter)
    streams: int = 0
    bad_status: int = 0
    silent: int = 0
    not_asked: int = 0
    fewer: int = 0
    probes_failed: int = 0
    examples: list[str] = field(default_factory=list)

    def example(self, kind: str, seed: str, told: object) -> None:
        """Keep a seed, to look at it by `--show SEED`."""
        if len(self.examples) < 40:
            self.examples.append(f"{kind}: {seed}: {told}")


def main() -> int:
    """Send streams until there were enough, or the time is over."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=0.0, help="go on for so long instead")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--growth", type=float, default=10.0, help="megabytes, at most")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first stream")
    parser.add_argument("--show", metavar="STREAM", help="print the stream of this seed, and end")
    arguments = parser.parse_args()
    if arguments.show:
        return _show(arguments.show)
    seen = Seen()
    flags = ("--header-timeout=1", "--body-timeout=1", "--keep-alive=1", "--workers=2")
    with serve_faults(*flags) as server:
        family = [server.pid, *server.family()]
        sizes = asyncio.run(_run(server, seen, arguments, family))
        is_same = [server.pid, *server.family()] == family
        errors = [line for line in server.errors.splitlines() if "Traceback" in line]
    for example in seen.examples:
        print(example)
    return conclude(f"fuzzed HTTP, seed {arguments.seed}", [
        exactly("streams with a status that is not documented", seen.bad_status, 0),
        exactly("answers to what was not asked, or not in order", seen.not_asked, 0),
        exactly("good streams that were not answered whole", seen.fewer, 0),
        exactly("connections that the server did not end", seen.silent, 0),
        exactly("good requests between them that failed", seen.probes_failed, 0),
        exactly("tracebacks in the log", len(errors), 0),
        exactly("the same processes as before", is_same, True),
        at_most("memory, more than at first", sizes[-1][0] - sizes[0][0], arguments.growth, "MB"),
        at_most("descriptors, more than at first", sizes[-1][1] - sizes[0][1], _FEW),
        note("streams", seen.streams),
        note("statuses", ", ".join(f"{key} x{n}" for key, n in sorted(seen.statuses.items()))),
    ])  # fmt: skip


async def _run(
    server: RunningServer, seen: Seen, arguments: argparse.Namespace, family: list[int]
) -> list[tuple[float, int]]:
    """Memory and descriptors after the first part, and at the end."""
    numbers = count(arguments.first)
    began = time.monotonic()
    sizes: list[tuple[float, int]] = []

    def progress() -> float:
        if arguments.minutes:
            return (time.monotonic() - began) / (arguments.minutes * 60)
        return seen.streams / arguments.streams

    async def client() -> None:
        while progress() < 1:
            number = next(numbers)
            await _one(server, seen, f"{arguments.seed}-{number}")
            if number % _PROBE_EVERY == 0:
                await _probe(server, seen, number)
            if not sizes and progress() > _SETTLING:
                sizes.append((resident_mb(family), descriptors(family)))

    await asyncio.gather(*(client() for _ in range(arguments.connections)))
    # The server leaves clients that it refused a while to read why.
    end = time.monotonic() + _LINGERING_S
    while descriptors(family) > sizes[0][1] + _FEW and time.monotonic() < end:
        await asyncio.sleep(0.1)
    sizes.append((resident_mb(family), descriptors(family)))
    return sizes


async def _probe(server: RunningServer, seen: Seen, number: int) -> None:
    body = json.dumps({"instances": [number]}).encode()
    try:
        answer = await ask(server.host, server.port, request(PATH, body))
        is_right = answer.status == 200 and json.loads(answer.body)["predictions"] == [number]
    except (IncompleteAnswer, OSError):
        is_right = False
    seen.probes_failed += not is_right


async def _one(server: RunningServer, seen: Seen, seed: str) -> None:
    stream = make_stream(seed)
    statuses, answered, is_over = await _exchange(server, stream)
    seen.streams += 1
    seen.statuses.update(statuses)
    if not is_over:
        seen.silent += 1
        seen.example("not ended", seed, statuses)
    if set(statuses) - _DOCUMENTED:
        seen.bad_status += 1
        seen.example("status", seed, statuses)
    asked, is_whole = asked_of(stream.sent)
    rest = iter(asked)
    if not all(one in rest for one in answered):
        seen.not_asked += 1
        seen.example("not asked", seed, f"{answered} {asked}")
    elif is_whole and stream.ends != "abort" and set(statuses) == {200} and answered != asked:
        seen.fewer += 1
        seen.example("fewer", seed, f"{answered} {asked}")


async def _exchange(server: RunningServer, stream: Stream) -> tuple[list[int], list[str], bool]:
    """The statuses that came, the instances predicted, and whether the server ended it."""
    connection = await Connection(server.host, server.port).open()
    try:
        if not await asyncio.wait_for(_send(connection, stream), _PATIENCE_S):
            return [], [], True
        answers = answers_in(await asyncio.wait_for(connection.rest(), _PATIENCE_S))
    except asyncio.TimeoutError:
        return [], [], False
    finally:
        connection.close()
    answered: list[str] = []
    for status, body in answers:
        if status == 200 and body.startswith(b'{"predictions"'):
            answered += _names(body, "predictions")
    return [status for status, _ in answers], answered, True


def answers_in(data: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each answer; 0 for the status of what is none.

    No body here begins as an answer does: after a head that is followed by the
    next one, or by nothing, there is none, as after a HEAD.
    """
    answers: list[tuple[int, bytes]] = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        found = _HEAD.fullmatch(head)
        if found is None:
            return [*answers, (0, head)]
        length = _LENGTH.search(head)
        size = int(length[1]) if length and data and not data.startswith(b"HTTP/1.1 ") else 0
        if len(data) < size:
            return [*answers, (0, data)]
        if int(found[1]) >= 200:
            answers.append((int(found[1]), data[:size]))
        data = data[size:]
    return answers


async def _send(connection: Connection, stream: Stream) -> bool:
    """Send it; False where nobody waits for answers."""
    try:
        for piece in stream.pieces:
            await connection.send(piece)
            await asyncio.sleep(0)
        if stream.ends == "half":
            connection.half_close()
    except OSError:
        return True  # refused already; the answer may be there to read
    if stream.ends == "abort":
        connection.reset_on_close()
        return False
    return True


def asked_of(data: bytes) -> tuple[list[str], bool]:
    """The instances that h11 finds asked for, and whether it found nothing to object to."""
    asked: list[str] = []
    is_plain = True
    while data := _regular(data):
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        parser.receive_data(data)
        parser.receive_data(b"")
        body = b""
        try:
            head = parser.next_event()
            if not isinstance(head, h11.Request):
                return asked, False
            while isinstance(event := parser.next_event(), h11.Data):
                body += event.data
        except h11.RemoteProtocolError:
            return asked, False
        asked += _asked(head, body)
        # Servers differ in whether they obey a Connection in a trailer, or offer to upgrade.
        is_plain &= not any(name == b"connection" for name, _ in getattr(event, "headers", ()))
        is_plain &= parser.their_state is h11.DONE
        if parser.their_state not in (h11.DONE, h11.MIGHT_SWITCH_PROTOCOL):
            return asked, is_plain  # it was to be the last
        data, _ = parser.trailing_data
    return asked, is_plain


def _regular(data: bytes) -> bytes:
    """Without what is harmless before a request, and between the words of its first line."""
    line, end, rest = data.lstrip(b"\r\n").partition(b"\r\n")
    return re.sub(rb" +", b" ", line).rstrip() + end + rest


def _asked(head: h11.Request, body: bytes) -> list[str]:
    headers = dict(head.headers)
    if head.method != b"POST" or not body:
        return []
    try:
        if headers.get(b"content-encoding", b"identity") != b"identity":
            body = gzip.decompress(body)
        return _names(body, "instances")
    except (OSError, EOFError, zlib.error):
        return []


def _names(body: bytes, key: str) -> list[str]:
    try:
        return [str(one["id"]) for one in json.loads(body)[key]]
    except (ValueError, KeyError, TypeError):
        return []


def _show(seed: str) -> int:
    stream = make_stream(seed)
    for piece in stream.pieces:
        print(repr(piece[:3000]))
    print(stream.ends, asked_of(stream.sent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
