"""Finds a model directory on this machine, or says what is there instead."""

from __future__ import annotations

from pathlib import Path

from cpr.errors import LoadError, shorten
from cpr.suggest import did_you_mean

SINGLE_FILES = frozenset(
    {".joblib", ".pkl", ".bst", ".ubj", ".json", ".onnx", ".keras", ".h5", ".hdf5", ".tflite"}
)


def local_path(location: str) -> Path:
    """The directory, or the single model file, at a local path; absolute.

    Raises:
        LoadError: It is not there or no model; the message says what is there.
    """
    try:
        return _existing(location)
    except (OSError, RuntimeError) as error:  # too long a name, no permission, an unknown ~user
        reason = getattr(error, "strerror", None) or error
        raise LoadError(
            f"The model directory {shorten(location, 200)} cannot be read: {reason}.",
            hint="Check the path, and that you may read it.",
        ) from error


def _existing(location: str) -> Path:
    path = Path(location).expanduser().absolute()
    if path.is_dir() or (path.is_file() and path.suffix in SINGLE_FILES):
        return path
    if path.exists():
        raise LoadError(
            f"{location} is a file, and no model by its name; a model directory is expected.",
            hint=f"Give the directory that holds it: {path.parent}.",
        )
    nearest = next(parent for parent in path.parents if parent.is_dir())
    lacking = path.relative_to(nearest).parts[0]
    names = sorted(item.name for item in nearest.iterdir() if item.is_dir())
    there = ", ".join(f"{name}/" for name in names[:8]) + (" …" if len(names) > 8 else "")
    raise LoadError(
        f"The model directory {location} does not exist: {nearest} has no {lacking!r}, "
        f"but {there or 'no directories'}.",
        hint=did_you_mean(lacking, names),
    )
