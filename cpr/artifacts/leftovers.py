"""Which files of a model directory serving needs, told from their names.

What training, versioning and people leave behind stays out. Checkpoints are
left behind only where there is an exported model besides: a routine of
TensorFlow 1 may serve from nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import Enum
from pathlib import PurePosixPath


class Leftover(Enum):
    """Why a file is not needed; the value is what reports call it."""

    VERSION_CONTROL = "version control"
    CACHE = "caches"
    EDITOR = "editor files"
    SYSTEM = "files of an operating system"
    NOTEBOOK = "notebooks"
    EVENTS = "TensorBoard events"
    EVALUATION = "evaluation results"
    CHECKPOINT = "checkpoints"
    TRAINING = "training state"
    GRAPH = "graph.pbtxt"
    DEBUG = "debug information"
    HIDDEN = "hidden files"


_FOLDERS: dict[Leftover, frozenset[str]] = {
    Leftover.VERSION_CONTROL: frozenset({".git", ".hg", ".svn", ".bzr", "CVS", ".dvc"}),
    Leftover.NOTEBOOK: frozenset({".ipynb_checkpoints"}),
    Leftover.CACHE: frozenset(
        {"__pycache__", ".cache", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
    ),
    Leftover.EDITOR: frozenset({".idea", ".vscode", ".vs"}),
    Leftover.SYSTEM: frozenset(
        {"__MACOSX", ".Trashes", ".Spotlight-V100", ".fseventsd", "$RECYCLE.BIN", "lost+found"}
    ),
}
_NAMES: dict[Leftover, re.Pattern[str]] = {
    reason: re.compile(pattern)
    for reason, pattern in {
        Leftover.VERSION_CONTROL: r"\.(git|hg|dvc)(ignore|attributes|modules|keep)|\.gitkeep",
        Leftover.CACHE: r".*\.py[co]",
        Leftover.EDITOR: r".*\.sw[op]|.*~|.*\.(orig|rej)|\.#.*|#.*#|\.editorconfig",
        Leftover.SYSTEM: r"\.DS_Store|[Tt]humbs\.db|ehthumbs\.db|[Dd]esktop\.ini|\._.*|Icon\r",
        Leftover.NOTEBOOK: r".*\.ipynb",
        Leftover.EVENTS: r".*\btfevents\b.*",
        Leftover.TRAINING: r"(optimizer|scheduler|scaler)\.(pt|bin)|rng_state.*\.pth|"
        r"trainer_state\.json|training_args\.bin",
        Leftover.DEBUG: r"saved_model_debug_info\.pb",
        Leftover.HIDDEN: r"\..*",
    }.items()
}
_CHECKPOINT_FOLDER = re.compile(r"checkpoints?|ckpts?|checkpoint-\d+")
_CHECKPOINT = re.compile(r"checkpoint|.*\.ckpt(-\d+)?(\.(index|meta|data-\d+-of-\d+))?")
_SHARD = re.compile(r"(.*)\.data-\d+-of-\d+")
_SHARD_PARTS = re.compile(r"(.*)\.(index|meta|data-\d+-of-\d+)")
_EVALUATION_FOLDER = re.compile(r"eval(_.*|uation)?")
_EXPORTED = re.compile(
    r"saved_model\.pb(txt)?|model\.(joblib|pkl|bst|ubj)|"
    r".*(?<!\.weights)\.(keras|h5|hdf5|onnx|tflite|safetensors|pt|pth)"
)


def leftovers(paths: Collection[str]) -> Mapping[str, Leftover]:
    """The files that serving does not need, with the reason.

    Args:
        paths: Every file, by its path below the model directory, with ``/``.
    """
    found = {path: reason for path in paths if (reason := _always(path))}
    found |= {path: Leftover.EVALUATION for path in _evaluation(paths) if path not in found}
    rest = [path for path in paths if path not in found]
    training = _training(rest)
    if any(_EXPORTED.fullmatch(PurePosixPath(path).name) for path in rest if path not in training):
        found |= training
    return found


def _always(path: str) -> Leftover | None:
    """What no model needs, whatever else there is."""
    *folders, name = path.split("/")
    for reason, names in _FOLDERS.items():
        if names.intersection(folders):
            return reason
    for reason, pattern in _NAMES.items():
        if pattern.fullmatch(name):
            return reason
    return Leftover.HIDDEN if any(folder.startswith(".") for folder in folders) else None


def _evaluation(paths: Collection[str]) -> set[str]:
    """The files in folders that an estimator writes its evaluations to."""
    folders = {
        parent
        for path in paths
        if _NAMES[Leftover.EVENTS].fullmatch(PurePosixPath(path).name)
        for parent in (PurePosixPath(path).parent,)
        if _EVALUATION_FOLDER.fullmatch(parent.name)
    }
    return {path for path in paths if folders.intersection(PurePosixPath(path).parents)}


def _training(paths: Collection[str]) -> dict[str, Leftover]:
    """What only training needs, where there is an exported model."""
    shards = {shard[1] for path in paths if (shard := _SHARD.fullmatch(path))}
    exempt = tuple(
        f"{path.removesuffix(PurePosixPath(path).name)}{folder}/"
        for path in paths
        if PurePosixPath(path).stem == "saved_model"
        for folder in ("variables", "assets", "assets.extra")
    )
    found = {}
    for path in paths:
        *folders, name = path.split("/")
        part = _SHARD_PARTS.fullmatch(path)
        if any(_CHECKPOINT_FOLDER.fullmatch(folder) for folder in folders):
            found[path] = Leftover.CHECKPOINT
        elif path.startswith(exempt):
            continue
        elif name == "graph.pbtxt":
            found[path] = Leftover.GRAPH
        elif _CHECKPOINT.fullmatch(name) or (part and part[1] in shards):
            found[path] = Leftover.CHECKPOINT
    return found
