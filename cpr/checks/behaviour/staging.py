"""A place for a routine to run in: a copy of its model directory, and an empty folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Above this the files are linked to: a check must not fill the disk.
_COPIED_BYTES = 500_000_000

Listing = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Stage:
    """The model directory that a process is given, and its current directory."""

    model_dir: Path
    folder: Path
    before: Listing
    original: Path | None = None

    def told(self, text: bytes) -> bytes:
        """A text with the model directory's own path in place of the copy's."""
        original = str(self.original or "the model directory")
        return text.replace(str(self.model_dir).encode(), original.encode())

    def written(self) -> list[str]:
        """The files of the model directory that are new, altered or gone."""
        after = _listing(self.model_dir)
        names = sorted(self.before.keys() | after.keys())
        return [name for name in names if self.before.get(name) != after.get(name)]

    def left(self) -> list[str]:
        """The files in the current directory, which was empty."""
        return sorted(_listing(self.folder))

    def remove_model(self) -> None:
        """Take the model directory away, as a platform may once it is loaded."""
        shutil.rmtree(self.model_dir)

    def protect(self, *, is_read_only: bool) -> None:
        """Refuse or allow writing into the model directory; root may write all the same."""
        for folder, _, _ in os.walk(self.model_dir):
            os.chmod(folder, 0o555 if is_read_only else 0o755)  # noqa: PTH101 - as os.walk


def stage(model_dir: Path | None, into: Path) -> Stage:
    """Copy a model directory into a new folder under `into`; None is an empty one."""
    place = Path(tempfile.mkdtemp(dir=into))
    copy, folder = place / (model_dir.name if model_dir else "model"), place / "current-directory"
    folder.mkdir()
    if model_dir is None:
        copy.mkdir()
    else:
        is_large = sum(size for size, _ in _listing(model_dir).values()) > _COPIED_BYTES
        shutil.copytree(
            model_dir,
            copy,
            copy_function=os.symlink if is_large else shutil.copy2,
            ignore_dangling_symlinks=True,
        )
    return Stage(copy, folder, _listing(copy), model_dir)


def _listing(folder: Path) -> Listing:
    """Size and time of every file; compiled modules are Python's own doing."""
    found: Listing = {}
    for path in folder.rglob("*"):
        if "__pycache__" in path.parts or not (path.is_file() or path.is_symlink()):
            continue
        status = path.lstat()
        found[path.relative_to(folder).as_posix()] = (status.st_size, status.st_mtime_ns)
    return found
