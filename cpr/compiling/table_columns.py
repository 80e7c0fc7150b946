"""What the columns of a fitted table model hold, and values that try it hard."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cpr.describing.estimators import estimator_signature
from cpr.estimators.parts import parts

# A threshold beyond it stands for infinity.
_HUGE = 1e30
_UNKNOWN = "☃ unknown"


@dataclass
class Column:
    """One feature of a table.

    Attributes:
        name: As the model knows it.
        is_text: Whether it holds text.
        choices: The values that are known, if they are.
        center: Where numbers lie, and
        spread: how far apart.
        thresholds: What trees compare with.
        is_closed: Whether the model refuses texts that it does not know.
    """

    name: str
    is_text: bool = False
    choices: list[Any] = field(default_factory=list)
    center: float = 0.0
    spread: float = 1.0
    thresholds: list[float] = field(default_factory=list)
    is_closed: bool = False

    def values(self, generator: np.random.Generator, count: int, style: int) -> list[Any]:
        """Values of the column; how they are made depends on the style."""
        if self.is_text:
            known = list(map(str, self.choices))
            known += [] if self.is_closed and known else [_UNKNOWN, ""]
            return [known[place] for place in generator.integers(0, len(known), count)]
        if self.choices:
            picked = generator.integers(0, len(self.choices), count)
            return [self.choices[place] for place in picked]
        if style % 2 and self.thresholds:
            picked = generator.integers(0, len(self.thresholds), count)
            return [self.thresholds[place] for place in picked]
        drawn = self._numbers(generator, count, style)
        values: list[Any] = drawn.tolist()
        return values

    def _numbers(self, generator: np.random.Generator, count: int, style: int) -> Any:
        if style % 8 == 2:
            return generator.uniform(0, 1, count)
        if style % 8 == 4:
            return generator.integers(-5, 100, count)
        if style % 8 == 5:
            return np.zeros(count)
        spread = self.spread * (10 if style % 8 == 6 else 1)
        return generator.normal(size=count) * spread + self.center


def columns_of_estimator(estimator: Any, width: int, names: list[str] | None) -> list[Column]:
    """The columns of a fitted scikit-learn estimator."""
    columns = [Column(name) for name in names or [f"x{place}" for place in range(width)]]
    inputs = estimator_signature(estimator)["inputs"]
    if len(inputs) == width:
        for column, told in zip(columns, inputs.values(), strict=True):
            column.is_text = told["dtype"] == "string"
            column.choices = list(told.get("choices", ()))
    first = _first(estimator)
    for place, values in enumerate(getattr(first, "categories_", ())):
        columns[place].choices = [item for item in values.tolist() if item == item]
        columns[place].is_text = any(isinstance(item, str) for item in columns[place].choices)
    _add_scales(first, columns)
    _add_thresholds(estimator, first, columns)
    return columns


def columns_of_booster(booster: Any, width: int, names: list[str] | None) -> list[Column]:
    """The columns of an XGBoost Booster."""
    columns = [Column(name) for name in names or [f"x{place}" for place in range(width)]]
    for place, value in _of_booster(booster):
        columns[place].thresholds += [
            value,
            float(np.nextafter(np.float32(value), np.float32(9e9))),
        ]
    return columns


def make_rows(columns: list[Column], count: int, number: int) -> list[list[Any]]:
    """Rows of a table; the same for the same number."""
    generator = np.random.default_rng(number)
    values = [column.values(generator, count, number) for column in columns]
    return [list(row) for row in zip(*values, strict=True)]


def _first(estimator: Any) -> Any:
    while steps := getattr(estimator, "steps", None):
        estimator = steps[0][1]
    return estimator


def _add_scales(first: Any, columns: list[Column]) -> None:
    """Where a scaler says the numbers lie."""
    for scaler, places in _scalers(first, columns):
        center = getattr(scaler, "mean_", getattr(scaler, "center_", None))
        spread = getattr(scaler, "scale_", None)
        if center is None or spread is None:
            continue
        for place, middle, width in zip(places, center, spread, strict=False):
            columns[place].center, columns[place].spread = float(middle), float(width)


def _scalers(first: Any, columns: list[Column]) -> Iterator[tuple[Any, list[int]]]:
    yield first, list(range(len(columns)))
    names = [column.name for column in columns]
    for _, part, chosen in getattr(first, "transformers_", ()):
        if isinstance(chosen, (str, int)) or not hasattr(chosen, "__iter__"):
            continue
        places = [names.index(item) if isinstance(item, str) else int(item) for item in chosen]
        for step in [part, *(step for _, step in getattr(part, "steps", ()))]:
            yield step, places


def _add_thresholds(estimator: Any, first: Any, columns: list[Column]) -> None:
    """The numbers that trees compare with, where these are compared as they come."""
    is_direct = first is estimator or not hasattr(first, "transform")
    scale = first if hasattr(first, "mean_") and hasattr(first, "scale_") else None
    if not is_direct and scale is None:
        return
    for place, value in _thresholds(estimator):
        if place >= len(columns) or abs(value) > _HUGE or not np.isfinite(value):
            continue
        if scale is not None and scale.mean_ is not None and scale.scale_ is not None:
            value = value * scale.scale_[place] + scale.mean_[place]
        columns[place].thresholds.append(float(value))


def _thresholds(estimator: Any) -> Iterator[tuple[int, float]]:
    for part in parts(estimator):
        tree = getattr(part, "tree_", None)
        if tree is not None:
            yield from zip(tree.feature.tolist(), tree.threshold.tolist(), strict=True)
        for iteration in getattr(part, "_predictors", ()):
            for predictor in iteration:
                nodes = predictor.nodes[predictor.nodes["is_leaf"] == 0]
                yield from zip(
                    nodes["feature_idx"].tolist(), nodes["num_threshold"].tolist(), strict=True
                )
        if hasattr(part, "get_booster"):
            yield from _of_booster(part.get_booster())
        if hasattr(part, "booster_"):
            for item in part.booster_.dump_model()["tree_info"]:
                yield from _of_lightgbm(item["tree_structure"])


def _of_lightgbm(node: Mapping[str, Any]) -> Iterator[tuple[int, float]]:
    if "leaf_value" not in node:
        # Within 1e-35 of zero it treats values as zero.
        if isinstance(node["threshold"], float) and abs(node["threshold"]) > 1e-30:
            # LightGBM reads its own text of them with an error in the last digit: equal
            # values go either way, values beside them do not.
            for side in (-np.inf, np.inf):
                yield node["split_feature"], float(np.nextafter(node["threshold"], side))
        yield from _of_lightgbm(node["left_child"])
        yield from _of_lightgbm(node["right_child"])


def _of_booster(booster: Any) -> Iterator[tuple[int, float]]:
    model: Mapping[str, Any] = json.loads(bytes(booster.save_raw("json")))["learner"]
    for tree in model["gradient_booster"].get("model", {}).get("trees", ()):
        for place, value, left in zip(
            tree["split_indices"], tree["split_conditions"], tree["left_children"], strict=True
        ):
            if left != -1:
                yield place, value
