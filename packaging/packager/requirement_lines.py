"""Requirements as they stand in settings, setup.py, pyproject.toml or a file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from cpr.errors import ConfigError, shorten
from cpr.findings import Finding
from cpr.packager.rules import SKIPPED_OPTION

_COMMENT = re.compile(r"(^|\s)#.*$")
_PER_LINE_OPTION = re.compile(r"\s--[a-z].*$")
_INCLUDE = re.compile(r"(?:-r|--requirement)[ =]*(.+)")


def canonical(lines: Iterable[str], *, origin: str) -> tuple[str, ...]:
    """The requirements in their normal spelling, in order, each once.

    Raises:
        ConfigError: One is not a requirement that a package can state.
    """
    found: dict[str, None] = {}
    for line in lines:
        try:
            found[str(Requirement(line.strip()))] = None
        except InvalidRequirement as error:
            raise ConfigError(
                f"{origin}: {shorten(line)} is not a requirement: {str(error).splitlines()[0]}",
                hint="Write it as numpy, numpy>=1.26, or name @ https://…/file.whl.",
            ) from error
    return tuple(found)


def read_requirements_file(path: Path) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """The requirements of a pip requirements file, and what cannot be carried over.

    Included files (``-r other.txt``) are followed; other options of pip, which
    no package can state, are skipped with a finding.
    """
    findings: list[Finding] = []
    lines = list(_lines(path, findings, seen=set()))
    return tuple(dict.fromkeys(lines)), tuple(findings)


def _lines(path: Path, findings: list[Finding], seen: set[Path]) -> Iterable[str]:
    if path.resolve() in seen:
        return
    seen.add(path.resolve())
    try:
        text = path.read_text(encoding="utf-8-sig").replace("\\\n", " ")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    for number, raw in enumerate(text.splitlines(), 1):
        line = _PER_LINE_OPTION.sub("", _COMMENT.sub("", raw)).strip()
        included = _INCLUDE.fullmatch(line)
        if included:
            yield from _lines(path.parent / included[1].strip(), findings, seen)
        elif line.startswith("-"):
            findings.append(
                Finding(
                    SKIPPED_OPTION,
                    f"{path.name}:{number}: {shorten(line)} is an option of pip, "
                    "which a package cannot state; it is left out",
                    file=str(path),
                    line=number,
                    fix="State the requirement itself, under [project] requirements.",
                )
            )
        elif line:
            yield from canonical([line], origin=f"{path}:{number}")
