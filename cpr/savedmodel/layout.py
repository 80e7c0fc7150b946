"""The names that a SavedModel's files have, and the versions of one their directories."""

from __future__ import annotations

from pathlib import Path

BINARY, TEXT = "saved_model.pb", "saved_model.pbtxt"


def holds_model(folder: Path) -> bool:
    """Whether a directory is a SavedModel's."""
    return any((folder / name).is_file() for name in (BINARY, TEXT))


def version_number(folder: Path) -> int | None:
    """The number that a directory is named by, None if its name is none."""
    return int(folder.name) if folder.name.isascii() and folder.name.isdigit() else None
