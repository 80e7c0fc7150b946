"""Which kind of model a model directory holds, told from its files alone.

The names are those of AI Platform's library (``saved_model.pb``,
``model.joblib``, ``model.pkl``, ``model.bst``) and of the formats that came
later. A file named ``model.*`` wins over one with a name of its own, which is
taken only when it is the sole one. No framework is imported to decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from cpr.artifacts.explain import explain_missing
from cpr.errors import LoadError, UsageError
from cpr.suggest import did_you_mean


class Kind(Enum):
    """A kind of model that a ready-made predictor serves."""

    TENSORFLOW = "tensorflow"
    KERAS = "keras"
    SKLEARN = "scikit-learn"
    XGBOOST = "xgboost"
    ONNX = "onnx"
    LITERT = "litert"


FRAMEWORKS: dict[str, Kind] = {
    "tensorflow": Kind.TENSORFLOW,
    "keras": Kind.KERAS,
    "scikit-learn": Kind.SKLEARN,
    "scikit_learn": Kind.SKLEARN,
    "sklearn": Kind.SKLEARN,
    "xgboost": Kind.XGBOOST,
    "onnx": Kind.ONNX,
    "litert": Kind.LITERT,
    "tflite": Kind.LITERT,
}

PREDICTORS: dict[Kind, str] = {
    Kind.TENSORFLOW: "cpr.predictors.tf_saved_model:TfSavedModel",
    Kind.KERAS: "cpr.predictors.keras_model:KerasModel",
    Kind.SKLEARN: "cpr.predictors.sklearn_estimator:SklearnEstimator",
    Kind.XGBOOST: "cpr.predictors.xgboost_booster:XgboostBooster",
    Kind.ONNX: "cpr.predictors.onnx_model:OnnxModel",
    Kind.LITERT: "cpr.predictors.litert_model:LiteRTModel",
}

# In order of preference: AI Platform took model.joblib before model.pkl.
_NAMES: dict[Kind, tuple[str, ...]] = {
    Kind.TENSORFLOW: ("saved_model.pb", "saved_model.pbtxt"),
    Kind.KERAS: ("model.keras", "model.h5", "model.hdf5"),
    Kind.SKLEARN: ("model.joblib", "model.pkl"),
    Kind.XGBOOST: ("model.bst", "model.ubj", "model.json"),
    Kind.ONNX: ("model.onnx",),
    Kind.LITERT: ("model.tflite",),
}
# A pickled Booster, as Vertex AI takes it: only where the framework is named.
_NAMES_IF_NAMED: dict[Kind, tuple[str, ...]] = {Kind.XGBOOST: ("model.joblib", "model.pkl")}
# Pickles are missing here on purpose: a lone .pkl is often a preprocessor.
_SUFFIXES: dict[str, Kind] = {
    ".keras": Kind.KERAS,
    ".h5": Kind.KERAS,
    ".hdf5": Kind.KERAS,
    ".onnx": Kind.ONNX,
    ".tflite": Kind.LITERT,
}
_XGBOOST_JSON = re.compile(rb'\s*\{\s*"(learner|version)"\s*:')


@dataclass(frozen=True)
class Artifact:
    """What `detect` found.

    Attributes:
        kind: The kind of model.
        path: The model file; for a SavedModel, its directory.
        predictor: The ready-made predictor that serves it, ``module:Class``.
        files: Every file of that kind that was found; the first is the one used.
    """

    kind: Kind
    path: Path
    predictor: str
    files: tuple[Path, ...]


def detect(model_dir: Path, framework: str | None = None, *, takes_class: bool = True) -> Artifact:
    """Find the one model in a model directory.

    A directory without a model of its own, but with numbered directories, is
    read as TensorFlow Serving does: the highest number is the model.

    Args:
        model_dir: A local directory.
        framework: Look for this kind only; one of `FRAMEWORKS`.
        takes_class: Whether who asks can be told a class that loads other files.

    Raises:
        LoadError: There is no model, or there are several; the message names
            what is there.
        UsageError: The framework is unknown.
    """
    wanted = None if framework is None else kind_of_framework(framework)
    if not model_dir.is_dir():
        if not model_dir.exists():
            raise LoadError(f"The model directory {model_dir} does not exist.")
        raise LoadError(
            f"The model directory {model_dir} is a file, not a directory.",
            hint=f"Give the directory that holds it: {model_dir.parent}.",
        )
    folder = model_folder(model_dir)
    found = _find(folder, wanted)
    if len({kind for kind, _ in found}) > 1 or _is_torn(found):
        raise _several(folder, found)
    if not found:
        raise explain_missing(
            folder,
            _looked_for(wanted),
            others=_others(folder, wanted),
            deeper=_deeper(folder),
            takes_class=takes_class,
        )
    kind = found[0][0]
    files = tuple(path for _, path in found)
    path = folder if kind is Kind.TENSORFLOW else files[0]
    return Artifact(kind, path, PREDICTORS[kind], files)


def kind_of_framework(framework: str) -> Kind:
    """The kind that a framework's name stands for, as gcloud spells it or not.

    Raises:
        UsageError: The name is not one of `FRAMEWORKS`.
    """
    kind = FRAMEWORKS.get(framework.lower())
    if kind is None:
        raise UsageError(
            f"Unknown framework {framework!r}; known are {', '.join(FRAMEWORKS)}.",
            hint=did_you_mean(framework, FRAMEWORKS),
        )
    return kind


def model_folder(model_dir: Path) -> Path:
    """The directory that holds the model files: `model_dir` or its highest version."""
    if _find(model_dir, None):
        return model_dir
    versions = [
        item
        for item in model_dir.iterdir()
        if item.name.isascii() and item.name.isdigit() and item.is_dir()
    ]
    return max(versions, key=lambda item: int(item.name), default=model_dir)


def _find(folder: Path, wanted: Kind | None) -> list[tuple[Kind, Path]]:
    kinds = list(Kind) if wanted is None else [wanted]
    exact = [(kind, path) for kind in kinds for path in _exact(folder, _NAMES[kind])]
    if not exact and wanted is not None:
        exact = [(wanted, path) for path in _exact(folder, _NAMES_IF_NAMED.get(wanted, ()))]
    return exact or [found for found in _by_suffix(folder) if found[0] in kinds]


def _exact(folder: Path, names: tuple[str, ...]) -> Iterator[Path]:
    for name in names:
        path = folder / name
        if path.is_file() and (name != "model.json" or _is_xgboost_json(path)):
            yield path


def _by_suffix(folder: Path) -> Iterator[tuple[Kind, Path]]:
    for path in sorted(folder.iterdir()):
        kind = _SUFFIXES.get(path.suffix)
        hidden = path.name.startswith(".")
        if kind and not hidden and not path.name.endswith(".weights.h5") and path.is_file():
            yield kind, path


def _is_xgboost_json(path: Path) -> bool:
    """Tell an XGBoost model from a Keras architecture or a TensorFlow.js model."""
    with path.open("rb") as file:
        return _XGBOOST_JSON.match(file.read(256)) is not None


def _is_torn(found: list[tuple[Kind, Path]]) -> bool:
    """Whether several files, none of them called model.*, could be meant."""
    return len(found) > 1 and found[0][1].stem not in ("model", "saved_model")


def _several(folder: Path, found: list[tuple[Kind, Path]]) -> LoadError:
    listed = ", ".join(f"{path.name} ({kind.value})" for kind, path in found)
    if len({kind for kind, _ in found}) > 1:
        words = " or ".join(sorted({kind.value for kind, _ in found}))
        hint = f"Say which with --framework {words}, or remove the others."
    else:
        suffix = found[0][1].suffix
        hint = f"Name the one to serve model{suffix}, or remove the others."
    return LoadError(
        f"Multiple model files are found in the model_path {folder}: {listed}.", hint=hint
    )


def _others(folder: Path, wanted: Kind | None) -> list[str]:
    """Models of another kind than the wanted one, as ``file (framework)``."""
    return [f"{path.name} ({kind.value})" for kind, path in _find(folder, None) if wanted]


def _deeper(folder: Path) -> Path | None:
    """The nearest directory below that holds a model by its usual name, two levels at most."""
    below = (path for pattern in ("*", "*/*") for path in sorted(folder.glob(pattern)))
    return next((path for path in below if _is_model_folder(path)), None)


def _is_model_folder(path: Path) -> bool:
    return any(next(_exact(path, names), None) for names in _NAMES.values())


def _looked_for(wanted: Kind | None) -> list[str]:
    """The names that would have been a model, one entry a kind."""
    kinds = list(Kind) if wanted is None else [wanted]
    return [
        "|".join([first, *(name.rpartition(".")[2] for name in others)])
        for first, *others in (_NAMES[kind] for kind in kinds)
    ]
