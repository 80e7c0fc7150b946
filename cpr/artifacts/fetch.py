"""Brings a model directory to this machine, from wherever it is.

A local path is used where it stands. A URL is read through fsspec into a
temporary directory, which is handed out only once every file is whole.
"""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

from fsspec.callbacks import Callback
from fsspec.core import url_to_fs

from cpr.artifacts.local_path import SINGLE_FILES, local_path
from cpr.errors import CprError, EnvironmentProblem, LoadError
from cpr.extras import import_extra

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and in all; 0 in all means unknown."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
# What fsspec imports for a scheme, and the extra of cpr that installs it.
_EXTRAS = {
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "http": ("aiohttp", "https"),
    "https": ("aiohttp", "https"),
}


class Fetched:
    """A model directory on this machine; a context manager that yields `path`.

    Attributes:
        path: The directory, absolute.
    """

    def __init__(self, path: Path, *, is_temporary: bool) -> None:
        self.path = path
        self._is_temporary = is_temporary

    def close(self) -> None:
        """Remove the directory if it is a downloaded copy; may be called twice."""
        if self._is_temporary:
            shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def fetch(model_dir: str | Path, *, progress: Progress | None = None) -> Fetched:
    """Make a model directory available locally.

    Args:
        model_dir: A local directory, or the URL of a directory (``gs://``,
            ``s3://``, ``file://``, ``memory://``, or any other that fsspec
            can list). HTTP cannot list directories: there the URL is that of
            a model that is one file, such as ``https://host/model.joblib``. A
            path may be that of such a file too.
        progress: Called while files are read from a URL.

    Raises:
        LoadError: There is no such directory, or nothing in it.
        EnvironmentProblem: A library, the network or the permission is missing.
    """
    location = str(model_dir)
    if not _URL.match(location):
        path = local_path(location)
        return _alone(path) if path.is_file() else Fetched(path, is_temporary=False)
    filesystem, root = _open(location)
    target = Path(tempfile.mkdtemp(prefix="cpr-model-"))
    try:
        _download(filesystem, root, location, target, progress or _ignore)
    except BaseException as error:
        shutil.rmtree(target, ignore_errors=True)
        if isinstance(error, CprError) or not isinstance(error, Exception):
            raise
        raise _unreadable(location, error) from error
    return Fetched(target, is_temporary=True)


def is_url(location: str) -> bool:
    """Whether a location is a URL rather than a path."""
    return _URL.match(location) is not None


def fetch_file(url: str, into: Path, *, beside: str = "") -> Path:
    """Copy one file from a URL into a folder, under its own name, and return its path.

    Args:
        url: As for `fetch`, but of a file.
        into: Where it goes.
        beside: The suffix of a second file, such as ``.sig``, copied if it is there.

    Raises:
        LoadError: There is no such file.
        EnvironmentProblem: A library, the network or the permission is missing.
    """
    filesystem, root = _open(url)
    path = into / PurePosixPath(unquote(urlsplit(root).path)).name
    try:
        filesystem.get_file(root, str(path))
        if beside and filesystem.exists(root + beside):
            filesystem.get_file(root + beside, f"{path}{beside}")
    except Exception as error:
        raise _unreadable(url, error) from error
    return path


def list_folder(location: str) -> list[tuple[str, bool]]:
    """The names in a directory, sorted, each with whether it is a directory; of HTTP, none.

    Raises:
        LoadError: There is no such directory.
        EnvironmentProblem: A library, the network or the permission is missing.
    """
    if not is_url(location):
        return sorted((item.name, item.is_dir()) for item in local_path(location).iterdir())
    if urlsplit(location).scheme in ("http", "https"):
        return []
    filesystem, root = _open(location)
    try:
        found = filesystem.ls(root, detail=True, refresh=True)
    except Exception as error:
        raise _unreadable(location, error) from error
    own = root.strip("/")
    return sorted(
        (PurePosixPath(info["name"]).name, info["type"] == "directory")
        for info in found
        if info["name"].strip("/") != own
    )


def _ignore(done: int, total: int) -> None:
    """Report no progress."""


