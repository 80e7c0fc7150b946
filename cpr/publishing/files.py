"""Write a file so that its name never stands for half of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cpr.errors import EnvironmentProblem

ANOTHER_PLACE = "Free some space, or name another place."


def write_atomically(
    target: Path,
    data: bytes,
    *,
    check: Callable[[Path], object] = lambda _: None,
    hint: str = ANOTHER_PLACE,
) -> None:
    """Write `data`, let `check` read it back, and only then give it its name.

    While it is written the file has no name at all, where the file system
    allows that, so that even a killed process leaves nothing behind. An old
    file of the same name stays whole until it is replaced in one step.

    Args:
        target: The file to make; its folder is made too.
        data: All of its content.
        check: Reads the written file; what it raises prevents the file.
        hint: What to do where it cannot be written.

    Raises:
        EnvironmentProblem: It cannot be written; nothing is left then.
    """
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(_open_unnamed(temporary), "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~_umask())
            os.fsync(file.fileno())
            is_named = temporary.exists()
            written = temporary if is_named else Path(f"/proc/self/fd/{file.fileno()}")
            check(written)
            if not is_named:
                _link(written, temporary)
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise EnvironmentProblem(
            f"{target} cannot be written: {error.strerror or error}",
            hint=_in_the_way(target) or hint,
        ) from error
    finally:
        with suppress(OSError):  # whatever kept it from being made; the error itself is on its way
            temporary.unlink()


def _in_the_way(target: Path) -> str:
    """Which file stands where a folder of the target is needed."""
    file = next((parent for parent in target.parents if parent.is_file()), None)
    return f"{file} is a file; a folder is needed there." if file else ""


def _open_unnamed(temporary: Path) -> int:
    """A file in the target's folder, without a name; with one where that cannot be."""
    unnamed = getattr(os, "O_TMPFILE", 0)
    if unnamed and Path("/proc/self/fd").is_dir():
        with suppress(OSError):
            return os.open(temporary.parent, os.O_RDWR | os.O_CLOEXEC | unnamed, 0o600)
    return os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _link(unnamed: Path, name: Path) -> None:
    """Give a file without a name its first one."""
    folder = os.open(name.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Only with a dir_fd does CPython call linkat, which follows /proc's link.
        os.link(unnamed, name.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
