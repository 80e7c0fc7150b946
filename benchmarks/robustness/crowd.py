"""Many clients that do one thing badly, in a process of their own.

`python crowd.py URL KIND COUNT` opens the connections, says so in a line, and
then one line for each second: how many the server has not ended yet. It goes
until all are ended or its standard input is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from ledger import PATH
from raw_http import Connection, IncompleteAnswer, request

KINDS = ("slow-headers", "slow-bodies", "slow-readers", "idle", "mute")
_SILENT = ("idle", "mute")
_BIG_ANSWER = 2_000_000
_SMALL_BUFFER = 4096
_DRIP_S = 0.5
_AT_ONCE = 64


class Crowd:
    """The crowd's process; a context manager that ends it.

    `held` is how many connections were open once all had been made, and `open`
    how many the server has not ended since; of slow readers that cannot be told.
    """

    def __init__(self, url: str, kind: str, count: int) -> None:
        command = [sys.executable, str(Path(__file__)), url, kind, str(count)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.held = int(json.loads(self._process.stdout.readline())["held"])
        self.open = self.held
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Crowd:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def wait(self, timeout_s: float) -> None:
        """Until all are ended, or this long."""
        self._reader.join(timeout_s)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.open = json.loads(line)["open"]


def main() -> int:
    """Open the connections and say how many are left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("count", type=int)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    parts = urlsplit(arguments.url)
    address = (parts.hostname or "127.0.0.1", parts.port or 80)
    asyncio.run(_run(address, arguments.kind, arguments.count))
    return 0


async def _run(address: tuple[str, int], kind: str, count: int) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def made() -> Connection | None:
        async with gate:
            try:
                return await _make(address, kind)
            except (OSError, IncompleteAnswer):
                return None

    connections = [c for c in await asyncio.gather(*(made() for _ in range(count))) if c]
    print(json.dumps({"held": len(connections)}), flush=True)
    ended = threading.Event()
    threading.Thread(target=_wait_for_end, args=(ended,), daemon=True).start()
    if kind in _SILENT:
        watched = Watch(connections)
        while watched.open and not ended.is_set():
            print(json.dumps({"open": watched.open}), flush=True)
            await asyncio.sleep(_DRIP_S)
        return
    while connections and not ended.is_set():
        connections = [c for c in connections if not await _is_ended(c, kind)]
        print(json.dumps({"open": len(connections)}), flush=True)
        await asyncio.sleep(_DRIP_S)


class Watch:
    """Counts connections that are open still, at no cost while nothing happens."""

    def __init__(self, connections: list[Connection]) -> None:
        self.open = len(connections)
        self._loop = asyncio.get_running_loop()
        for connection in connections:
            self._loop.add_reader(connection.fileno(), self._end, connection.fileno())

    def _end(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        self.open -= 1


async def _make(address: tuple[str, int], kind: str) -> Connection:
    buffer = _SMALL_BUFFER if kind == "slow-readers" else 0
    connection = await Connection(*address, receive_buffer=buffer).open()
    body = json.dumps({"instances": [{"do": "big", "bytes": _BIG_ANSWER}]}).encode()
    if kind == "slow-headers":
        await connection.send(b"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\n")
    elif kind == "slow-bodies":
        await connection.send(request(PATH, headers={"Content-Length": "100000"}))
    elif kind == "slow-readers":
        await connection.send(request(PATH, body))
        await connection.first_byte()
    elif kind == "idle":
        await connection.send(request(PATH, b'{"instances": [1]}'))
        await connection.answer()
    return connection


async def _is_ended(connection: Connection, kind: str) -> bool:
    """Whether the server gave this connection up; the slow ones send a little more."""
    drip = {"slow-headers": b"X-More: 1\r\n", "slow-bodies": b" "}.get(kind, b"")
    try:
        if drip:
            await connection.send(drip)
    except OSError:
        return True
    if kind == "slow-readers":
        return False  # What the server has given up, the kernel still has to deliver.
    return connection.is_ended_by_peer() or connection.is_answered()


def _wait_for_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    sys.exit(main())
