"""Puts compiled files and their record beside the original, in one step."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cpr.artifacts.compiled import FOLDER, RECORD
from cpr.errors import EnvironmentProblem


def check_free(folder: Path) -> None:
    """Refuse to write where something else than an earlier run has written.

    Raises:
        EnvironmentProblem: `folder` is there, and holds no record.
    """
    is_empty = folder.is_dir() and not any(folder.iterdir())
    if os.path.lexists(folder) and not is_empty and not (folder / RECORD).is_file():
        raise EnvironmentProblem(
            f"{folder} is there, and was not written by cpr compile: it has no {RECORD}.",
            hint="Move it elsewhere.",
        )


def place(made: Path, record: Mapping[str, Any], folder: Path) -> None:
    """Copy compiled files to `folder`, in place of what an earlier run left there.

    Raises:
        EnvironmentProblem: It cannot be written; what was there is there still.
    """
    with _beside(folder) as work:
        new = work / "new"
        new.mkdir()
        for path in made.iterdir():
            shutil.copyfile(path, new / path.name)
        (new / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        old = _set_aside(folder, work)
        try:
            new.replace(folder)
        except OSError:
            if old is not None:
                old.replace(folder)
            raise


def remove(folder: Path) -> None:
    """Remove what an earlier run wrote, if it did: all of it in one step.

    Raises:
        EnvironmentProblem: It cannot be removed.
    """
    if os.path.lexists(folder):
        with _beside(folder) as work:
            _set_aside(folder, work)


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A directory on the same disk, which goes with all that is in it."""
    check_free(folder)
    try:
        with tempfile.TemporaryDirectory(
            prefix=f".{FOLDER}-", dir=folder.parent, ignore_cleanup_errors=True
        ) as made:
            yield Path(made)
    except OSError as error:
        raise EnvironmentProblem(
            f"{folder} cannot be written: {error.strerror}.", hint="Check who may write there."
        ) from error


def _set_aside(folder: Path, work: Path) -> Path | None:
    """Move what an earlier run wrote into `work`; None where there is nothing."""
    if not os.path.lexists(folder):
        return None
    check_free(folder)
    return folder.replace(work / "old")
