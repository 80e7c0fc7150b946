"""Puts compiled files and their record beside the original, in one step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cpr.artifacts.compiled import RECORD, write_record
from cpr.errors import EnvironmentProblem
from cpr.publishing import publish, unfinished_folder

_CHECK = "Check who may write there."


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
    check_free(folder)
    with unfinished_folder(folder, hint=_CHECK) as new, _told(folder):
        for path in made.iterdir():
            shutil.copyfile(path, new / path.name)
        write_record(record, new / RECORD)
        check_free(folder)
        publish(new, folder, hint=_CHECK)


def remove(folder: Path) -> None:
    """Remove what an earlier run wrote, if it did: all of it in one step.

    Raises:
        EnvironmentProblem: It cannot be removed.
    """
    check_free(folder)
    if os.path.lexists(folder):
        with unfinished_folder(folder, hint=_CHECK) as grave, _told(folder):
            folder.rename(grave / folder.name)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EnvironmentProblem(
            f"{folder} cannot be written: {error.strerror}.", hint=_CHECK
        ) from error
