"""Serves the income classifier: people as objects in, income classes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
from features import CATEGORIES, NUMBERS, OneHot

from cpr import BadInput, Predictor


class CensusPredictor(Predictor):
    """Says of each person which income class they are likely in.

    An instance is an object with the keys of `features.NUMBERS` and
    `features.CATEGORIES`. `probabilities: true` in a request adds the
    probability of each class.
    """

    batchable = True

    def __init__(self, model: Any, encoder: OneHot) -> None:
        self._model = model
        self._encoder = encoder

    @classmethod
    def from_path(cls, model_dir: str) -> CensusPredictor:
        folder = Path(model_dir)
        model = joblib.load(folder / "model.joblib")
        return cls(model, OneHot.read(folder / "categories.json"))

    def preprocess(self, instances: Any) -> list[list[float]]:
        if not isinstance(instances, list):
            raise BadInput("instances must be a list of people.")
        return [self._row(index, person) for index, person in enumerate(instances)]

    def predict(self, instances: list[list[float]], *, probabilities: bool = False) -> Any:
        if not instances:
            return []
        chances = self._model.predict_proba(instances)
        classes = self._model.classes_.tolist()
        incomes = [classes[place] for place in chances.argmax(axis=1)]
        if not probabilities:
            return [{"income": income} for income in incomes]
        return [
            {"income": income, "probabilities": dict(zip(classes, row, strict=True))}
            for income, row in zip(incomes, chances.tolist(), strict=True)
        ]

    def _row(self, index: int, person: Any) -> list[float]:
        wanted = (*NUMBERS, *CATEGORIES)
        if not isinstance(person, dict) or set(person) != set(wanted):
            raise BadInput(f"instances[{index}] must be an object with the keys {wanted}.")
        try:
            return self._encoder.row(person)
        except (TypeError, ValueError) as error:
            raise BadInput(f"instances[{index}]: {error}.") from error
