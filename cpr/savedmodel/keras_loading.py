"""Loads a Keras file with the library that can: Keras 3, or tf_keras for what tf.keras wrote."""

from __future__ import annotations

import importlib.util
import os
import re
from typing import Any

from cpr.artifacts.keras_file import KerasFile
from cpr.errors import EnvironmentProblem, LoadError
from cpr.extras import import_extra
from cpr.savedmodel.tensorflow_library import first_line

_UNKNOWN_CLASS = re.compile(r"(?:Could not locate class|Unknown layer:) '?(\w+)'?")


def load_keras(file: KerasFile) -> Any:
    """The model in a file that `cpr.artifacts.keras_file.inspect` has read.

    Raises:
        LoadError: It is damaged, or needs classes that are not at hand.
        EnvironmentProblem: tf.keras wrote it and tf_keras is not installed.
    """
    if file.is_archive and file.is_keras_2:
        return _load_with(_tf_keras(file), file)
    keras = _keras()
    try:
        return _load_with(keras, file)
    except LoadError:
        # Not every tf.keras layer can be read by Keras 3; its own library can.
        is_its_own = file.is_archive or file.version.startswith("3.")
        if is_its_own or importlib.util.find_spec("tf_keras") is None:
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
