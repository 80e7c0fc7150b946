"""Trains the wine classifier and writes its model directory."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import tensorflow as tf
from scaling import Scaler
from sklearn.datasets import load_wine

HERE = Path(__file__).resolve().parent
# The grapes behind the data set's class_0, class_1 and class_2.
CULTIVARS = ["barolo", "grignolino", "barbera"]


def train(model_dir: Path) -> float:
    tf.keras.utils.set_random_seed(0)
    wine = load_wine()
    scaler = Scaler.fit(wine.data)
    rows = scaler.scale(wine.data)
    model = tf.keras.Sequential(
        [
            tf.keras.Input(shape=(13,), name="features"),
            tf.keras.layers.Dense(16, activation="relu"),
            tf.keras.layers.Dense(3, activation="softmax", name="probabilities"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(rows, wine.target, epochs=60, batch_size=16, verbose=0)

    model_dir.mkdir(parents=True, exist_ok=True)
    model.export(model_dir / "savedmodel", verbose=False)
    scaler.write(model_dir / "scaler.json")
    (model_dir / "classes.json").write_text(json.dumps(CULTIVARS) + "\n", encoding="utf-8")
    return float(model.evaluate(rows, wine.target, verbose=0)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-dir", type=Path, default=HERE / "model")
    model_dir = parser.parse_args().model_dir
    accuracy = train(model_dir)
    print(f"Wrote {model_dir} (accuracy on the training data {accuracy:.2f}).")


if __name__ == "__main__":
    main()
