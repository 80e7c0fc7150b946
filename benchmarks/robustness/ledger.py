"""A client that keeps a ledger: of every request, whether it was sent and what came of it.

Runs as a process of its own: `python ledger.py URL --mode keep-alive`. It goes
on until its standard input ends and `--at-least` requests were sent, then
prints the ledger as one JSON line. A request is *lost* when all of it was sent
and no complete answer came; a refused connection, and one that the server had
closed before the request was sent, are counted apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from raw_http import Answer, Connection, IncompleteAnswer, request

PATH = "/v1/projects/p/models/m:predict"
_ANSWER_S = 90.0
_RETRY_S = 0.02
_EXAMPLES = 10
_PROGRESS_S = 0.1


@dataclass
class Ledger:
    """The counts; every request that was sent is in exactly one of right, wrong and lost.

    `wrong` counts other statuses than 200 by status, and "body" for a 200
    with another answer. `closed_before_sent` and `refused` requests are tried again.
    """

    sent: int = 0
    right: int = 0
    lost: int = 0
    wrong: dict[str, int] = field(default_factory=dict)
    unasked: int = 0
    refused: int = 0
    closed_before_sent: int = 0
    examples: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep the first few things that went wrong, for the reader."""
        if len(self.examples) < _EXAMPLES:
            self.examples.append(text)


class Clients:
    """Some connections' worth of clients, that ask one after the other until told to stop."""

    def __init__(self, host: str, port: int, *, seconds: float, is_keep_alive: bool) -> None:
        self.ledger = Ledger()
        self.is_stopped = False
        self._address = (host, port)
        self._instance = {"do": "sleep", "seconds": seconds}
        self._headers = {} if is_keep_alive else {"Connection": "close"}
        self._numbers = 0

    async def run(self) -> None:
        """One client: ask until stopped."""
        connection: Connection | None = None
        while not self.is_stopped:
            self._numbers += 1
            connection = await self._ask(connection, f"r{self._numbers:07}")
        if connection is not None:
            connection.close()

    async def _ask(self, connection: Connection | None, name: str) -> Connection | None:
        """Get one request sent, whatever that takes; the connection if it can be used again."""
        connection = await self._usable(connection)
        instance = {**self._instance, "id": name}
        body = json.dumps({"instances": [instance]}, separators=(",", ":")).encode()
        try:
            await connection.send(
                request(PATH, body, headers={**self._headers, "X-Request-Id": name})
            )
        except OSError:
            self.ledger.closed_before_sent += 1
            connection.close()
            return None
        self.ledger.sent += 1
        try:
            answer = await asyncio.wait_for(connection.answer(), _ANSWER_S)
        except (IncompleteAnswer, asyncio.TimeoutError) as error:
            self.ledger.lost += 1
            self.ledger.note(f"{name} lost: {type(error).__name__} {error}")
            connection.close()
            return None
        self._enter(name, instance, answer)
        self.ledger.unasked += bool(connection.unasked())
        if answer.ends_connection or self._headers:
            connection.close()
            return None
        return connection

    def _enter(self, name: str, instance: dict[str, Any], answer: Answer) -> None:
        if answer.status == 200 and json.loads(answer.body) == {"predictions": [instance]}:
            self.ledger.right += 1
            return
        kind = "body" if answer.status == 200 else str(answer.status)
        self.ledger.wrong[kind] = self.ledger.wrong.get(kind, 0) + 1
        self.ledger.note(f"{name} {answer.status}: {answer.body[:200].decode(errors='replace')}")

    async def _usable(self, connection: Connection | None) -> Connection:
        while True:
            if connection is not None:
                if not connection.is_ended_by_peer():
                    return connection
                connection.close()
                self.ledger.closed_before_sent += 1
            try:
                connection = await Connection(*self._address).open()
            except OSError:
                connection = None
                self.ledger.refused += 1
                await asyncio.sleep(_RETRY_S)


class LedgerProcess:
    """The ledger's client in a process of its own; a context manager that ends it.

    Args:
        url: Of the server.
        mode: "keep-alive" or "close".
        seconds: That the predictor sleeps for each request.
    """

    def __init__(
        self, url: str, *, mode: str, connections: int = 16, at_least: int = 0, seconds: float = 0.0
    ) -> None:
        self.done = 0
        self.ledger: Ledger | None = None
        command = [sys.executable, str(Path(__file__)), url, "--mode", mode]
        command += ["--connections", str(connections), "--at-least", str(at_least)]
        command += ["--seconds", str(seconds)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> LedgerProcess:
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

    def finish(self) -> Ledger:
        """Let it send what it still has to, and return its ledger."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._reader.join()
        self._process.wait()
        if self.ledger is None:
            raise RuntimeError("the ledger's client ended without its ledger")
        return self.ledger

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            document = json.loads(line)
            if "done" in document:
                self.done = document["done"]
            else:
                self.ledger = Ledger(**document)


def main() -> int:
    """Run the clients; print progress, then the ledger."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--mode", choices=["keep-alive", "close"], default="keep-alive")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--at-least", type=int, default=0, help="requests to send")
    parser.add_argument("--seconds", type=float, default=0.0, help="that the predictor sleeps")
    arguments = parser.parse_args()
    parts = urlsplit(arguments.url)
    clients = Clients(
        parts.hostname or "127.0.0.1",
        parts.port or 80,
        seconds=arguments.seconds,
        is_keep_alive=arguments.mode == "keep-alive",
    )
    asyncio.run(_run(clients, arguments.connections, arguments.at_least))
    print(json.dumps(asdict(clients.ledger)), flush=True)
    return 0


async def _run(clients: Clients, connections: int, at_least: int) -> None:
    ended = threading.Event()
    threading.Thread(target=_wait_for_end, args=(ended,), daemon=True).start()
    running = [asyncio.create_task(clients.run()) for _ in range(connections)]
    while not (ended.is_set() and clients.ledger.sent >= at_least):
        await asyncio.sleep(_PROGRESS_S)
        print(json.dumps({"done": clients.ledger.right}), flush=True)
    clients.is_stopped = True
    await asyncio.gather(*running)


def _wait_for_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    sys.exit(main())
