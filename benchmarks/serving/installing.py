"""What the benchmark needs, in a folder outside git: tools, environments, models."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from servers import ENVIRONMENTS, NUMERIC, VARIABLES, Environment, Server

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# An environment problem, as of the command line of the product.
EXIT_ENVIRONMENT = 20


def install(folder: Path, servers: Iterable[Server]) -> None:
    """Make the environments of these servers and the models, as far as they are not there.

    Raises:
        SystemExit: wrk is missing, or our own environment cannot be made.
    """
    check_tools()
    for name in dict.fromkeys(["ours", *(server.environment for server in servers)]):
        _make(folder / name, name, ENVIRONMENTS[name])
    _train(folder)


def check_tools() -> None:
    """Say what is missing that pip cannot install."""
    if not shutil.which("wrk"):
        print("bench: wrk is needed (Debian, Ubuntu: apt-get install wrk)", file=sys.stderr)
        raise SystemExit(EXIT_ENVIRONMENT)
    for tool, why in (
        ("nginx", "there is no ceiling (nginx-light)"),
        ("java", "TorchServe does not start (default-jre-headless)"),
    ):
        if not shutil.which(tool, path="/usr/sbin:/usr/bin:/usr/local/bin"):
            print(f"bench: without {tool} {why}", file=sys.stderr)


def is_installed(folder: Path, name: str) -> bool:
    """Whether an environment is there, made of what the table says now."""
    stamp = folder / name / "installed"
    return stamp.is_file() and stamp.read_text() == _digest(ENVIRONMENTS[name])


def _make(folder: Path, name: str, environment: Environment) -> None:
    if is_installed(folder.parent, name):
        return
    print(f"Installing {name} into {folder}.", flush=True)
    python = environment.python or sys.executable
    requires = [f"{ROOT}{r[1:]}" if r.startswith(".") else r for r in environment.requires]
    editable = [word for r in requires for word in (("-e", r) if r.startswith("/") else (r,))]
    uv = [sys.executable, "-m", "uv"]
    venv = [*uv, "venv", "--quiet", "--allow-existing", "--python", python, str(folder)]
    add = [*uv, "pip", "install", "--quiet", "--python", str(folder / "bin/python")]
    with (folder.parent / f"{name}.install.log").open("w") as log:
        for command in (venv, [*add, *NUMERIC, *editable]):
            done = subprocess.run(command, stdout=log, stderr=log)
            if done.returncode:
                print(f"bench: {name} cannot be installed, see {log.name}", file=sys.stderr)
                if name == "ours":
                    raise SystemExit(EXIT_ENVIRONMENT)
                return
    (folder / "installed").write_text(_digest(environment))


def _digest(environment: Environment) -> str:
    content = json.dumps([NUMERIC, environment.requires, environment.python])
    return hashlib.sha256(content.encode()).hexdigest()


def _train(folder: Path) -> None:
    script = HERE / "train.py"
    stamp = folder / "models" / "trained-by"
    # What an earlier `cpr compile` wrote may not be served any more, and the original be measured.
    sources = [script, *sorted(ROOT.glob("cpr/compiling/*.py")), ROOT / "cpr/artifacts/compiled.py"]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    if not stamp.is_file() or stamp.read_text() != digest:
        command = [str(folder / "ours/bin/python"), str(script), str(folder / "models")]
        subprocess.run(command, check=True, env={**os.environ, **VARIABLES})
        stamp.write_text(digest)
