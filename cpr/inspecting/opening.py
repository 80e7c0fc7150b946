"""Finds out what is at a path, and looks at it."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from cpr.artifacts.detect import Kind, detect
from cpr.artifacts.local_path import local_path
from cpr.errors import LoadError
from cpr.inspecting.inspection import Inspection
from cpr.inspecting.saved_model import inspect_saved_model
from cpr.inspecting.unexported import (
    inspect_unexported,
    is_unexported,
    newest_checkpoint,
    refuse_parts,
)
from cpr.savedmodel.layout import BINARY, TEXT, holds_model

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
# Each reads one format, and is imported only for it.
_READERS: dict[Kind, str] = {
    Kind.KERAS: "keras_model",
    Kind.SKLEARN: "pickle_file",
    Kind.XGBOOST: "xgboost_model",
    Kind.ONNX: "onnx_model",
    Kind.LITERT: "litert_model",
}
_SUFFIXES: dict[str, Kind] = {
    ".keras": Kind.KERAS,
    ".h5": Kind.KERAS,
    ".hdf5": Kind.KERAS,
    ".joblib": Kind.SKLEARN,
    ".pkl": Kind.SKLEARN,
    ".pickle": Kind.SKLEARN,
    ".bst": Kind.XGBOOST,
    ".ubj": Kind.XGBOOST,
    ".json": Kind.XGBOOST,
    ".onnx": Kind.ONNX,
    ".tflite": Kind.LITERT,
}


def inspect_model(
    location: str | Path, *, progress: Callable[[int, int], None] | None = None
) -> Inspection:
    """Look at a model: a SavedModel's directory, a model directory, a model file, or a URL.

    No framework is imported, and nothing of the model is run.

    Args:
        location: Where it is.
        progress: Called while a URL is read, with the bytes so far and in all;
            0 in all means unknown.

    Raises:
        LoadError: There is no model, or it is damaged.
        EnvironmentProblem: A library, the network or the permission is missing.
    """
    if not _URL.match(str(location)):
        return _inspect(_existing(location))
    # Start-up time: fsspec is for URLs only.
    from cpr.artifacts.fetch import fetch

    with fetch(location, progress=progress) as folder:
        return _inspect(folder)


def _existing(location: str | Path) -> Path:
    path = Path(location)
    is_file = path.is_file() and (path.name in (BINARY, TEXT) or path.suffix in _SUFFIXES)
    if is_file or path.is_dir() or is_unexported(path):
        return path  # as it was given, for reports
    return local_path(str(location))


def _inspect(path: Path) -> Inspection:
    if path.name in (BINARY, TEXT) and path.is_file():
        return inspect_saved_model(path.parent)
    if path.is_file() and path.suffix in _SUFFIXES:
        return _reader(_SUFFIXES[path.suffix])(path)
    if not path.is_dir():
        return inspect_unexported(path)
    if holds_model(path):
        return inspect_saved_model(path)
    refuse_parts(path)
    try:
        artifact = detect(path, takes_class=False)
    except LoadError as error:
        raise LoadError(error.problem, hint=_hint(path, error.hint)) from error
    if artifact.kind is Kind.TENSORFLOW:
        return inspect_saved_model(artifact.path)
    return _reader(artifact.kind)(artifact.path)


def _hint(folder: Path, hint: str) -> str:
    """What to do about a folder without a model; flags are those of other commands."""
    newest = newest_checkpoint(folder)
    if newest is not None:
        return f"To look at the newest checkpoint: cpr inspect {newest}"
    return "Name the file or directory of the model itself." if "--framework" in hint else hint


def _reader(kind: Kind) -> Callable[[Path], Inspection]:
    # Start-up time: each format has its own.
    module = import_module(f"cpr.inspecting.{_READERS[kind]}")
    reader: Callable[[Path], Inspection] = module.inspect_file
    return reader
