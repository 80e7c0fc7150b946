"""What is around a source and its export: files beside the one, the place of the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cpr.artifacts.companions import LABEL_FILES, PREPROCESSOR_FILES
from cpr.errors import EnvironmentProblem, UsageError
from cpr.savedmodel.exporting.dispatch import SourceKind, kind_of
from cpr.savedmodel.servable import SourceOptions

_MODELS = (SourceKind.SAVED_MODEL, SourceKind.SAVED_MODEL_V1)
_FULL = ("No space left on device", "Disk quota exceeded")


def look_around(source: Any, options: SourceOptions, target: Path) -> list[str]:
    """What a person should know of the files beside a source: an export has the graph alone.

    Raises:
        UsageError: The export would lie within the SavedModel that it is made of.
        CprError: As `kind_of`.
    """
    if not isinstance(source, (str, os.PathLike)):
        return []
    kind, place = kind_of(source, options)
    if kind in _MODELS and target.resolve().is_relative_to(place.resolve()):
        raise UsageError(
            f"{target} is in {place}, the SavedModel that is exported.",
            hint="Name a directory elsewhere.",
        )
    if kind not in (*_MODELS, SourceKind.KERAS_FILE):
        return []
    folder = place if place.is_dir() else place.parent
    found = [name for name in (*PREPROCESSOR_FILES, *LABEL_FILES) if (folder / name).is_file()]
    if not found:
        return []
    return [
        f"not in the export, but beside the model in {folder}: {', '.join(found)}. Copy what "
        "predictors are to use into the version, beside saved_model.pb."
    ]


@contextmanager
def full_disks_told(tf: Any, target: Path) -> Iterator[None]:
    """Tell of a disk that is full, whether TensorFlow or Python meets it.

    Raises:
        EnvironmentProblem: It is full.
    """
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        reason = next((reason for reason in _FULL if reason in str(error)), None)
        if reason is None:
            raise
        raise EnvironmentProblem(
            f"{target} cannot be written: {reason}.",
            hint="Free some space, or name another place.",
        ) from error
