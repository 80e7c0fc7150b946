"""Mends what can be mended mechanically, in place; nothing that needs a decision."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cpr.checks.mending import (
    add_classmethod,
    add_keywords,
    add_to_include,
    add_to_setup,
    pin_requirement,
    replace_version,
)
from cpr.config import settings_file
from cpr.findings import Finding
from cpr.publishing import write_atomically

if TYPE_CHECKING:
    from cpr.checks.run import CheckReport

# A mender returns the new text, or the same where it is not certain.
Mender = Callable[[str, Finding], str]
_IN_SOURCE: dict[str, Mender] = {"CPR104": add_classmethod, "CPR110": add_keywords}
_IN_SETTINGS: dict[str, Mender] = {
    "CPR202": add_to_include,
    "CPR211": pin_requirement,
    "CPR218": replace_version,
}
_IN_SETUP: dict[str, Mender] = {"CPR202": add_to_setup}


def fix_findings(report: CheckReport) -> str:
    """Mend the files of a project, each in one step; returns the difference, "" for none.

    A package file is never changed: mend its project and build it again.

    Raises:
        EnvironmentProblem: A file cannot be written; it is as it was.
    """
    if not report.base:
        return ""
    root = Path(report.base)
    settings = settings_file(root)
    texts: dict[Path, str] = {}
    # From the end of a file to its start, so that lines keep their numbers.
    for item in sorted(report.findings, key=lambda item: -item.line):
        places = [
            (root / item.file, _IN_SOURCE),
            (settings, _IN_SETTINGS),
            (root / "setup.py", _IN_SETUP),
        ]
        for path, menders in places:
            if path is not None and item.id in menders and path.is_file():
                old = texts.get(path) or path.read_text(encoding="utf-8")
                texts[path] = menders[item.id](old, item)
    return "".join(_write(path, text, root) for path, text in sorted(texts.items()))


def _write(path: Path, text: str, root: Path) -> str:
    old = path.read_text(encoding="utf-8")
    if text == old:
        return ""
    write_atomically(path, text.encode("utf-8"))
    name = path.relative_to(root).as_posix()
    return _difference(old.splitlines(keepends=True), text.splitlines(keepends=True), name)


def _difference(old: Sequence[str], new: Sequence[str], name: str) -> str:
    return "".join(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}"))
