"""One fault, one finding: drops what only repeats, less well, what another check said."""

from __future__ import annotations

from collections.abc import Iterable

from cpr.findings import Finding

_IMPORT_FAILS = "CPR206"
# A failed import that these explain, at the same line: they say why.
_SAY_WHY = {"CPR118", "CPR120"}
# Told of a line at which the import failed: that it failed says more.
_SAY_LESS = {"CPR115", "CPR121", "CPR122"}
# A module that is hidden by another: what was found in its place is of no interest.
_HIDDEN = {"CPR208", "CPR209"}
_OF_THE_HIDDEN = {"CPR107", "CPR206"}
# Told from the source, and by one of these from what it did.
_SEEN_TO_DO = {
    "CPR112": {"CPR451"},
    "CPR113": {"CPR452", "CPR453"},
    "CPR114": {"CPR444", "CPR445"},
    "CPR115": {"CPR402", "CPR413"},
    "CPR116": {"CPR455"},
}


def without_echoes(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, but for those that another one makes superfluous."""
    found = list(findings)
    ids = {item.id for item in found}
    changes_directory = any(i.id == "CPR115" and i.message.endswith("os.chdir") for i in found)
    why = {_place(item) for item in found if item.id in _SAY_WHY}
    failed = {_place(item) for item in found if item.id == _IMPORT_FAILS}
    failed_files = {item.file for item in found if item.id == _IMPORT_FAILS and item.file}
    return [
        item
        for item in found
        if not (
            (item.id == _IMPORT_FAILS and _place(item) in why)
            or (item.id in _SAY_LESS and _place(item) in failed)
            or (item.id == "CPR205" and item.file in failed_files)
            or (item.id in _OF_THE_HIDDEN and ids & _HIDDEN)
            or ids & _SEEN_TO_DO.get(item.id, set())
            # Nothing is read: the current directory was the model directory, and is gone.
            or (item.id == "CPR455" and not item.file and changes_directory)
        )
    ]


def _place(item: Finding) -> tuple[str, int]:
    return item.file, item.line
