"""What the server's own OpenAPI document says of it holds, for thousands of made-up requests.

[Schemathesis](https://schemathesis.readthedocs.io) reads the document and tries to prove it
wrong: `pip install schemathesis`, in an environment of its own if need be.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys

from claims import at_most, conclude, exactly, note
from memory import resident_mb
from running_server import RunningServer, serve_faults

_PREDICTING = "not_a_server_error,status_code_conformance,content_type_conformance"
_CHECKS = {
    # Explanations of numbers near the largest there is are refused as outputs: 500.
    "predictions": (("--exclude-path-regex", ":explain"), _PREDICTING),
    "explanations": (
        ("--include-path-regex", ":explain"),
        "status_code_conformance,content_type_conformance",
    ),
}


def main() -> int:
    """Run it against a server of the fault predictor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schemathesis", default="schemathesis", help="the command")
    parser.add_argument("--examples", type=int, default=200, help="for each operation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--growth", type=float, default=20.0, help="megabytes, at most")
    arguments = parser.parse_args()
    if shutil.which(arguments.schemathesis) is None:
        print(f"there is no command {arguments.schemathesis}: pip install schemathesis")
        return 20
    claims = []
    with serve_faults("--workers", "2") as server:
        family = [server.pid, *server.family()]
        _run(server, arguments, *_CHECKS["predictions"], examples=20)
        before = resident_mb(family)
        for name, (paths, checks) in _CHECKS.items():
            ran = _run(server, arguments, paths, checks, examples=arguments.examples)
            if ran.returncode:
                print(ran.stdout, ran.stderr)
            made = [line.strip() for line in ran.stdout.splitlines() if " generated" in line]
            claims.append(exactly(f"{name}: exit code of schemathesis", ran.returncode, 0))
            claims.append(note(f"{name}: requests", ", ".join(made)))
        now, errors = [server.pid, *server.family()], server.errors
        claims.append(exactly("the same processes as before", now == family, True))
        if now != family:
            ends = [at for at in range(len(errors)) if errors.startswith("while answering", at)]
            print(*(errors[max(0, at - 4000) : at] for at in ends), sep="\n")
        growth = resident_mb(now) - before
        claims.append(at_most("memory, more than at first", growth, arguments.growth, "MB"))
        has_failed = "ERROR front" in server.errors
        claims.append(exactly("errors of a front in the log", has_failed, False))
    return conclude(f"schema, seed {arguments.seed}", claims)


def _run(
    server: RunningServer,
    arguments: argparse.Namespace,
    paths: tuple[str, ...],
    checks: str,
    *,
    examples: int,
) -> subprocess.CompletedProcess[str]:
    command = [arguments.schemathesis, "run", f"{server.url}/openapi.json", *paths]
    command += ["--checks", checks, "--seed", str(arguments.seed)]
    command += ["--max-examples", str(examples), "--suppress-health-check", "all", "--no-color"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
