"""Asks pip, over the network, whether a package's requirements can be had; only when told to."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from cpr.checks.content import content_of
from cpr.checks.distributions import is_asked, parse_requirement
from cpr.checks.subject import Subject
from cpr.errors import EnvironmentProblem
from cpr.findings import Finding, rule

NOT_TO_BE_HAD = rule(
    "CPR217",
    "error",
    "A requirement that cannot be installed for the target Python",
    cause="pip was asked for the requirement, for the oldest Python that the package names, and "
    "the index has no version of it that fits: the library was never released for that "
    "Python, the version does not exist, or its name is spelled otherwise.",
    cure="Choose a version that exists for that Python, or narrow `python` under `[project]`.",
    example="""
    python = ">=3.13"
    requirements = ["numpy==1.16"]      # released for Python 3.7 and older
    """,
)
_NO_NETWORK = re.compile(
    r"NewConnectionError|ConnectionError|Temporary failure|Name or service|timed out|ProxyError"
)
_TIME_LIMIT_S = 120


def check(subject: Subject) -> Iterator[Finding]:
    """One finding a requirement that pip cannot find; nothing unless ``--resolve`` was given.

    Raises:
        EnvironmentProblem: pip cannot be run, or has no network.
    """
    if not subject.told.get("_resolve"):
        return
    content = content_of(subject)
    python = _oldest(content.requires_python)
    for line in content.requirements or ():
        requirement = parse_requirement(line)
        if requirement is None or not is_asked(requirement):
            continue
        said = _ask_pip(requirement, python)
        if said:
            yield Finding(
                NOT_TO_BE_HAD, f"{line!r} cannot be installed for Python {python}: {said}"
            )


def _oldest(requires_python: str) -> str:
    """The oldest version of Python 3 that the package is for; this one where it does not say."""
    here = ".".join(platform.python_version_tuple()[:2])
    if not requires_python:
        return here
    pythons = SpecifierSet(requires_python)
    minors = [f"3.{minor}" for minor in range(5, 40)]
    return next((one for one in minors if pythons.contains(f"{one}.99")), here)


def _ask_pip(requirement: Requirement, python: str) -> str:
    """What pip says against a requirement, "" if it could install it."""
    bare = str(requirement).partition(";")[0].strip()
    command = [
        *(sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--retries=1"),
        *("--no-input", "--disable-pip-version-check", "--only-binary=:all:"),
        # pip resolves for another Python only where it would install into a folder.
        *("--python-version", python, "--ignore-installed", "--target", "unused", bare),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - an interpreter, with a requirement as an argument
            command, capture_output=True, text=True, timeout=_TIME_LIMIT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentProblem(f"pip cannot be asked: {error}.") from error
    if done.returncode == 0:
        return ""
    if "No module named pip" in done.stderr:
        raise EnvironmentProblem("pip is not installed here.", hint="python -m ensurepip")
    if _NO_NETWORK.search(done.stderr):
        raise EnvironmentProblem(
            "the package index cannot be reached.", hint="Check without --resolve."
        )
    errors = [row.removeprefix("ERROR: ") for row in done.stderr.splitlines() if "ERROR:" in row]
    return errors[-1] if errors else done.stderr.strip()[-200:]
