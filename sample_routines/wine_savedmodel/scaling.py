"""The scaling that training and prediction share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Scaler:
    """Shifts and scales every column to mean 0 and deviation 1.

    Kept as JSON, not as a pickle: two lists of numbers need no code to load.
    """

    means: np.ndarray
    deviations: np.ndarray

    @classmethod
    def fit(cls, rows: np.ndarray) -> Scaler:
        return cls(rows.mean(axis=0), rows.std(axis=0))

    @classmethod
    def read(cls, path: Path) -> Scaler:
        numbers = json.loads(path.read_text(encoding="utf-8"))
        return cls(np.array(numbers["means"]), np.array(numbers["deviations"]))

    def write(self, path: Path) -> None:
        numbers = {"means": self.means.tolist(), "deviations": self.deviations.tolist()}
        path.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")

    def scale(self, rows: np.ndarray) -> np.ndarray:
        return ((rows - self.means) / self.deviations).astype("float32")
