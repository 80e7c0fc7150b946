"""Boosted trees as ONNX nodes: for skl2onnx inside pipelines, and as a model alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cpr.compiling.declined import Declined
from cpr.compiling.forests import (
    of_histogram_boosting,
    of_lightgbm,
    of_scikit_trees,
    of_xgboost,
)
from cpr.compiling.trees import Forest, attributes
from cpr.extras import import_extra

ML = "ai.onnx.ml"
ML_VERSION = 3
TREES = "TreeEnsembleRegressor"
VERSION = 21


def is_forest(kind: type) -> bool:
    """Whether this module converts estimators of a class."""
    return kind.__name__ in _FOREST_OF


def forest_of(estimator: Any) -> Forest:
    """The trees of an estimator of scikit-learn's kind.

    Raises:
        Declined: They cannot be converted.
    """
    missing = getattr(estimator, "missing", None)
    if missing is not None and not np.isnan(missing):
        raise Declined(f"it takes {missing} for missing, which is not converted")
    return _FOREST_OF[type(estimator).__name__](estimator)


class Nodes:
    """Collects the nodes that compute scores from a table."""

    def __init__(self, dtype: Any) -> None:
        self._onnx = import_extra("onnx", "compile")
        self._dtype = np.dtype(dtype)
        self._number = self._onnx.helper.np_dtype_to_tensor_dtype(self._dtype)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, op: str, inputs: list[str], output: str, **given: Any) -> str:
        """Add a node with one output; returns its name."""
        domain = ML if op == TREES else ""
        made = {
            key: self._tensor(key, value) if isinstance(value, np.ndarray) else value
            for key, value in given.items()
        }
        node = self._onnx.helper.make_node(op, inputs, [output], domain=domain, **made)
        self.nodes.append(node)
        return output

    def constant(self, name: str, value: Any) -> str:
        """Add a constant; returns its name."""
        self.constants.append(self._tensor(name, value))
        return name

    def raw_scores(self, forest: Forest, table: str, output: str) -> str:
        """The sum of the trees' leaves and the base."""
        told = attributes(forest, self._dtype)
        summed = self.add(TREES, [table], f"{output}_sum", **told)
        summed = self.add("Cast", [summed], f"{output}_summed", to=self._number)
        base = self.constant(f"{output}_base", np.array([forest.base], self._dtype))
        return self.add("Add", [summed, base], output)

    def predictions(self, forest: Forest, raw: str, output: str) -> str:
        """What the link makes of raw scores; two columns of one probability."""
        if forest.link == "sigmoid":
            return self.add("Sigmoid", [raw], output)
        if forest.link in ("softmax", "class"):
            return self.add("Softmax", [raw], output, axis=1)
        if forest.link == "exp":
            return self.add("Exp", [raw], output)
        return self.add("Identity", [raw], output)

    def both_classes(self, probability: str, output: str) -> str:
        """The probabilities of two classes, of that of the second."""
        one = self.constant(f"{output}_one", np.array([[1]], self._dtype))
        other = self.add("Sub", [one, probability], f"{output}_other")
        return self.add("Concat", [other, probability], output, axis=1)

    def label(self, probabilities: str, classes: Any, output: str) -> str:
        """The class of the highest probability."""
        place = self.add("ArgMax", [probabilities], f"{output}_place", axis=1, keepdims=0)
        return self.add("Gather", [self.constant(f"{output}_classes", classes), place], output)

    def _tensor(self, name: str, value: Any) -> Any:
        array = np.asarray(value)
        if array.dtype.kind in "OU":
            kind = self._onnx.TensorProto.STRING
            texts = [str(item).encode() for item in array.ravel()]
            return self._onnx.helper.make_tensor(name, kind, array.shape, texts)
        return self._onnx.numpy_helper.from_array(array, name)


def _of_xgboost(estimator: Any) -> Forest:
    """The trees that an XGBoost estimator predicts with: up to its best iteration."""
    booster = estimator.get_booster()
    is_stopped = getattr(estimator, "early_stopping_rounds", None) is not None
    best = getattr(estimator, "best_iteration", None) if is_stopped else None
    return of_xgboost(booster if best is None else booster[: best + 1])


def _of_lightgbm(estimator: Any) -> Forest:
    return of_lightgbm(estimator.booster_)


_FOREST_OF: dict[str, Callable[[Any], Forest]] = {
    **dict.fromkeys(
        (
            "DecisionTreeClassifier",
            "DecisionTreeRegressor",
            "ExtraTreeClassifier",
            "ExtraTreeRegressor",
            "RandomForestClassifier",
            "RandomForestRegressor",
            "ExtraTreesClassifier",
            "ExtraTreesRegressor",
        ),
        of_scikit_trees,
    ),
    "HistGradientBoostingClassifier": of_histogram_boosting,
    "HistGradientBoostingRegressor": of_histogram_boosting,
    **dict.fromkeys(("XGBClassifier", "XGBRegressor", "XGBRanker"), _of_xgboost),
    **dict.fromkeys(("LGBMClassifier", "LGBMRegressor", "LGBMRanker"), _of_lightgbm),
}
