"""Serves the wine classifier: a SavedModel, a scaler and class names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from scaling import Scaler

from cpr import BadInput, Predictor


class WinePredictor(Predictor):
    """Names the cultivar behind each row of 13 measurements.

    A request may add two keys beside `instances`: `probabilities` asks for
    the probability of every cultivar, `labels: false` for numbers without
    names.
    """

    batchable = True

    def __init__(self, model: Any, scaler: Scaler, class_names: list[str]) -> None:
        self._model = model
        self._scaler = scaler
        self._class_names = class_names

    @classmethod
    def from_path(cls, model_dir: str) -> WinePredictor:
        folder = Path(model_dir)
        class_names = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
        model = tf.saved_model.load(str(folder / "savedmodel"))
        return cls(model, Scaler.read(folder / "scaler.json"), class_names)

    def preprocess(self, instances: Any) -> np.ndarray:
        width = len(self._scaler.means)
        try:
            rows = np.array(instances, dtype=float)
        except (TypeError, ValueError) as error:
            raise BadInput(f"instances must be rows of {width} numbers: {error}.") from error
        if rows.ndim != 2 or rows.shape[1] != width:
            raise BadInput(f"instances must be rows of {width} numbers; got shape {rows.shape}.")
        return self._scaler.scale(rows)

    def predict(
        self, instances: np.ndarray, *, probabilities: bool = False, labels: bool = True
    ) -> Any:
        chances = self._model.serve(instances).numpy()
        if probabilities and labels:
            return [dict(zip(self._class_names, row, strict=True)) for row in chances]
        if probabilities:
            return chances
        best = chances.argmax(axis=1)
        return [self._class_names[index] for index in best] if labels else best

    def warmup(self) -> None:
        """Run the model once, so that the first request finds it traced."""
        self.predict(np.zeros((1, len(self._scaler.means)), dtype="float32"))
