"""The files of a training directory: which go along with the model, which stay behind."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from cpr.artifacts.companions import LABEL_FILES, PREPROCESSOR_FILES
from cpr.artifacts.leftovers import Leftover, leftovers
from cpr.errors import EnvironmentProblem, LoadError, UsageError, shorten
from cpr.savedmodel.cleaning.cleaned import Removed
from cpr.savedmodel.meta_graph import find_asset, leads_out

# What the ready-made predictors and AI Explanations read beside a SavedModel.
_COMPANIONS = {*PREPROCESSOR_FILES, *LABEL_FILES, "explanation_metadata.json"}
_EXTRA = "assets.extra"
_COMPILED = "compiled"
_KERAS = {"keras_metadata.pb", "fingerprint.pb"}


def files_below(folder: Path) -> dict[str, Path]:
    """Every file below a folder, by its path with ``/``; none if it is not there.

    Links to folders are not followed.

    Raises:
        EnvironmentProblem: A folder cannot be listed.
    """

    def fail(error: OSError) -> None:
        raise EnvironmentProblem(f"{error.filename} cannot be listed: {error.strerror}") from error

    found = {}
    for top, _, names in os.walk(folder, onerror=fail) if folder.is_dir() else ():
        for name in names:
            path = Path(top, name)
            found[path.relative_to(folder).as_posix()] = path
    return dict(sorted(found.items()))


def chosen_files(
    source: Path, export: Path, assets: Collection[str], keep: Sequence[str]
) -> dict[str, Path]:
    """The files that go along with graph and variables, by their paths in the copy.

    Args:
        source: The training directory.
        export: The SavedModel in it.
        assets: The names in ``assets/`` that the graphs read.
        keep: Glob patterns of further files, below `source`.

    Raises:
        LoadError: An asset is missing, or a name or link leads out of the directory.
        UsageError: A pattern names no file.
    """
    found = {f"assets/{name}": _asset(export, name) for name in assets}
    for folder in dict.fromkeys((source, export)):
        found |= {name: folder / name for name in _COMPANIONS if (folder / name).is_file()}
    extra = export / _EXTRA
    found |= {f"{_EXTRA}/{name}": path for name, path in files_below(extra).items()}
    below = files_below(source) if keep else {}
    for pattern in keep:
        matching = [name for name in below if fnmatchcase(name, pattern)]
        if not matching:
            raise UsageError(
                f"the pattern {pattern!r} of files to keep names none in {source}.",
                hint="Patterns start at that directory, and * crosses folders.",
            )
        for name in matching:
            found[_place(name, source, export)] = below[name]
    for path in found.values():
        # Unlike `Path.resolve`, it bears links that lead back to themselves.
        if not Path(os.path.realpath(path)).is_relative_to(source.resolve()):
            raise LoadError(
                f"{path} is a link that leads out of {source}.",
                hint="Put the file itself there if it belongs to the model.",
            )
    return dict(sorted(found.items()))


def left_behind(
    source: Path, export: Path, exports: Sequence[Path], taken: Collection[Path]
) -> Iterator[Removed]:
    """The files that stay behind, by kind.

    Args:
        source: The training directory.
        export: The SavedModel that was taken.
        exports: All SavedModels in it.
        taken: The files that went along or were written anew.
    """
    files = {name: path for name, path in files_below(source).items() if path not in taken}
    reasons = leftovers(list(files_below(source)))
    groups: dict[str, list[str]] = {}
    for name, path in files.items():
        groups.setdefault(_kind(name, path, export, exports, reasons), []).append(name)
    for what, names in groups.items():
        size = sum(_size(files[name]) for name in names)
        yield Removed(what, len(names), size, tuple(names))


def _kind(
    name: str,
    path: Path,
    export: Path,
    exports: Sequence[Path],
    reasons: Mapping[str, Leftover],
) -> str:
    if path.is_relative_to(export):
        inner = path.relative_to(export)
        if inner.parts[0] == "assets":
            return "assets that no kept graph reads"
        if inner.parts[0] == _COMPILED:
            return "compiled models"
        if inner.name in _KERAS:
            return "metadata of Keras, fingerprint"
    elif any(path.is_relative_to(other) for other in exports):
        return "other exports"
    return reasons[name].value if name in reasons else "other files"


def _asset(export: Path, name: str) -> Path:
    path = export / "assets" / name
    if leads_out(name) or not Path(os.path.realpath(path)).is_relative_to(export.resolve()):
        raise LoadError(
            f"{export}: the asset {shorten(name)} leads out of the model's directory.",
            hint="Use models from sources that you trust only; export this one again.",
        )
    if find_asset(export, name) is None:
        raise LoadError(
            f"{export}: the asset {shorten(name)} is missing, which the graph reads.",
            hint="Copy the model again, with its folder assets/.",
        )
    return path


def _place(name: str, source: Path, export: Path) -> str:
    """Where a kept file goes: beside the graph if it lies there, else where it lies below."""
    prefix = export.relative_to(source).as_posix()
    return name.removeprefix(f"{prefix}/") if prefix != "." else name


def _size(path: Path) -> int:
    return path.lstat().st_size
