"""The eight models whose compiling is measured, built from fixed seeds."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@dataclass(frozen=True)
class Architecture:
    """A model: `build` writes it into a directory and returns instances."""

    name: str
    build: Callable[[Path], list[Any]]


def _rows(*shape: int) -> list[Any]:
    return np.random.default_rng(7).normal(size=shape).astype(np.float32).tolist()


def _mlp(folder: Path) -> list[Any]:
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            layers.Input((13,)),
            layers.Dense(64, "relu"),
            layers.Dense(64, "relu"),
            layers.Dense(3, "softmax"),
        ]
    )
    model.export(str(folder / "1"), verbose=False)
    return _rows(64, 13)


def _cnn(folder: Path) -> list[Any]:
    import keras

    keras.utils.set_random_seed(1)
    model = keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), classes=100)
    model.export(str(folder / "1"), verbose=False)
    return _rows(2, 96, 96, 3)


def _transformer(folder: Path) -> list[Any]:
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    ids = layers.Input((64,), dtype="int32")
    x = layers.Embedding(2000, 128)(ids) + layers.Embedding(64, 128)(keras.ops.arange(64))
    for _ in range(2):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 32)(x, x))
        x = layers.LayerNormalization()(x + layers.Dense(128)(layers.Dense(256, "gelu")(x)))
    scores = layers.Dense(4, "softmax")(layers.GlobalAveragePooling1D()(x))
    keras.Model(ids, scores).export(str(folder / "1"), verbose=False)
    return np.random.default_rng(7).integers(0, 2000, (16, 64)).tolist()


def _text(folder: Path) -> list[Any]:
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    texts = ["the quick brown fox jumps over the lazy dog", "a good film", "a really bad film!"]
    vectorize = layers.TextVectorization(max_tokens=500, output_sequence_length=20)
    vectorize.adapt(texts)
    text = layers.Input((), dtype="string")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(500, 32)(vectorize(text)))
    scores = layers.Dense(2, "softmax")(layers.Dense(32, "relu")(x))
    keras.Model(text, scores).export(str(folder / "1"), verbose=False)
    return texts


def _recurrent(folder: Path) -> list[Any]:
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    ids = layers.Input((30,), dtype="int32")
    x = layers.GRU(32)(layers.Embedding(500, 16, mask_zero=True)(ids))
    keras.Model(ids, layers.Dense(3, "softmax")(x)).export(str(folder / "1"), verbose=False)
    return np.random.default_rng(7).integers(0, 500, (64, 30)).tolist()


def _iterative(folder: Path) -> list[Any]:
    import tensorflow as tf

    weights = np.random.default_rng(7).normal(size=(16, 16)).astype(np.float32) / 4

    def solve(x: Any) -> dict[str, Any]:
        def step(i: Any, y: Any) -> tuple[Any, Any]:
            return i + 1, y + 0.1 * tf.math.erfinv(0.9 * tf.tanh(y @ weights))

        return {"y": tf.while_loop(lambda i, _: i < 50, step, (0, x))[1]}

    spec = tf.TensorSpec([None, 16], tf.float32, "x")
    function = tf.function(solve).get_concrete_function(spec)
    tf.saved_model.save(tf.Module(), str(folder / "1"), signatures=function)
    return _rows(64, 16)


def _boosted(folder: Path) -> list[Any]:
    import joblib
    from sklearn.ensemble import HistGradientBoostingClassifier

    rows = np.random.default_rng(7).normal(size=(2000, 20))
    classes = (rows[:, 0] > 0).astype(int) + (rows[:, 1] > 0)
    joblib.dump(HistGradientBoostingClassifier().fit(rows, classes), folder / "model.joblib")
    return rows[:64].tolist()


def _pipeline(folder: Path) -> list[Any]:
    import joblib
    import pandas
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    generator = np.random.default_rng(7)
    frame = pandas.DataFrame(
        {
            "age": generator.integers(18, 80, 1000),
            "city": generator.choice(["Bern", "Wien", "Rom"], 1000),
            "income": generator.normal(50_000, 9_000, 1000),
        }
    )
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["age", "income"]),
            ("texts", OneHotEncoder(handle_unknown="ignore"), ["city"]),
        ]
    )
    model = make_pipeline(columns, LogisticRegression())
    joblib.dump(model.fit(frame, (frame.age > 40).astype(int)), folder / "model.joblib")
    return [list(row) for row in frame.head(64).itertuples(index=False)]


def plain_signature(folder: Path, instances: list[Any]) -> Callable[[], Any]:
    """TensorFlow's own way: the default signature, from lists to lists."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    function = loaded.signatures["serving_default"]
    (name, spec), *_ = function.structured_input_signature[1].items()

    def call() -> Any:
        outputs = function(**{name: tf.constant(instances, spec.dtype)})
        return {key: value.numpy().tolist() for key, value in outputs.items()}, loaded

    return call


ARCHITECTURES = {
    "mlp": Architecture("MLP 13-64-64-3", _mlp),
    "cnn": Architecture("CNN, MobileNetV2 of 96 px", _cnn),
    "transformer": Architecture("transformer, 2 layers of 128", _transformer),
    "text": Architecture("text with a vocabulary", _text),
    "recurrent": Architecture("GRU of 30 ids, masked", _recurrent),
    "iterative": Architecture("loop of 50 steps, with erfinv", _iterative),
    "boosted": Architecture("gradient-boosted trees", _boosted),
    "pipeline": Architecture("scikit-learn pipeline", _pipeline),
}
