"""Small real models, one of each kind, with the plainest way to call each directly."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Array = np.ndarray[Any, Any]
Direct = Callable[[Array], Any]


@dataclass(frozen=True)
class DirectCase:
    """A model: `build` writes it and returns 64 rows, `load` gives the direct call."""

    name: str
    build: Callable[[Path], Array]
    load: Callable[[Path], Direct]


def _data() -> tuple[Array, Array]:
    generator = np.random.default_rng(7)
    rows = generator.normal(size=(400, 13)).astype(np.float32)
    return rows, (rows[:, 0] + rows[:, 1] > 0).astype(int) + (rows[:, 2] > 1)


def _build_sklearn(folder: Path) -> Array:
    import joblib
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, labels = _data()
    joblib.dump(
        make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels),
        folder / "model.joblib",
    )
    return rows[:64]


def _load_sklearn(folder: Path) -> Direct:
    import joblib

    return joblib.load(folder / "model.joblib").predict


def _build_xgboost(folder: Path) -> Array:
    import xgboost

    rows, labels = _data()
    data = xgboost.DMatrix(rows, labels > 0)
    parameters = {"objective": "binary:logistic", "nthread": 1}
    xgboost.train(parameters, data, num_boost_round=20).save_model(folder / "model.ubj")
    return rows[:64]


def _load_xgboost(folder: Path) -> Direct:
    import xgboost

    booster = xgboost.Booster({"nthread": 1}, model_file=str(folder / "model.ubj"))
    return booster.inplace_predict


def _weights() -> list[Any]:
    import tensorflow as tf

    tf.random.set_seed(7)
    sizes = [(13, 64), (64, 64), (64, 3)]
    return [tf.Variable(tf.random.normal(size) * 0.2) for size in sizes]


def _build_savedmodel(folder: Path) -> Array:
    import tensorflow as tf

    module = tf.Module()
    module.weights = _weights()

    @tf.function(input_signature=[tf.TensorSpec([None, 13], tf.float32, name="x")])
    def serve(x: Any) -> Any:
        for weight in module.weights[:-1]:
            x = tf.nn.relu(x @ weight)
        return {"y": tf.nn.softmax(x @ module.weights[-1])}

    tf.saved_model.save(module, str(folder), signatures={"serving_default": serve})
    return _data()[0][:64]


def _load_savedmodel(folder: Path) -> Direct:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]

    def direct(rows: Array) -> Array:
        result: Array = signature(x=rows)["y"].numpy()
        return result

    direct.keep = loaded  # type: ignore[attr-defined]
    return direct


def _build_keras(folder: Path) -> Array:
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((13,)),
            keras.layers.Dense(64, "relu"),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.save(folder / "model.keras")
    return _data()[0][:64]


def _load_keras(folder: Path) -> Direct:
    import keras

    return keras.saving.load_model(folder / "model.keras").predict_on_batch


def _build_onnx(folder: Path) -> Array:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LinearRegression

    rows, labels = _data()
    model = to_onnx(LinearRegression().fit(rows, labels), rows[:1])
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return rows[:64]


def _load_onnx(folder: Path) -> Direct:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options)
    return lambda rows: session.run(None, {"X": rows})[0]


def _build_litert(folder: Path) -> Array:
    import tensorflow as tf

    rows = _build_savedmodel(folder / "source")
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "source"))
    (folder / "model.tflite").write_bytes(converter.convert())
    return rows


def _load_litert(folder: Path) -> Direct:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(folder / "model.tflite"), num_threads=1)
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    state = {"rows": 0}

    def direct(rows: Array) -> Array:
        if state["rows"] != len(rows):
            interpreter.resize_tensor_input(source, rows.shape)
            interpreter.allocate_tensors()
            state["rows"] = len(rows)
        interpreter.set_tensor(source, rows)
        interpreter.invoke()
        result: Array = interpreter.get_tensor(target)
        return result

    return direct


CASES = {
    case.name: case
    for case in (
        DirectCase("sklearn", _build_sklearn, _load_sklearn),
        DirectCase("xgboost", _build_xgboost, _load_xgboost),
        DirectCase("onnx", _build_onnx, _load_onnx),
        DirectCase("savedmodel", _build_savedmodel, _load_savedmodel),
        DirectCase("keras", _build_keras, _load_keras),
        DirectCase("litert", _build_litert, _load_litert),
    )
}
