"""Open a package file: check all of it, then hand out its content.

Two kinds are read, as AI Platform took them: source distributions
(``.tar.gz``, ``.tgz``) and wheels (``.whl``). Nothing is written under a name
before everything was checked, nothing is built, and no code of it is run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from cpr.archive.contents import Contents
from cpr.archive.gzip_stream import GzipStream
from cpr.archive.limits import Limits
from cpr.archive.refusal import Refusal
from cpr.archive.seal import split_header
from cpr.archive.tar_stream import tar_entries
from cpr.archive.wheel_file import wheel_entries
from cpr.errors import EnvironmentProblem, LoadError, PackageRefused

Kind = Literal["sdist", "wheel"]

_SUFFIXES: dict[str, Kind] = {".tar.gz": "sdist", ".tgz": "sdist", ".whl": "wheel"}


def is_package_file(path: Path) -> bool:
    """Whether the name is that of a package file; the file need not exist."""
    return path.name.lower().endswith(tuple(_SUFFIXES))


def kind_of(path: Path) -> Kind:
    """The kind of package that a file name stands for.

    Raises:
        LoadError: It is neither a source distribution nor a wheel.
    """
    for suffix, kind in _SUFFIXES.items():
        if path.name.lower().endswith(suffix):
            return kind
    raise LoadError(
        f"{path} is not a package file; expected a name that ends in {', '.join(_SUFFIXES)}."
    )


def extract(archive: Path, into: Path, *, limits: Limits = Limits()) -> Path:  # noqa: B008
    """Check an archive and unpack it into a fresh directory.

    Files get mode 0644 and folders 0755. Nothing is built and nothing is run.

    Returns:
        The import root: the single top folder of a source distribution, or
        `into` itself for a wheel.

    Raises:
        PackageRefused: The archive is damaged, was altered, is too large, or
            holds anything but plain files and folders with safe names.
            Nothing was written then.
        LoadError: There is no such file, or it is not a package by its name.
        UsageError: `into` is not empty.
        EnvironmentProblem: It cannot be read or written; what was written
            before that is removed again.
    """
    with open_archive(archive, limits=limits) as contents:
        return contents.write_to(into)


def open_archive(
    archive: Path,
    *,
    limits: Limits = Limits(),  # noqa: B008
    kind: Kind | None = None,
    label: str = "",
    examine: Callable[[bytes], None] | None = None,
) -> Contents:
    """Read and check a whole archive; see `extract` for what is refused.

    The caller closes the result. `kind` is told from the file name unless
    given; `label` replaces the path in messages. `examine` gets the file's
    bytes before anything else is done with them, and raises to refuse them.
    """
    label = label or str(archive)
    kind = kind or kind_of(archive)
    contents = Contents(limits)
    try:
        data = _read(archive, limits, label)
        if examine is not None:
            examine(data)
        fill = _fill_from_sdist if kind == "sdist" else _fill_from_wheel
        fill(contents, data, limits)
    except Refusal as reason:
        contents.close()
        raise PackageRefused(
            f"the package {label} is refused: {reason}.",
            hint="Get the file again or build it again; nothing of it was unpacked.",
        ) from reason
    except OSError as error:
        contents.close()
        raise EnvironmentProblem(f"{label} cannot be read: {error.strerror or error}") from error
    except BaseException:
        contents.close()
        raise
    return contents


def _read(archive: Path, limits: Limits, label: str) -> bytes:
    if not archive.is_file():
        what = "is a directory" if archive.is_dir() else "is not there"
        raise LoadError(f"the package file {label} {what}.")
    if archive.stat().st_size > limits.total_bytes:
        raise Refusal(f"it is larger than {limits.total_bytes:,} bytes")
    return archive.read_bytes()


def _fill_from_sdist(contents: Contents, data: bytes, limits: Limits) -> None:
    start, is_sealed = split_header(data)
    stream = GzipStream(data, start, limit=limits.total_bytes)
    for entry in tar_entries(stream, limits):
        if entry.is_folder:
            contents.add_folder(entry.name)
        else:
            contents.add_file(entry.name, entry.size, stream.read)
    stream.finish()
    contents.settle_root()
    contents.check_manifest(is_sealed=is_sealed)


def _fill_from_wheel(contents: Contents, data: bytes, limits: Limits) -> None:
    for entry in wheel_entries(data, limits):
        if entry.read is None:
            contents.add_folder(entry.name)
        else:
            contents.add_file(entry.name, entry.size, entry.read)
            if entry.read(1):
                raise Refusal("is longer than it says", member=entry.name)
    contents.check_manifest(is_sealed=False)
