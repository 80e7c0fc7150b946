"""What may stand beside a model: a pickled preprocessor, and class names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cpr.artifacts.detect import model_folder
from cpr.artifacts.pickles import load_pickle
from cpr.config import PredictorSettings
from cpr.errors import BadInput, CprError, LoadError, PredictionFailed, shorten
from cpr.suggest import did_you_mean

PREPROCESSOR_FILES = ("preprocessor.joblib", "preprocessor.pkl")
LABEL_FILES = ("labels.txt", "classes.json")


@dataclass(frozen=True)
class Preprocessor:
    """A pickled object that turns instances into what the model takes.

    Calling it raises `BadInput` where the object raises ValueError, as
    scikit-learn does for values it cannot use, and `PredictionFailed` for
    anything else.

    Attributes:
        source: The file it came from.
        target: The unpickled object.
        apply: The method of `target`, or itself, that is called.
    """

    source: Path
    target: Any
    apply: Callable[[Any], Any]

    def __call__(self, instances: Any) -> Any:
        """Apply it to a list, an array or a DataFrame of at least one instance."""
        try:
            return self.apply(instances)
        except CprError:
            raise
        except ValueError as error:
            raise BadInput(
                f"{self.source.name} refused the instances: {first_line(error)}"
            ) from error
        except Exception as error:
            raise PredictionFailed(
                f"{self.source.name} failed: {type(error).__name__}: {error}"
            ) from error


def first_line(error: Exception) -> str:
    """The first line of an error: scikit-learn goes on to advise the trainer."""
    return str(error).partition("\n")[0]


def load_preprocessor(model_dir: Path, settings: PredictorSettings) -> Preprocessor | None:
    """Load the preprocessor that the settings name or that stands beside the model.

    An object with `preprocess` is called so, as in AI Platform's tutorial;
    else one with `transform` (scikit-learn); else the object itself.

    Raises:
        LoadError: The named file is missing, several could be meant, the file
            cannot be unpickled, or the object cannot be called.
    """
    path = _companion(model_dir, "preprocessor", settings.preprocessor, PREPROCESSOR_FILES)
    if path is None:
        return None
    target = load_pickle(path, settings)
    for method in ("preprocess", "transform", "__call__"):
        apply = getattr(target, method, None)
        if callable(apply) and not isinstance(target, type):
            return Preprocessor(path, target, apply)
    raise LoadError(
        f"{path} holds {shorten(target)}, which cannot preprocess: it has neither "
        "preprocess(instances) nor transform(instances), and is not callable.",
        hint="Pickle the fitted transformer or preprocessor object itself.",
    )


def load_labels(model_dir: Path, settings: PredictorSettings) -> list[str] | None:
    """Load class names: ``labels.txt``, one a line, or ``classes.json``, a list.

    Raises:
        LoadError: The named file is missing, both files are there, or the
            content is not a list of names.
    """
    path = _companion(model_dir, "labels", settings.labels, LABEL_FILES)
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise LoadError(f"{path} is not UTF-8 text: {error}") from error
    labels = _from_json(path, text) if path.suffix == ".json" else _from_lines(path, text)
    if not labels:
        raise LoadError(f"{path} names no class.", hint="Write the class names, or remove it.")
    return labels


def label_predictions(predictions: Any, labels: list[str]) -> Any:
    """Replace classes by their names.

    Arrays whose last dimension is the number of labels are scores, of which
    the highest is named; other arrays of integers are class numbers. Anything
    else is returned as it is.

    Raises:
        PredictionFailed: A class number has no name.
    """
    if not isinstance(predictions, np.ndarray):
        return predictions
    names = np.array(labels, dtype=object)
    if predictions.ndim > 1 and predictions.shape[-1] == len(labels) > 1:
        return names[predictions.argmax(axis=-1)].tolist()
    if predictions.dtype.kind == "b":
        predictions = predictions.astype(np.intp)
    if predictions.dtype.kind not in "iu":
        return predictions
    wrong = predictions[(predictions < 0) | (predictions >= len(labels))]
    if wrong.size:
        raise PredictionFailed(
            f"The model predicted class {wrong.flat[0]}, but there are {len(labels)} labels.",
            hint="Correct labels.txt or classes.json: it must name every class.",
        )
    return names[predictions].tolist()


def _companion(model_dir: Path, key: str, named: str, usual: tuple[str, ...]) -> Path | None:
    """The file a setting names, or the usual one if it is there."""
    # Labels for all versions may lie beside the numbered directories.
    beside = [model_dir.parent] if model_dir.name.isdigit() else []
    folders = list(dict.fromkeys((model_folder(model_dir), model_dir, *beside)))
    if named:
        for folder in folders:
            if (folder / named).is_file():
                return folder / named
        known = [path.name for folder in folders for path in folder.iterdir() if path.is_file()]
        raise LoadError(
            f"The setting predictor.{key} names {named!r}, which is not in {model_dir}.",
            hint=did_you_mean(named, known),
        )
    for folder in folders:
        there = [folder / name for name in usual if (folder / name).is_file()]
        if len(there) > 1:
            raise LoadError(
                f"{folder} holds {there[0].name} and {there[1].name}; one of them is expected.",
                hint=f"Remove one, or name one with the setting predictor.{key}.",
            )
        if there:
            return there[0]
    return None


def _from_lines(path: Path, text: str) -> list[str]:
    labels = [line.strip() for line in text.rstrip().splitlines()]
    if "" in labels:
        raise LoadError(
            f"{path}, line {labels.index('') + 1} is empty: each line names a class.",
            hint="Remove the empty line, or write the name of its class.",
        )
    return labels


def _from_json(path: Path, text: str) -> list[str]:
    try:
        labels = json.loads(text)
    except ValueError as error:
        raise LoadError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise LoadError(
            f'{path} holds {shorten(labels)}; expected a list of names such as ["cat", "dog"].'
        )
    return labels
