"""What a directory without a usable model holds, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from cpr.errors import LoadError

SESSION_BUNDLE = "export.meta"
"""The file of the export format before SavedModel that holds the graph."""
# The first pattern that matches a file names it.
_KNOWN: tuple[tuple[str, str], ...] = (
    (SESSION_BUNDLE, "TensorFlow Session Bundle, the export format before SavedModel"),
    ("*.ckpt*", "TensorFlow checkpoint"),
    ("checkpoint", "TensorFlow checkpoint"),
    ("*.weights.h5", "Keras weights without their model"),
    ("graph.pbtxt", "TensorFlow graph without weights"),
    ("*.pb", "TensorFlow graph, not a SavedModel"),
    ("*.pt", "PyTorch"),
    ("*.pth", "PyTorch"),
    ("*.mar", "TorchServe archive"),
    ("*.safetensors", "safetensors weights"),
    ("pytorch_model.bin", "PyTorch weights"),
    ("*.cbm", "CatBoost"),
    ("*.lgb", "LightGBM"),
    ("*.pmml", "PMML"),
    ("*.rds", "R"),
    ("*.mlmodel", "Core ML"),
    ("model.json", "JSON, but not an XGBoost model"),
    ("preprocessor.*", "preprocessor"),
    ("labels.txt", "labels"),
    ("classes.json", "labels"),
    ("*.joblib", "pickle"),
    ("*.pkl", "pickle"),
    ("*.pickle", "pickle"),
    ("*.bst", "XGBoost"),
    ("*.ubj", "XGBoost"),
    ("*.tar.gz", "archive"),
    ("*.zip", "archive"),
)
_LISTED = 8


def explain_missing(
    folder: Path,
    looked_for: Iterable[str],
    *,
    others: Sequence[str],
    deeper: Path | None,
    takes_class: bool,
) -> LoadError:
    """The error for a directory in which no model was found.

    Args:
        folder: The directory, which exists.
        looked_for: File names and patterns that would have been a model.
        others: Models in it of a kind that was not asked for.
        deeper: The nearest directory below that holds a model.
        takes_class: Whether who asks can be told a class that loads the files.
    """
    names = _listing(folder)
    there = ", ".join(names[:_LISTED]) if names else "nothing"
    if len(names) > _LISTED:
        there += f" and {len(names) - _LISTED} more"
    problem = (
        f"No model was found in {folder}: looked for {', '.join(looked_for)}; it holds {there}."
    )
    return LoadError(problem, hint=_advice(folder, others, deeper, takes_class=takes_class))


def bundle_advice(graph: Path) -> str:
    """What to do about a Session Bundle whose graph is in this file."""
    return (
        f"Make a SavedModel of it: cpr export-model {graph} OUT --input NAME=TENSOR "
        f"--output NAME=TENSOR; `cpr inspect {graph}` shows its graph."
    )


def _listing(folder: Path) -> list[str]:
    """Visible entries, those of one known meaning together and first."""
    known: dict[str, list[str]] = {}
    plain: list[str] = []
    for path in _visible(folder):
        if path.is_file() and (meaning := _meaning(path.name)):
            known.setdefault(meaning, []).append(path.name)
        else:
            plain.append(f"{path.name}/" if path.is_dir() else path.name)
    return [_folded(names, meaning) for meaning, names in known.items()] + plain


def _folded(names: list[str], meaning: str) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more} ({meaning})"


def _visible(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))


def _meaning(name: str) -> str:
    return next((meaning for pattern, meaning in _KNOWN if fnmatchcase(name, pattern)), "")


def _advice(folder: Path, others: Sequence[str], deeper: Path | None, *, takes_class: bool) -> str:
    if others:
        return f"It holds {', '.join(others)}: leave --framework away, or name that one."
    if deeper is not None:
        return f"A model is in {deeper}: give the directory of the model itself."
    meanings = {path.name: _meaning(path.name) for path in _visible(folder) if path.is_file()}
    if SESSION_BUNDLE in meanings:
        return bundle_advice(folder / SESSION_BUNDLE)
    if "TensorFlow checkpoint" in meanings.values():
        own_class = ", or name your own class with --prediction-class" if takes_class else ""
        return (
            "Export it as a SavedModel (tf.saved_model.save, or for a checkpoint of TensorFlow 1 "
            f"`cpr export-model`){own_class}."
        )
    for name, meaning in meanings.items():
        suffix = Path(name).suffix
        if meaning in ("pickle", "XGBoost") and suffix in (".joblib", ".pkl", ".bst", ".ubj"):
            own_class = "; if your own class loads it, name the class with --prediction-class"
            return (
                f"If {name} is the model, name it model{suffix}{own_class if takes_class else ''}."
            )
    if not meanings and not any(_visible(folder)):
        return "The directory is empty: was the model written or copied somewhere else?"
    if takes_class:
        return "Name the class that loads these files with --prediction-class MODULE.CLASS."
    return "Name the file or directory of the model itself."
