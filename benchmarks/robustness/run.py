"""Show every promise of the server, one script after the other: `make robustness`.

Each script prints its table; the exit code is the number of scripts that
found a promise broken. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPTS = (
    "faults",
    "losses",
    "poison",
    "recovery",
    "deadlines",
    "json_documents",
    "malformed_http",
    "fuzz_http",
    "large_bodies",
    "slow_clients",
    "idle_connections",
    "overload",
    "soak",
)


def main() -> int:
    """Run the scripts and sum up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=SCRIPTS)
    parser.add_argument("--corpus", help="JSONTestSuite's test_parsing folder")
    parser.add_argument("--naughty", help="blns.json of the big list of naughty strings")
    parser.add_argument("--minutes", default="60", help="of soaking")
    arguments = parser.parse_args()
    outcomes = {}
    for name in arguments.only or SCRIPTS:
        command = [sys.executable, str(HERE / f"{name}.py")]
        if name == "json_documents":
            command += ["--corpus", arguments.corpus] if arguments.corpus else []
            command += ["--naughty", arguments.naughty] if arguments.naughty else []
        if name == "soak":
            command += ["--minutes", arguments.minutes]
        start = time.monotonic()
        code = subprocess.run(command, check=False).returncode
        outcomes[name] = (code, time.monotonic() - start)
        print(flush=True)
    for name, (code, spent_s) in outcomes.items():
        print(f"{'ok    ' if code == 0 else 'FAILED'}  {name}  {spent_s:.0f} s")
    return sum(code != 0 for code, _ in outcomes.values())


if __name__ == "__main__":
    sys.exit(main())
