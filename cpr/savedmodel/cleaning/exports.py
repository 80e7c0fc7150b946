"""Finds the SavedModels in a training directory, and the one to deploy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from cpr.errors import LoadError, UsageError
from cpr.savedmodel.layout import BINARY, TEXT, version_number

# What a training directory holds exports of: model_dir/export/best/1700000000/saved_model.pb.
_DEPTH = 5
_BUNDLE = "export.meta"
_ARCHIVES = (".keras", ".h5", ".hdf5")


def find_export(source: Path, version: int | None = None) -> tuple[Path, list[Path]]:
    """The SavedModel to deploy, and all that there are.

    A directory that is a SavedModel is taken itself. Else those below it are
    looked for; of numbered ones, as exporters write them, the highest is the
    latest and taken.

    Args:
        source: A directory.
        version: The number of the one to take.

    Raises:
        LoadError: There is none; the message says what is there, and what to do.
        UsageError: There are several, and which is meant cannot be told; or
            `version` is none of them.
    """
    if not source.is_dir():
        what = "is a file" if source.exists() else "does not exist"
        raise LoadError(f"{source} {what}; a directory is expected.", hint="Check the path.")
    found = list(_exports(source))
    if not found:
        raise _nothing(source)
    if found == [source] or source in found:
        if version is not None and str(version) != source.name:
            raise UsageError(
                f"{source} is a SavedModel itself, and none of several versions.",
                hint="Leave --version out, or name the directory above.",
            )
        return source, found
    wanted = [path for path in found if version is None or version_number(path) == version]
    if not wanted:
        listed = ", ".join(str(path.relative_to(source)) for path in found)
        raise UsageError(f"{source} has no export {version}; it has {listed}.")
    parents = {path.parent if version_number(path) is not None else path for path in wanted}
    if len(parents) > 1:
        listed = ", ".join(sorted(str(path.relative_to(source)) for path in wanted))
        raise UsageError(
            f"{source} has exports in {len(parents)} places: {listed}.",
            hint="Name the directory of the one to deploy in place of "
            f"{source}, such as {min(wanted)}.",
        )
    return max(wanted, key=lambda path: version_number(path) or 0), found


def _exports(source: Path) -> Iterator[Path]:
    for top, folders, files in os.walk(source):
        here = Path(top)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if BINARY in files or TEXT in files:
            folders.clear()
            yield here
        elif len(here.relative_to(source).parts) >= _DEPTH:
            folders.clear()


def _nothing(source: Path) -> LoadError:
    """What there is instead of an export, and how to come from that to one."""
    names = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    checkpoints = [path for path in names if path.suffix == ".index" or path.suffix == ".meta"]
    archives = [path for path in names if path.suffix in _ARCHIVES]
    if any(path.name == _BUNDLE for path in checkpoints):
        return LoadError(
            f"{source} holds {_BUNDLE}, a Session Bundle: the export format before SavedModel.",
            hint="Export the model from its training code again, or its graph and checkpoint by "
            "`cpr export-model`.",
        )
    if checkpoints:
        newest = max(checkpoints, key=lambda path: (source / path).stat().st_mtime).with_suffix("")
        return LoadError(
            f"{source} holds checkpoints ({newest}), but no exported SavedModel: a checkpoint has "
            "the variables, and neither a serving graph nor signatures.",
            hint="Export one first: an Estimator by export_saved_model(…), a Keras model by "
            "model.export(PATH), a TensorFlow 1 graph from its checkpoint by `cpr export-model`. "
            "Then clean again.",
        )
    if archives:
        return LoadError(
            f"{source} holds {archives[0]}, a Keras archive, and no exported SavedModel.",
            hint=f"Export it: cpr export-model {source / archives[0]} OUT",
        )
    there = ", ".join(sorted({path.parts[0] for path in names})[:6])
    return LoadError(
        f"{source} holds no SavedModel ({BINARY} or {TEXT}), but {there or 'nothing'}.",
        hint="Name the directory that the model was exported to, or export one first; "
        "`cpr package --model-dir` stages a clean copy of models of other kinds.",
    )
