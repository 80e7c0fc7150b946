"""Serves the review classifier, with a threshold that a request can move."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class ReviewPredictor:
    """Names the sentiment of each text.

    An instance is a text, or an object with the key `text`. A request may add
    `threshold` (0.5) beside `instances`: scores above it are positive.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    @classmethod
    def from_path(cls, model_dir: str) -> ReviewPredictor:
        return cls(tf.saved_model.load(model_dir))

    def predict(self, instances: list[Any], **kwargs: Any) -> list[dict[str, Any]]:
        threshold = float(kwargs.get("threshold", 0.5))
        texts = [row["text"] if isinstance(row, dict) else row for row in instances]
        scores = self._model.serve(tf.constant(texts, tf.string))["score"].numpy()
        return [
            {"score": score, "sentiment": "positive" if score > threshold else "negative"}
            for score in scores.tolist()
        ]
