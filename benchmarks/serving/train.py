"""Trains the models, seeded: `python train.py FOLDER`, in the environment of our own server."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NUMBERS = ("age", "balance", "duration", "visits")
WORDS = {
    "job": ["admin", "tech", "services", "management", "retired", "student", "unknown"],
    "marital": ["single", "married", "divorced"],
    "education": ["primary", "secondary", "tertiary", "unknown"],
    "city": ["paris", "tokyo", "lima", "oslo", "cairo", "delhi", "quito", "rome", "seoul", "perth"],
}


def main() -> None:
    """Write one model directory for each kind of work."""
    folder = Path(sys.argv[1])
    for work, train in TRAINERS.items():
        (folder / work).mkdir(parents=True, exist_ok=True)
        train(folder / work)
    for work in ("sklearn", "savedmodel"):
        compile_copy(folder / work, folder / f"{work}-compiled")
    print(f"Models are in {folder}.")


def train_sklearn(folder: Path) -> None:
    """Three classes of flowers: a scaler and a logistic regression on four numbers."""
    random = np.random.default_rng(7)
    centres = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]])
    kinds = random.integers(0, 3, 3000)
    rows = centres[kinds] + random.normal(0, 0.4, (3000, 4))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    joblib.dump(model.fit(rows, kinds), folder / "model.joblib")


def train_savedmodel(folder: Path) -> None:
    """A SavedModel of three dense layers, 13 → 64 → 64 → 3."""
    import tensorflow as tf

    random = np.random.default_rng(11)
    sizes = [(13, 64), (64, 64), (64, 3)]
    model = tf.Module()
    model.weights = [
        tf.Variable(random.normal(0, before**-0.5, (before, after)).astype("float32"))
        for before, after in sizes
    ]

    @tf.function(input_signature=[tf.TensorSpec([None, 13], tf.float32, name="x")])
    def serve(x: Any) -> Any:
        first, second, last = model.weights
        return {"y": tf.nn.softmax(tf.nn.relu(tf.nn.relu(x @ first) @ second) @ last)}

    tf.saved_model.save(model, str(folder), signatures={"serving_default": serve})


def train_one_hot(folder: Path) -> None:
    """A random forest of 100 trees on four numbers and four words, one-hot."""
    random, count = np.random.default_rng(7), 4000
    numbers = np.column_stack(
        [
            random.normal(40, 12, count),
            random.normal(1500, 900, count),
            random.exponential(250, count),
            random.poisson(3, count),
        ]
    )
    codes = {name: random.integers(0, len(words), count) for name, words in WORDS.items()}
    scaled = (numbers - numbers.mean(0)) / numbers.std(0)
    hot = [np.eye(len(words))[codes[name]] for name, words in WORDS.items()]
    liked = scaled[:, 0] + scaled[:, 2] + (codes["job"] == 1) + (codes["city"] < 4)
    answers = (liked + random.normal(0, 0.3, count) > 0.8).astype(int)
    forest = RandomForestClassifier(100, random_state=0, n_jobs=1, max_depth=10)
    joblib.dump(forest.fit(np.column_stack([scaled, *hot]), answers), folder / "model.joblib")
    scales = zip(NUMBERS, numbers.mean(0).tolist(), numbers.std(0).tolist(), strict=True)
    (folder / "columns.json").write_text(json.dumps({"numbers": list(scales), "words": WORDS}))


def compile_copy(folder: Path, copy: Path) -> None:
    """Let ``cpr compile`` write what is fastest beside a copy of a model."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    cpr = Path(sys.executable).with_name("cpr")
    subprocess.run([cpr, "compile", copy, "--batch-sizes", "1,8", "--explain"], check=True)


def train_echo(folder: Path) -> None:
    """Nothing to learn."""


TRAINERS = {
    "sklearn": train_sklearn,
    "savedmodel": train_savedmodel,
    "one-hot": train_one_hot,
    "echo": train_echo,
    "picture": train_echo,
}

if __name__ == "__main__":
    main()
