"""Each fault of a predictor gets its own answer, and harms nothing else."""

from __future__ import annotations

import argparse
import json
import re
import sys

from claims import Claim, conclude, exactly
from running_server import RunningServer, serve_faults

STAYS, IS_REPLACED = True, False
# do, the status that is right, and whether the worker's process stays.
FAULTS: tuple[tuple[str, int, bool], ...] = (
    ("", 200, STAYS),
    ("raise", 500, STAYS),
    ("bad_input", 400, STAYS),
    ("recursion", 500, STAYS),
    ("nan", 500, STAYS),
    ("unserialisable", 500, STAYS),
    ("sys_exit", 500, STAYS),
    ("interrupt", 500, IS_REPLACED),
    ("alloc", 500, STAYS),
    ("wrong_length", 200, STAYS),
    ("none", 200, STAYS),
    # Before the one that closes stdout, which multiprocessing flushes when it forks.
    ("fork", 200, STAYS),
    ("terminate", 200, STAYS),
    ("print_flood", 200, STAYS),
    ("close_stdout", 200, STAYS),
    ("chdir", 200, STAYS),
    ("thread_leak", 200, STAYS),
    ("take_signals", 200, STAYS),
    ("close_descriptors", 500, IS_REPLACED),
    ("alarm", 500, IS_REPLACED),
    ("exit", 500, IS_REPLACED),
    ("abort", 500, IS_REPLACED),
    ("segv", 500, IS_REPLACED),
    ("kill", 500, IS_REPLACED),
)
INTERNALS = re.compile(r"Traceback|\.py\b|\.sock\b|\bpid\b|/(?:tmp|proc|usr|dev)/|0x[0-9a-f]{6}")


def main() -> int:
    """Cause each fault in turn on one live server."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", help="this fault alone; may be repeated")
    arguments = parser.parse_args()
    claims: list[Claim] = []
    with serve_faults() as server:
        fronts = server.fronts()
        for do, status, stays in FAULTS:
            if arguments.only and do not in arguments.only:
                continue
            claims.append(_caused(server, do, status, stays))
        claims.append(exactly("the fronts are the same as before", server.fronts(), fronts))
    return conclude("faults", claims)


def _caused(server: RunningServer, do: str, wanted: int, stays: bool) -> Claim:
    before = _worker(server)
    status, answer = server.predict({"do": do})
    stayed = _worker(server) == before
    leaked = INTERNALS.findall(json.dumps(answer))
    seen = _text(status, "error" in answer, stayed) + (f", tells {leaked}" if leaked else "")
    return exactly(do or "nothing", seen, _text(wanted, wanted >= 400, stays))


def _text(status: int, has_error: bool, stays: bool) -> str:
    process = "the process stays" if stays else "the process is replaced"
    return f"{status}{' with an error' * has_error}, {process}"


def _worker(server: RunningServer) -> int:
    status, answer = server.predict({"do": "pid"})
    assert status == 200, answer
    pid = answer["predictions"][0]
    assert isinstance(pid, int)
    return pid


if __name__ == "__main__":
    sys.exit(main())
