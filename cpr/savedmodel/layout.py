"""The names that a SavedModel's files have, and the versions of one their directories."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from cpr.errors import LoadError

DEFAULT_SIGNATURE = "serving_default"
"""What a request means that names no signature."""
BINARY, TEXT = "saved_model.pb", "saved_model.pbtxt"
_FOLDERS = ("", "variables", "assets", "assets.extra")


def holds_model(folder: Path) -> bool:
    """Whether a directory is a SavedModel's."""
    return any((folder / name).is_file() for name in (BINARY, TEXT))


def version_number(folder: Path) -> int | None:
    """The number that a directory is named by, None if its name is none."""
    return int(folder.name) if folder.name.isascii() and folder.name.isdigit() else None


def refuse_special_files(folder: Path) -> None:
    """Refuse a SavedModel's directory with pipes, sockets or devices in it.

    Raises:
        LoadError: It has one; the message names it.
    """
    for entry in _entries(folder):
        # What the listing tells already needs no further question.
        if not entry.is_file(follow_symlinks=False):
            refuse_special(Path(entry.path))


def refuse_special(path: Path) -> None:
    """Refuse a pipe, socket or device in place of a file.

    Raises:
        LoadError: The path is one.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # missing, or as good as: whoever needs it tells
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise LoadError(
            f"{path} is no file: to read a pipe or device may never end.",
            hint="Copy the model again, whole; it is made of files only.",
        )


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What lies where a SavedModel has its files; links to directories are followed once."""
    for name in _FOLDERS:
        pending = [folder / name]
        while pending:
            try:
                with os.scandir(pending.pop()) as entries:
                    found = list(entries)
            except OSError:  # it is not there, or whoever needs it tells what is wrong
                continue
            yield from found
            if name:
                pending += [Path(one.path) for one in found if one.is_dir(follow_symlinks=False)]
