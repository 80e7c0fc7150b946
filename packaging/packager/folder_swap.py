"""Write a folder so that its name never stands for half of it."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cpr.errors import EnvironmentProblem

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


class UnfinishedFolder:
    """A folder under a hidden name beside its target; fill `path`, then `publish`."""

    def __init__(self, target: Path, path: Path) -> None:
        self.target = target
        self.path = path

    def publish(self) -> None:
        """Give the folder its name, in one step also where there is an older one.

        Raises:
            EnvironmentProblem: It cannot be; the older one is whole then.
        """
        try:
            sync(self.path)
            if self.target.is_dir() and not self.target.is_symlink():
                _exchange(self.path, self.target)
            else:
                self.path.rename(self.target)
            sync(self.target.parent)
        except OSError as error:
            raise _unwritable(self.target, error) from error


@contextmanager
def unfinished_folder(target: Path) -> Iterator[UnfinishedFolder]:
    """Make a hidden folder beside `target`; what is under its name at the end is removed.

    That is the unfinished folder, or the older one that it took the place of.
    What killed processes left behind is removed too.

    Raises:
        EnvironmentProblem: It cannot be made.
    """
    prefix = f".{target.name}."
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent, prefix)
        path = target.parent / f"{prefix}{secrets.token_hex(4)}.tmp"
        path.mkdir(mode=0o700)
        held = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        with suppress(OSError):  # a file system without locks; nothing is swept there
            fcntl.flock(held, fcntl.LOCK_EX)
        path.chmod(0o755)
        yield UnfinishedFolder(target, path)
    finally:
        os.close(held)
        shutil.rmtree(path, ignore_errors=True)


def sync(path: Path) -> None:
    """Have the disk hold a file or folder before anything that is done after this."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(parent: Path, prefix: str) -> None:
    """Remove unfinished folders that no living process holds."""
    for path in parent.glob(f"{prefix}*.tmp"):
        if not path.is_dir() or path.is_symlink():
            continue
        with suppress(OSError):  # another process is about to remove it, or to hold it
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
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
    aside = new.with_name(f"{new.name.removesuffix('.tmp')}-old.tmp")
    old.rename(aside)
    new.rename(old)
    aside.rename(new)


def _unwritable(target: Path, error: OSError) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"{target} cannot be written: {error.strerror or error}",
        hint="Free some space, or choose another place with --stage-dir.",
    )
