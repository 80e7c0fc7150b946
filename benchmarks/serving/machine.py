"""Where and when it was measured, and with what."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from installing import ROOT, is_installed
from servers import ENVIRONMENTS, Server

SHARED = ("numpy", "scikit-learn", "tensorflow-cpu", "orjson")


def describe(folder: Path, servers: Iterable[Server]) -> dict[str, str]:
    """Facts by their name, in the order in which they are shown."""
    facts = {
        "date": time.strftime("%Y-%m-%d"),
        "commit": _said(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]),
        "processor": _first(r"model name\s*: (.*)", Path("/proc/cpuinfo")),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "system": f"{_first(r'PRETTY_NAME=.(.*).$', Path('/etc/os-release'))}, "
        f"Linux {platform.release()}",
        "Python": platform.python_version(),
        "wrk": _first_word(_said(["wrk", "--version"]), 1),
        "nginx": _said(["/usr/sbin/nginx", "-v"]).rpartition("/")[2],
    }
    for name in dict.fromkeys(server.environment for server in servers):
        if is_installed(folder, name):
            facts[name] = _versions(folder / name, ENVIRONMENTS[name].says)
    return facts


def _versions(environment: Path, distribution: str) -> str:
    code = (
        "import sys\nfrom importlib.metadata import version, PackageNotFoundError\n"
        "for name in sys.argv[1:]:\n"
        "    try: print(name, version(name))\n"
        "    except PackageNotFoundError: pass\n"
    )
    names = [distribution, *SHARED]
    said = _said([str(environment / "bin/python"), "-c", code, *names])
    return ", ".join(said.splitlines())


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return "none"
    return (done.stdout or done.stderr).strip()


def _first(pattern: str, file: Path) -> str:
    found = re.search(pattern, file.read_text(), re.MULTILINE)
    return found[1] if found else sys.platform


def _first_word(text: str, position: int) -> str:
    words = text.split()
    return words[position] if len(words) > position else "none"
