"""Requirements pinned to exact versions and hashes, all that they need included.

uv resolves where it is installed: it records the hashes of every file of a
version. Else pip does, which records that of the file for this machine.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpr.errors import ConfigError, EnvironmentProblem

LOCK_NAME = "requirements.lock"

_PINNED = re.compile(r"^([\w.-]+)(?:\[[^\]]*\])?(?:==([^\s;\\]+)| @ )", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NO_NETWORK = re.compile(
    r"[Cc]onnection|[Tt]imed? ?out|Failed to fetch|Name or service|offline|SSL"
)
_NO_SOLUTION = re.compile(r"No solution found|No matching distribution|ResolutionImpossible")


@dataclass(frozen=True)
class Pin:
    """One library of a lock: its exact version, and the files that may be installed.

    The version is empty where the lock names the file's address instead.
    """

    name: str
    version: str
    sha256: tuple[str, ...]


def lock_requirements(
    requirements: Sequence[str], *, folder: Path, extras: Sequence[Path] = ()
) -> bytes:
    """The content of a ``requirements.lock`` for requirements.

    What the extra packages need is in it, but not they themselves: the
    manifest pins those.

    Args:
        requirements: As pip writes them.
        folder: The project directory, whose settings for uv apply.
        extras: Package files that are needed too, and that no index need have.

    Raises:
        ConfigError: They contradict each other, or no such version exists.
        EnvironmentProblem: Neither uv nor a pip that can lock is there, or
            the package index cannot be reached.
    """
    # pip takes requirements in this order, and must know the files before their names.
    wanted = [*(str(path) for path in extras), *requirements]
    if not wanted:
        return _text("nothing", "").encode()
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    entries = _with_uv(uv, wanted, folder) if uv else _with_pip(wanted, folder)
    kept = [one for one in entries if not one.startswith(tuple(str(path) for path in extras))]
    return _text("uv" if uv else "pip", "".join(kept)).encode()


def pins(lock: bytes) -> tuple[Pin, ...]:
    """The libraries of a lock, in its order."""
    text = lock.decode()
    starts = list(_PINNED.finditer(text))
    ends = [*(start.start() for start in starts), len(text)][1:]
    return tuple(
        Pin(start[1], start[2] or "", tuple(_HASH.findall(text[start.end() : end])))
        for start, end in zip(starts, ends, strict=True)
    )


def _text(tool: str, body: str) -> str:
    version = ".".join(platform.python_version_tuple()[:2])
    return (
        f"# Locked for Python {version} on {sysconfig.get_platform()}, by {tool}.\n"
        f"# pip install --require-hashes -r {LOCK_NAME}\n{body}"
    )


def _with_uv(uv: str, requirements: Sequence[str], folder: Path) -> list[str]:
    command = [uv, "pip", "compile", "-", "--generate-hashes", "--no-header", "--no-annotate"]
    command += ["--quiet", "--color=never", "--python", sys.executable]
    text = _run(command, folder, input="\n".join(requirements))
    return [entry for entry in re.split(r"^(?=\S)", text, flags=re.MULTILINE) if entry]


def _with_pip(requirements: Sequence[str], folder: Path) -> list[str]:
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    command += ["--report=-", "--quiet", "--no-input", "--no-color", "--retries=1"]
    with tempfile.TemporaryDirectory(prefix="cpr-lock-") as temporary:
        listed = Path(temporary, "requirements.txt")
        listed.write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
        output = _run([*command, "-r", str(listed)], folder)
    try:
        installs = json.loads(output)["install"]
        local = {Path(line).as_uri(): line for line in requirements if line.startswith("/")}
        return sorted(local.get(item["download_info"]["url"]) or _pinned(item) for item in installs)
    except (ValueError, KeyError, TypeError) as error:
        raise _cannot_lock("pip's report cannot be read", output) from error


def _pinned(item: Mapping[str, Any]) -> str:
    name, version = item["metadata"]["name"].lower(), item["metadata"]["version"]
    sha256 = item["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
    if not sha256:
        raise ConfigError(
            f"{name} comes from {item['download_info'].get('url')}, which has no hash.",
            hint="Only files can be locked, not folders and repositories: "
            "give it as --extra-package, or require a released version.",
        )
    return f"{name}=={version} \\\n    --hash=sha256:{sha256}\n"


def _run(command: Sequence[str], folder: Path, *, input: str = "") -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the tool that was found, and our own arguments
            command, cwd=folder, input=input, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise _cannot_lock(f"{command[0]} cannot be started", error.strerror or "") from error
    if done.returncode == 0:
        return done.stdout
    told = done.stderr.strip()
    if _NO_SOLUTION.search(told) and not _NO_NETWORK.search(told):
        raise ConfigError(
            f"the requirements cannot be locked:\n{_last_lines(told)}",
            hint="Correct them, or name another index in the settings of uv or pip.",
        )
    raise _cannot_lock("the requirements cannot be locked", told)


def _cannot_lock(problem: str, told: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"{problem}:\n{_last_lines(told)}",
        hint="Locking asks the package index: check the network, and that uv, or pip 22.2 or "
        "later, is installed.",
    )


def _last_lines(text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-6:])
