"""The routine of the item one-hot: objects with words → one-hot → RandomForest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np


class OneHotForest:
    """Predicts 0 or 1 for each object; what it says of one does not depend on the others."""

    batchable = True

    def __init__(self, forest: Any, columns: dict[str, Any]) -> None:
        self._forest = forest
        self._numbers = columns["numbers"]
        self._positions: dict[str, dict[str, int]] = {}
        self._width = len(self._numbers)
        for name, words in columns["words"].items():
            self._positions[name] = {word: self._width + i for i, word in enumerate(words)}
            self._width += len(words)

    @classmethod
    def from_path(cls, model_dir: str) -> OneHotForest:
        folder = Path(model_dir)
        columns = json.loads((folder / "columns.json").read_text())
        return cls(joblib.load(folder / "model.joblib"), columns)

    def predict(self, instances: list[dict[str, Any]], **kwargs: Any) -> list[int]:
        return self._forest.predict(np.asarray([self._row(one) for one in instances])).tolist()

    def _row(self, instance: dict[str, Any]) -> list[float]:
        row = [0.0] * self._width
        for i, (name, mean, deviation) in enumerate(self._numbers):
            row[i] = (float(instance[name]) - mean) / deviation
        for name, positions in self._positions.items():
            position = positions.get(str(instance[name]).strip().lower())
            if position is not None:
                row[position] = 1.0
        return row
