"""Puts compiled files and their record beside the original, in one step."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from cpr.artifacts.compiled import FOLDER, RECORD
from cpr.errors import EnvironmentProblem

_LIBRARIES = (
    "tensorflow", "tensorflow-cpu", "keras", "tf2onnx", "scikit-learn", "skl2onnx", "xgboost",
    "xgboost-cpu", "lightgbm", "onnx", "onnxruntime", "ai-edge-litert",
)  # fmt: skip


def place(made: Path, record: Mapping[str, Any], folder: Path) -> None:
    """Copy compiled files to `folder`, in place of what an earlier run left there.

    Raises:
        EnvironmentProblem: It cannot be written.
    """
    try:
        new = Path(tempfile.mkdtemp(prefix=f".{FOLDER}-", dir=folder.parent))
        new.chmod(0o755)
        for path in made.iterdir():
            shutil.copyfile(path, new / path.name)
        (new / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        remove(folder)
        new.replace(folder)
    except OSError as error:
        raise EnvironmentProblem(
            f"{folder} cannot be written: {error.strerror}.", hint="Check who may write there."
        ) from error


def remove(folder: Path) -> None:
    """Remove what an earlier run wrote, if it did."""
    shutil.rmtree(folder, ignore_errors=True)


def library_versions() -> dict[str, str]:
    """The versions of the libraries that a compiled model may depend on."""
    found = {}
    for name in ("cpr", *_LIBRARIES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
