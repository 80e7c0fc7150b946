"""Finds the SavedModel to deploy in a training directory, or says what is there instead."""

from __future__ import annotations

from pathlib import Path

from cpr.errors import LoadError
from cpr.savedmodel.exports import Exports, find_exports
from cpr.savedmodel.layout import BINARY, TEXT

_BUNDLE = "export.meta"
_ARCHIVES = (".keras", ".h5", ".hdf5")


def find_export(source: Path, version: int | None = None) -> Exports:
    """The SavedModel to deploy, as `find_exports` chooses it.

    Raises:
        LoadError: There is none; the message says what is there, and what to do.
        UsageError: There are several, and which is meant cannot be told; or
            `version` is none of them.
    """
    if not source.is_dir():
        what = "is a file" if source.exists() else "does not exist"
        raise LoadError(f"{source} {what}; a directory is expected.", hint="Check the path.")
    found = find_exports(source, version)
    if found is None:
        raise _nothing(source)
    return found


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