def _unreadable(location: str, error: Exception) -> CprError:
    """Whether nothing is there, or it could not be reached."""
    if isinstance(error, FileNotFoundError):
        # fsspec says "not found" of everything that HTTP refuses; the cause says why.
        cause = error.__cause__
        status = getattr(cause, "status", None)
        if cause is None or isinstance(cause, FileNotFoundError) or status in (404, 410):
            return LoadError(f"There is nothing at {location}.", hint="Check the address.")
        reason = f"HTTP status {status}" if status else f"{type(cause).__name__}: {cause}"
    else:
        reason = f"{type(error).__name__}: {error}"
    return EnvironmentProblem(
        f"{location} cannot be read: {reason}",
        hint="Check the address, the credentials and the network.",
    )


def _alone(path: Path) -> Fetched:
    """A directory that holds one model file, by the name that predictors look for."""
    folder = Path(tempfile.mkdtemp(prefix="cpr-model-"))
    (folder / f"model{path.suffix}").symlink_to(path)
    return Fetched(folder, is_temporary=True)


def _open(location: str) -> tuple[Any, str]:
    """The filesystem of a URL, and the path in it."""
    scheme = location.partition("://")[0].rpartition("::")[2].lower()
    if scheme in _EXTRAS:
        import_extra(*_EXTRAS[scheme])
    try:
        filesystem, root = url_to_fs(location)
    except ImportError as error:
        raise EnvironmentProblem(
            f"{location} needs a library that is not installed: {error}",
            hint="Install it, or copy the model directory here and give its path.",
        ) from error
    except ValueError as error:
        raise LoadError(
            f"{location} cannot be opened: {error}.",
            hint="Known are local paths, gs://, s3://, https://, and what fsspec offers.",
        ) from error
    except Exception as error:
        raise EnvironmentProblem(
            f"{location} cannot be opened: {type(error).__name__}: {error}",
            hint="Check the credentials and the network.",
        ) from error
    return filesystem, root


def _download(filesystem: Any, root: str, location: str, target: Path, progress: Progress) -> None:
    files = _listed(filesystem, root, location)
    total = sum(size for size in files.values() if size)
    done = 0
    progress(0, total)
    for remote, size in files.items():
        path = target / _name_within(remote, root, is_single=len(files) == 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        filesystem.get_file(remote, str(path), callback=_Reporting(progress, done, total))
        written = path.stat().st_size
        if size is not None and written != size:
            raise EnvironmentProblem(
                f"{remote} has {size} bytes, but {written} arrived.", hint="Try again."
            )
        done += written
        progress(done, total)
    logger.info("fetched %d files, %d bytes, from %s", len(files), done, location)


def _listed(filesystem: Any, root: str, location: str) -> dict[str, int | None]:
    """Every file below the root with its size, where that is known."""
    if urlsplit(location).scheme in ("http", "https"):
        suffix = PurePosixPath(urlsplit(location).path).suffix
        if suffix not in SINGLE_FILES:
            raise LoadError(
                f"{location} is not a model file, and HTTP cannot list a directory.",
                hint="Give the URL of a model that is one file, such as model.joblib, model.keras "
                "or model.onnx; or download the directory and give its path.",
            )
        return {root: filesystem.info(root).get("size")}
    found = filesystem.find(root, detail=True)
    files = {
        name: info.get("size")
        for name, info in found.items()
        # Object stores hold empty objects named like directories.
        if info.get("type") != "directory" and not name.endswith("/")
    }
    if not files:
        place = "path" if filesystem.protocol[0] == "file" else "bucket and the path"
        raise LoadError(f"{location} holds no files.", hint=f"Check the {place}.")
    return files


def _name_within(remote: str, root: str, *, is_single: bool) -> PurePosixPath:
    """Where a file goes below the model directory; a lone file becomes ``model.*``."""
    if is_single and remote.rstrip("/") == root.rstrip("/"):
        return PurePosixPath("model" + PurePosixPath(unquote(urlsplit(remote).path)).suffix)
    name = PurePosixPath(remote.removeprefix(root).lstrip("/"))
    if ".." in name.parts or name.is_absolute() or "\\" in str(name):
        raise LoadError(f"{remote!r} would be written outside the model directory; refused.")
    return name


class _Reporting(Callback):  # type: ignore[misc]  # fsspec has no types
    """Adds what is read of one file to what was read before."""

    def __init__(self, progress: Progress, done: int, total: int) -> None:
        super().__init__()
        self._progress = progress
        self._done = done
        self._total = total

    def call(self, *args: Any, **kwargs: Any) -> None:
        """Report; fsspec calls this after each block."""
        self._progress(self._done + self.value, self._total)
