"""No request is lost while workers are killed and the server is restarted and reloaded.

Clients with and without keep-alive ask all the while; they keep a ledger of
their requests. The events come at even distances of answered requests.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from claims import Claim, at_least, conclude, exactly, note
from ledger import Ledger, LedgerProcess
from running_server import RunningServer, send_signal, serve_faults
from versions import KINDS_OF_BREAKAGE, Version

_STEP_S = 0.02
_STALLED_S = 120.0


@dataclass
class Run:
    """One server, its versions, and what its events have come to."""

    version: Version
    flags: list[str]
    server: RunningServer
    killed: int = 0
    restarted: int = 0
    reloaded: int = 0
    refused: int = 0

    def kill_worker(self) -> None:
        """Kill a worker as the system does when memory ends."""
        workers = self.server.workers()
        if workers:
            send_signal(random.choice(workers), signal.SIGKILL)
            self.killed += 1

    def restart(self) -> None:
        """End the server in good order and start it again on its port."""
        port = self.server.port
        code = self.server.stop()
        self.restarted += code in (0, 143)
        self.server.__exit__(None, None, None)
        self.server = serve_faults(*self.flags, predictor=self.version.path, port=port)

    def reload_good(self) -> None:
        """Swap a new version in; it must answer from then on."""
        revision = self.version.next_good()
        is_swapped = reload(self.server) == 0
        status, answer = self.server.predict({"do": "revision"})
        self.reloaded += is_swapped and status == 200 and answer["predictions"] == [revision]

    def reload_broken(self, kind: str) -> None:
        """Offer a broken version; the one before must answer on, and the command must fail."""
        self.version.broken(kind)
        is_refused = reload(self.server) != 0
        self.version.repair()
        status, answer = self.server.predict({"do": "revision"})
        kept = status == 200 and answer["predictions"] == [self.version.revision]
        self.refused += is_refused and kept
        if not (is_refused and kept):
            print(f"broken version ({kind}): refused {is_refused}; then {status} {answer}")


def reload(server: RunningServer) -> int:
    """The exit code of `cpr reload`."""
    command = [sys.executable, "-m", "cpr", "reload", "--port", str(server.port)]
    return subprocess.run(command, check=False, capture_output=True).returncode


def main() -> int:
    """Run the events under load and print what was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--good", type=int, default=5, help="good reloads")
    parser.add_argument("--broken", type=int, default=5, help="broken reloads, of five kinds")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--load-timeout", type=float, default=5.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run, ledgers = _run(arguments, Path(folder))
    return conclude("losses", _claims(arguments, run, ledgers))


def _run(arguments: argparse.Namespace, folder: Path) -> tuple[Run, dict[str, Ledger]]:
    version = Version(folder)
    samples = folder / "samples.jsonl"
    samples.write_text(json.dumps({"instances": [{"do": ""}]}) + "\n")
    flags = ["--workers", str(arguments.workers), "--load-timeout", str(arguments.load_timeout)]
    flags += ["--samples", str(samples)]
    run = Run(version, flags, serve_faults(*flags, predictor=version.path))
    half = arguments.connections // 2
    share = arguments.requests // 2
    try:
        with (
            LedgerProcess(
                run.server.url, mode="keep-alive", connections=half, at_least=share, seconds=0.002
            ) as kept,
            LedgerProcess(
                run.server.url, mode="close", connections=half, at_least=share, seconds=0.002
            ) as closed,
        ):
            events = _events(arguments, run)
            for number, event in enumerate(events, start=1):
                _wait_for(kept, closed, arguments.requests * number // (len(events) + 1))
                event()
            ledgers = {"keep-alive": kept.finish(), "close": closed.finish()}
    finally:
        run.server.__exit__(None, None, None)
    return run, ledgers


def _events(arguments: argparse.Namespace, run: Run) -> list[Callable[[], None]]:
    events: list[Callable[[], None]] = [run.kill_worker] * arguments.kills
    events += [run.restart] * arguments.restarts
    events += [run.reload_good] * arguments.good
    for number in range(arguments.broken):
        kind = KINDS_OF_BREAKAGE[number % len(KINDS_OF_BREAKAGE)]
        events.append(partial(run.reload_broken, kind))
    random.Random(1).shuffle(events)
    return events


def _wait_for(kept: LedgerProcess, closed: LedgerProcess, count: int) -> None:
    before, since = -1, time.monotonic()
    while (done := kept.done + closed.done) < count:
        if done != before:
            before, since = done, time.monotonic()
        if time.monotonic() - since > _STALLED_S:
            raise SystemExit(f"nothing was answered for {_STALLED_S:g} s; {done} until then")
        time.sleep(_STEP_S)


def _claims(arguments: argparse.Namespace, run: Run, ledgers: dict[str, Ledger]) -> list[Claim]:
    sent = sum(ledger.sent for ledger in ledgers.values())
    claims = [
        at_least("requests sent", sent, arguments.requests),
        exactly("workers killed", run.killed, arguments.kills),
        exactly("restarts that ended well", run.restarted, arguments.restarts),
        exactly("good versions swapped in", run.reloaded, arguments.good),
        exactly("broken versions refused", run.refused, arguments.broken),
    ]
    for mode, ledger in ledgers.items():
        claims += [
            exactly(f"{mode}: lost", ledger.lost, 0),
            exactly(f"{mode}: answered, but not right", dict(ledger.wrong), {}),
            exactly(f"{mode}: bytes that nobody asked for", ledger.unasked, 0),
            note(f"{mode}: answered right", ledger.right),
            note(f"{mode}: connections refused", ledger.refused),
            note(f"{mode}: closed before a request was sent", ledger.closed_before_sent),
        ]
        for example in ledger.examples:
            print(f"{mode}: {example}")
    return claims


if __name__ == "__main__":
    sys.exit(main())
