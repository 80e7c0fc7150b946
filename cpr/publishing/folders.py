"""Write a folder so that its name never stands for half of it."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cpr.errors import EnvironmentProblem
from cpr.publishing.files import ANOTHER_PLACE

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}


@contextmanager
def unfinished_folder(
    target: Path, *, within: Path | None = None, hint: str = ANOTHER_PLACE
) -> Iterator[Path]:
    """Make a hidden empty folder beside `target`, and remove what it is at the end.

    Fill it, or a folder in it, and `publish` that. What killed processes left
    behind for the same target is removed too.

    Args:
        target: What is to be written.
        within: Where the hidden folder is instead.
        hint: What to do where it cannot be made.

    Raises:
        EnvironmentProblem: It cannot be made.
    """
    parent = within or target.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent, target.name)
        path, held = _make(parent, target.name)
    except OSError as error:
        raise _unwritable(target, error, hint) from error
    try:
        yield path
    finally:
        os.close(held)
        if path.is_symlink():  # it took the place of a link
            path.unlink()
        shutil.rmtree(path, ignore_errors=True)


def publish(made: Path, target: Path, *, hint: str = ANOTHER_PLACE) -> None:
    """Give a folder its name, in one step also where there is an older one.

    The older folder gets the name of the new one in exchange.

    Raises:
        EnvironmentProblem: It cannot be; the older one is whole then.
    """
    try:
        _sync_all(made)
        if target.is_dir():
            _exchange(made, target)
        else:
            made.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise _unwritable(target, error, hint) from error


def publish_new(made: Path, target: Path, *, hint: str = ANOTHER_PLACE) -> None:
    """Give a folder a name that is free, or the one of an empty folder, in one step.

    Raises:
        FileExistsError: There is something; it is untouched.
        EnvironmentProblem: It cannot be for another reason.
    """
    try:
        _sync_all(made)
        made.rename(target)
        _sync(target.parent)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR) and os.path.lexists(
            target
        ):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        raise _unwritable(target, error, hint) from error


def _make(parent: Path, name: str) -> tuple[Path, int]:
    """A new hidden folder, and a descriptor that holds it against being swept."""
    while True:
        path = parent / f".{name}.{secrets.token_hex(4)}.tmp"
        path.mkdir()
        try:
            held = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # another process took it for one that nobody holds
        with suppress(OSError):  # a file system without locks; nothing is swept there
            fcntl.flock(held, fcntl.LOCK_EX)
        if path.exists():
            return path, held
        os.close(held)


def _sweep(parent: Path, name: str) -> None:
    """Remove unfinished folders that no living process holds; put back what was moved away."""
    named = re.compile(re.escape(f".{name}.") + r"[0-9a-f]{8}\.(tmp|old)")
    for path in parent.iterdir():
        if not named.fullmatch(path.name) or path.is_symlink() or not path.is_dir():
            continue
        with suppress(OSError):  # another process is about to remove it, or to hold it
            if path.suffix == ".old" and not os.path.lexists(parent / name):
                path.rename(parent / name)
                continue
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(descriptor)


def _sync_all(folder: Path) -> None:
    """Have the disk hold all of a folder before anything that is done after this."""
    for top, _, names in os.walk(folder, topdown=False):
        for path in (Path(top, name) for name in names):
            if path.is_file():
                _sync(path)
        _sync(Path(top))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(new: Path, old: Path) -> None:
    """Swap two names; where the system cannot, the old one is moved away first."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is not None:
        arguments = (_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old))
        if rename(*arguments, _RENAME_EXCHANGE) == 0:
            return
        number = ctypes.get_errno()
        if number not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise OSError(number, os.strerror(number), str(old))
    # Not the name of an unfinished one: the next run puts it back if this one is killed here.
    aside = old.with_name(f".{old.name}.{secrets.token_hex(4)}.old")
    old.rename(aside)
    try:
        new.rename(old)
    except BaseException:
        aside.rename(old)
        raise
    with suppress(FileNotFoundError):  # another process has removed it
        aside.rename(new)


def _unwritable(target: Path, error: OSError, hint: str) -> EnvironmentProblem:
    return EnvironmentProblem(f"{target} cannot be written: {error.strerror or error}", hint=hint)
