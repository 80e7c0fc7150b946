"""The record of a compiled model: what it was made from, what it answers, what was proven."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from cpr.artifacts.compiled import SCHEMA, hash_files, used_files
from cpr.compiling.report import Candidate

_LIBRARIES = (
    "tensorflow", "tensorflow-cpu", "keras", "tf2onnx", "scikit-learn", "skl2onnx", "xgboost",
    "xgboost-cpu", "lightgbm", "onnx", "onnxruntime", "ai-edge-litert",
)  # fmt: skip
# What an entry has of the file behind it.
_WRITTEN = ("file", "readers", "writers", "examples", "largest")


def draft(
    runtime: str, kind: str, source: Mapping[str, str], made: Path, model: Mapping[str, Any]
) -> dict[str, Any]:
    """The record of files that were built, before they are compared.

    Args:
        runtime: What runs them.
        kind: The framework of the original.
        source: The hashes of the original's files.
        made: Where the compiled files are.
        model: What the original takes and answers, and which file does so.
    """
    return {
        "schema": SCHEMA,
        "runtime": runtime,
        "source": {"kind": kind, "files": dict(source)},
        "files": hash_files(made),
        "model": dict(model),
        "made": {"libraries": library_versions()},
    }


def finish(
    record: Mapping[str, Any], chosen: Candidate, *, atol: float, rtol: float
) -> dict[str, Any]:
    """The record of a winner: what it leaves to the original has no file any more."""
    model = dict(record["model"])
    if "signatures" in model:
        left = {part.name: part.why_not for part in chosen.left}
        model["signatures"] = {
            name: _without_file(entry, left[name]) if name in left else entry
            for name, entry in model["signatures"].items()
        }
    used = used_files(model)
    return {
        **record,
        "model": model,
        "files": {name: entry for name, entry in record["files"].items() if name in used},
        "compared": {
            "atol": atol,
            "rtol": rtol,
            "values": chosen.compared,
            "labels": chosen.labels,
            "largest_deviation": chosen.deviation,
        },
        "figures": chosen.to_json()["figures"],
    }


def size_bytes(record: Mapping[str, Any]) -> int:
    """What the files of a record take."""
    return sum(int(entry["size"]) for entry in record["files"].values())


def library_versions() -> dict[str, str]:
    """The versions of the libraries that a compiled model may depend on."""
    found = {}
    for name in ("cpr", *_LIBRARIES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _without_file(entry: Mapping[str, Any], why_not: str) -> dict[str, Any]:
    kept = {key: value for key, value in entry.items() if key not in _WRITTEN}
    return {**kept, "why_not": why_not}
