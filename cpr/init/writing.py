"""Puts a finished project where it belongs: never half of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cpr.errors import EnvironmentProblem, UsageError


@contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """A hidden folder on the target's file system; gone at the end, whatever happens.

    Raises:
        EnvironmentProblem: It cannot be made.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        Path(folder).chmod(0o755)
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def refuse_what_is_there(target: Path, *, force: bool) -> None:
    """Refuse a target that is a file, or a directory with something in it.

    Raises:
        UsageError: It is; with `force` only a file is refused.
    """
    if target.is_dir():
        names = sorted(item.name for item in target.iterdir())
        if names and not force:
            shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
            raise UsageError(
                f"{target} is not empty: it holds {shown}.",
                hint="Name another directory, or give --force: files of the same name are "
                "replaced, others stay.",
            )
    elif target.exists() or target.is_symlink():
        raise UsageError(f"{target} is a file.", hint="Name a directory that does not exist yet.")


def publish(folder: Path, target: Path) -> None:
    """Give a finished folder its name; into a directory that exists, move file by file.

    The directory itself is kept then: a shell may stand in it.

    Raises:
        EnvironmentProblem: It cannot be done.
    """
    try:
        if not target.is_dir():
            folder.rename(target)
            return
        for source in sorted(path for path in folder.rglob("*") if path.is_file()):
            place = target / source.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            source.replace(place)
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"{target} cannot be written: {error.strerror or error}",
        hint="Check the path and its permissions, or name another directory.",
    )
