"""The predictor of each kind of work, for servers that are not ours.

`load()` gives a function from a list of instances to a list of predictions,
plain values both, so that every server wraps the same few lines of Python.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WORK = os.environ.get("BENCH_WORK", "sklearn")
MODELS = Path(os.environ.get("BENCH_MODELS", "models"))
PORT = int(os.environ.get("BENCH_PORT", "8080"))
PROCESSES = int(os.environ.get("BENCH_PROCESSES", "1"))
FOLDER = MODELS / WORK
BIN = Path(sys.executable).parent

Predict = Callable[[Any], Any]


def load(work: str = WORK) -> Predict:
    """The function that predicts, for the work of this run unless another is named."""
    return _LOADERS[work]()


def forest() -> Any:
    """The one-hot routine, the very class that our own server runs."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "routines"))
    from one_hot import OneHotForest

    return OneHotForest.from_path(str(MODELS / "one-hot"))


def pipeline() -> Any:
    """The scikit-learn pipeline."""
    import joblib

    return joblib.load(MODELS / "sklearn" / "model.joblib")


def signature() -> Callable[[Any], Any]:
    """The SavedModel from array to array, one thread, as is quickest for a small model."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = tf.saved_model.load(str(MODELS / "savedmodel"))
    function = model.signatures["serving_default"]

    def run(rows: Any, model: Any = model) -> Any:
        # By keyword: by position, TensorFlow 2 prints every number into an error it drops.
        return function(x=tf.constant(rows))["y"].numpy()

    return run


def _sklearn() -> Predict:
    import numpy as np

    model = pipeline()
    return lambda instances: model.predict(np.asarray(instances)).tolist()


def _savedmodel() -> Predict:
    import numpy as np

    run = signature()
    return lambda instances: run(np.asarray(instances, dtype=np.float32)).tolist()


_LOADERS: dict[str, Callable[[], Predict]] = {
    "sklearn": _sklearn,
    "savedmodel": _savedmodel,
    "one-hot": lambda: forest().predict,
    "echo": lambda: lambda instances: instances,
    "picture": lambda: lambda instances: instances,
}
