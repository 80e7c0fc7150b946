"""What a directory holds in place of a SavedModel, and how to come from that to one."""

from __future__ import annotations

from pathlib import Path

from cpr.artifacts.detect import Artifact, detect
from cpr.artifacts.explain import SESSION_BUNDLE, bundle_advice
from cpr.errors import LoadError
from cpr.savedmodel.layout import BINARY, TEXT

_ARCHIVES = (".keras", ".h5", ".hdf5")
_SHOWN = 6


def no_directory(file: Path) -> LoadError:
    """The error for a file in place of a SavedModel's directory."""
    hint = ""
    if file.name in (BINARY, TEXT):
        hint = f"Name the directory that it is in: {file.parent}"
    elif file.suffix in _ARCHIVES:
        hint = f"Export it first: cpr export-model {file} OUT"
    return LoadError(f"{file} is a file; the directory of a SavedModel is expected.", hint=hint)


def no_saved_model(folder: Path) -> LoadError:
    """The error for a directory that is no SavedModel, by what is there and below."""
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    for model in (path.parent for path in names if path.name in (BINARY, TEXT)):
        return LoadError(
            f"{folder} is no SavedModel: it holds neither {BINARY} nor {TEXT}.",
            hint=f"A SavedModel is in {folder / model}: name the directory of the model itself.",
        )
    checkpoints = [path for path in names if path.suffix in (".index", ".meta")]
    archives = [path for path in names if path.suffix in _ARCHIVES]
    for bundle in (path for path in checkpoints if path.name == SESSION_BUNDLE):
        return LoadError(
            f"{folder} holds {bundle}, a Session Bundle: the export format before SavedModel.",
            hint=bundle_advice(folder / bundle),
        )
    if checkpoints:
        newest = max(checkpoints, key=lambda path: (folder / path).stat().st_mtime).with_suffix("")
        return LoadError(
            f"{folder} holds checkpoints ({newest}), but no exported SavedModel: a checkpoint has "
            "the variables, and neither a serving graph nor signatures.",
            hint="Export one first: an Estimator by export_saved_model(…), a Keras model by "
            "model.export(PATH), a TensorFlow 1 graph from its checkpoint by `cpr export-model`.",
        )
    if archives:
        return LoadError(
            f"{folder} holds {archives[0]}, a Keras archive, and no exported SavedModel.",
            hint=f"Export it: cpr export-model {folder / archives[0]} OUT",
        )
    if (other := _other(folder)) is not None:
        return LoadError(
            f"{folder} holds {other.path.relative_to(folder)} ({other.kind.value}), and no "
            f"SavedModel ({BINARY} or {TEXT}).",
            hint=f"It is served as it is: cpr serve --model-dir {folder}; "
            "`cpr package --model-dir` stages a clean copy of it.",
        )
    there = ", ".join(sorted({path.parts[0] for path in names})[:_SHOWN])
    return LoadError(
        f"{folder} holds no SavedModel ({BINARY} or {TEXT}), but {there or 'nothing'}.",
        hint="Name the directory that the model was exported to, or export one first: "
        "`cpr export-model` takes a checkpoint, a graph or a Keras file.",
    )


def _other(folder: Path) -> Artifact | None:
    """The model of another kind that is served from there."""
    try:
        return detect(folder)
    except LoadError:  # there is none, or which one is meant cannot be told
        return None
