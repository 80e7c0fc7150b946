"""What a table model is tried with: every method, on rows that its trees and encoders split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cpr.compiling.declined import Declined
from cpr.compiling.table_columns import (
    Column,
    columns_of_booster,
    columns_of_estimator,
    make_rows,
)
from cpr.compiling.trial import Variant, answer
from cpr.describing.estimators import estimator_signature
from cpr.errors import BadInput, CprError
from cpr.estimators.parts import is_rowwise, needs_names

_TEXTS = (
    "a good film",
    "BAD, really bad!",
    "the the the",
    "",
    "zürich 42 x1_y",
    "it's 3.5 o'clock",
)
_PROBED = 64


class TableTrial:
    """Tries an estimator of scikit-learn's kind, or an XGBoost Booster.

    Args:
        predictor: The original.
        is_booster: Whether it is a Booster.
        output: The method to compile alone; by default predict, with its probabilities.
        facts: From an earlier trial of the same model; found out anew if None.

    Raises:
        Declined: It is none whose rows can be told.
    """

    def __init__(
        self,
        predictor: Any,
        *,
        is_booster: bool,
        output: str = "",
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self._words: list[str] = []
        self._columns: list[Column] = []
        if is_booster:
            booster = predictor.booster
            names = booster.feature_names
            self._columns = columns_of_booster(booster, booster.num_features(), names)
            self.variants = [Variant("predict"), Variant("margin", {"output": "margin"})]
            found = {"width": len(self._columns), "names": names}
        else:
            found = self._of_estimator(predictor.estimator, output)
        self.facts = dict(facts) if facts is not None else self._find_out(predictor, found)
        for column, known in zip(self._columns, self.facts.get("known", ()), strict=False):
            column.is_closed = known is not None

    def is_meant(self, request: Mapping[str, Any], variant: Variant) -> bool:
        """Every request is for every method."""
        return True

    def scores(
        self, predictor: Any, instances: list[Any], variant: Variant
    ) -> tuple[Any, list[Any]] | None:
        """The probabilities behind classes that were predicted, and the classes."""
        classes = self.facts.get("classes")
        if variant.name != "predict" or classes is None or len(self.variants) < 2:
            return None
        return predictor.predict(instances, probabilities=True), classes

    def instances(self, variant: Variant, count: int, number: int) -> list[Any]:
        """Rows, or texts where the model takes those."""
        if self._words:
            generator = np.random.default_rng(number)
            picked = generator.integers(0, len(self._words), (count, 1 + number))
            return [" ".join(self._words[place] for place in row) for row in picked.tolist()]
        rows = make_rows(self._columns, count, number)
        if number % 3 == 2 and self.facts["nulls"] == "taken":
            generator = np.random.default_rng(number)
            for row in rows:
                place = int(generator.integers(0, len(row)))
                row[place] = row[place] if self._columns[place].is_text else None
        return rows

    def odd_instances(self, variant: Variant) -> list[list[Any]]:
        """Rows too long and too short, with nulls, and with text among the numbers."""
        if self._words:
            return [[1.5], [["a", "b"]]]
        row = make_rows(self._columns, 1, 0)[0]
        nulls = [[*row[:place], None, *row[place + 1 :]] for place in range(len(row))][:8]
        return [[[*row, 1.0]], [row[:-1]], [row[0]], *([odd] for odd in nulls), [["x"] * len(row)]]

    def _of_estimator(self, estimator: Any, output: str) -> dict[str, Any]:
        if not is_rowwise(estimator):
            raise Declined("a part of it is no estimator of a known library")
        first = estimator
        while steps := getattr(first, "steps", None):
            first = steps[0][1]
        asked = [output] if output else ["predict", "predict_proba"]
        methods = [name for name in asked if hasattr(estimator, name)]
        self.variants = [
            Variant(name, parameters={"probabilities": True} if name == "predict_proba" else {})
            for name in methods
        ]
        described = estimator_signature(estimator)
        classes = getattr(estimator, "classes_", None)
        if isinstance(classes, list):
            raise Declined("it has several outputs of classes")
        found = {
            "described": described,
            "kind": type(estimator).__name__,
            "classes": None if classes is None else classes.tolist(),
        }
        if hasattr(first, "build_analyzer"):
            self._words = [*list(getattr(first, "vocabulary_", {}))[:500], *_TEXTS]
            return {**found, "takes_texts": True, "width": None, "names": None}
        width = getattr(estimator, "n_features_in_", None)
        if width is None or type(first).__name__ == "DictVectorizer":
            raise Declined("it does not say how many features a row has")
        named = getattr(estimator, "feature_names_in_", None)
        names = None if named is None else [str(name) for name in named]
        self._columns = columns_of_estimator(estimator, int(width), names)
        texts = [column.is_text for column in self._columns]
        picks = names is not None and needs_names(estimator)
        return {
            **found,
            "width": int(width),
            "names": names,
            "texts": texts,
            "picks_columns": picks,
        }

    def _find_out(self, predictor: Any, found: dict[str, Any]) -> dict[str, Any]:
        """What becomes of nulls and of texts that are not known."""
        variant = self.variants[0]
        self.facts = {"nulls": "refused"}
        for column in self._columns:
            column.is_closed = column.is_text
        row = self.instances(variant, 1, 0)[0]
        shown = np.asarray(answer(predictor, [row], variant))
        found |= {"is_flat": shown.ndim == 1, "answer_kind": shown.dtype.kind}
        if self._words:
            return found
        refusals: list[CprError] = []
        numbers = [n for n, column in enumerate(self._columns) if not column.is_text][:_PROBED]
        taken = 0
        for place in numbers:
            told = answer(predictor, [[*row[:place], None, *row[place + 1 :]]], variant)
            if isinstance(told, BadInput):
                refusals.append(told)
            taken += not isinstance(told, Exception)
        nulls = "taken" if taken == len(numbers) else "mixed"
        if numbers and len(refusals) == len(numbers) == len(self._columns):
            nulls = "refused"
            found["refusal"] = [refusals[0].problem, refusals[0].hint]
        known: list[list[str] | None] = []
        for place, column in enumerate(self._columns):
            odd = [*row[:place], "☃ unknown", *row[place + 1 :]]
            is_closed = column.is_text and isinstance(answer(predictor, [odd], variant), Exception)
            column.is_closed = is_closed
            known.append([str(item) for item in column.choices] if is_closed else None)
        return {**found, "nulls": nulls, "known": known}
