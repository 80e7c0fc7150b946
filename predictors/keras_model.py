"""The ready-made predictor for Keras models: ``.keras`` archives and ``.h5`` files."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cpr.artifacts.detect import detect
from cpr.config import PredictorSettings
from cpr.errors import BadInput, EnvironmentProblem, LoadError
from cpr.extras import import_extra
from cpr.predictors._keras_export import export
from cpr.predictors._keras_files import KerasFile, inspect
from cpr.predictors._signature_predictor import SignaturePredictor
from cpr.predictors._signatures import Signature, TensorSpec
from cpr.predictors._tensorflow import first_line, import_tensorflow, without_deprecations
from cpr.predictors._tf_session import TfSession
from cpr.wire.tensors import Array

_UNKNOWN_CLASS = re.compile(r"(?:Could not locate class|Unknown layer:) '?(\w+)'?")


class KerasModel(SignaturePredictor):
    """Answers with a Keras model, run as a graph rather than by ``model.predict``.

    Instances are bare values where the model has one input, else objects by
    the inputs' names. Shapes must be those that the model declares.
    """

    @classmethod
    def from_path(
        cls, model_dir: str | Path, *, settings: PredictorSettings | None = None
    ) -> KerasModel:
        """Load ``model.keras``, ``model.h5``, or the only file of that kind.

        Raises:
            LoadError: There is none, it is damaged, holds Python code, or
                needs classes that are not at hand.
            EnvironmentProblem: tf.keras wrote it and tf_keras is not installed.
        """
        file = inspect(detect(Path(model_dir), "keras").path)
        tf = import_tensorflow()
        with without_deprecations(tf):
            model = _load(file)
            runner = KerasRunner(*export(tf, model, file.path))
        return cls(runner, Path(model_dir), settings or PredictorSettings())


class KerasRunner:
    """A model in a session, behind Keras's own rules about shapes.

    Attributes:
        signatures: The one signature, ``serving_default``.
    """

    def __init__(self, session: TfSession, signature: Signature) -> None:
        self._session = session
        self.signatures: Mapping[str, Signature] = {signature.name: signature}

    def run(self, signature: Signature, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run the model.

        Raises:
            BadInput: An input has another shape than the model declares.
            PredictionFailed: The model failed.
        """
        fitted = {name: _fit(name, feeds[name], spec) for name, spec in signature.inputs.items()}
        return self._session.run(signature, fitted)

    def prepare(self, signature: Signature) -> None:
        """Optimise the graph, without running it."""
        self._session.prepare(signature)

    def close(self) -> None:
        """Free the session."""
        self._session.close()


def _load(file: KerasFile) -> Any:
    if file.is_archive and file.is_keras_2:
        return _load_with(_tf_keras(file), file)
    keras = _keras()
    try:
        return _load_with(keras, file)
    except LoadError:
        # Not every tf.keras layer can be read by Keras 3; its own library can.
        if file.is_archive or importlib.util.find_spec("tf_keras") is None:
            raise
    return _load_with(_tf_keras(file), file)


def _load_with(keras: Any, file: KerasFile) -> Any:
    try:
        return keras.models.load_model(str(file.path), compile=False)
    except Exception as error:
        message = first_line(error, file.path.parent)
        hint = ""
        unknown = _UNKNOWN_CLASS.search(str(error))
        if unknown:
            message = f"it needs the class {unknown.group(1)!r}, which Keras does not have."
            hint = "Write a predictor class that imports it and then loads the model."
        elif file.is_keras_2 and keras.__name__ != "tf_keras":
            hint = f"Keras {file.version} wrote it; pip install tf_keras may read it."
        raise LoadError(
            f"Keras {keras.__version__} cannot load {file.path}: {message}", hint=hint
        ) from error


def _keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    keras = import_extra("keras", "tensorflow")
    if keras.backend.backend() != "tensorflow":
        raise EnvironmentProblem(
            f"Keras runs on {keras.backend.backend()}; the Keras predictor needs TensorFlow.",
            hint="Set KERAS_BACKEND=tensorflow.",
        )
    return keras


def _tf_keras(file: KerasFile) -> Any:
    if importlib.util.find_spec("tf_keras") is None:
        raise EnvironmentProblem(
            f"{file.path} was written by tf.keras {file.version}; "
            "Keras 3 does not read such archives, and tf_keras is not installed.",
            hint="pip install tf_keras, or save the model again as .h5 or a SavedModel.",
        )
    return import_extra("tf_keras", "tensorflow")


def _fit(name: str, array: Array, spec: TensorSpec) -> Array:
    """The array if it has the declared shape; a missing last axis of size 1 is added."""
    declared = spec.shape or ()
    if declared[-1:] == (1,) and array.ndim == len(declared) - 1:
        array = array[..., None]
    sizes = zip(array.shape, declared, strict=False)
    if array.ndim == len(declared) and all(want in (None, has) for has, want in sizes):
        return array
    raise BadInput(
        f"Input {name} has the shape {list(array.shape)}; the model takes {spec.sizes}.",
        hint="The first size is the number of instances.",
    )
