"""Opens an Estimator's directory: the SavedModel that was exported into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cpr.errors import LoadError
from cpr.savedmodel.migrating.saved_model_v1 import open_saved_model_v1
from cpr.savedmodel.servable import Servable, SourceOptions

_FILES = ("saved_model.pb", "saved_model.pbtxt")
# model_dir/export/<exporter>/<number>, or an export_dir_base inside model_dir.
_PLACES = ("*", "export/*", "export/*/*", "*/*")


def open_estimator(tf: Any, source: Path, options: SourceOptions) -> Servable:
    """Open the newest SavedModel that an Estimator exported below its directory.

    Raises:
        LoadError: It holds checkpoints only; the message says what is needed.
    """
    return open_saved_model_v1(tf, exported_model(source), options)


def exported_model(folder: Path) -> Path:
    """The newest SavedModel in an Estimator's directory: the highest number.

    Raises:
        LoadError: There is none.
    """
    found = {
        path
        for place in _PLACES
        for path in folder.glob(place)
        if path.name.isdecimal() and any((path / name).is_file() for name in _FILES)
    }
    if found:
        return max(found, key=lambda path: (int(path.name), str(path)))
    checkpoints = sorted(path.stem for path in folder.glob("*.index"))
    latest = checkpoints[-1] if checkpoints else "model.ckpt-N"
    meta = f"{latest}.meta" if (folder / f"{latest}.meta").is_file() else ""
    other = (
        f"\nOr name tensors of the training graph: the source {folder / meta}, with inputs and "
        "outputs."
        if meta
        else ""
    )
    raise LoadError(
        f"{folder} holds checkpoints of an Estimator ({', '.join(checkpoints) or 'none'}), "
        "but no SavedModel that it exported.",
        hint="A checkpoint has values only. Needed is the function that builds the serving graph, "
        f"with the model function's layers and names: build=…, and the source {folder / latest}."
        f"{other}",
    )
