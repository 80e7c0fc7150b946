"""Table models as ``cpr compile`` wrote them: in place of an estimator, or of a Booster."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from cpr.artifacts.compiled import Compiled
from cpr.errors import BadInput, LoadError, PredictionFailed
from cpr.predictors._onnx_session import open_session, reason

_LARGEST = float(np.finfo(np.float32).max)
_KINDS = {"f": np.float64, "i": np.int64, "u": np.int64, "b": np.bool_}


class OutsideCompiled(Exception):
    """Instances that the compiled model was not proven for: the original must answer."""


class CompiledEstimator:
    """Stands in for an estimator of scikit-learn's kind; has the methods that were compiled.

    A table of numbers goes in as one array, a mixed one column by column.
    What the model was not compared on, such as a null among texts, a category
    that the original refuses, or another thing than an array of as many
    columns, which a preprocessor may give, raises `OutsideCompiled`.
    """

    is_rowwise = True

    def __init__(self, compiled: Compiled) -> None:
        """Load the compiled file.

        Raises:
            LoadError: onnxruntime refuses it.
        """
        model = compiled.model
        self._session = open_session(compiled.folder / model["file"])
        self._dtype = np.dtype(model["precision"])
        self._inputs = [
            (item["name"], item["columns"], item["is_text"]) for item in model["inputs"]
        ]
        self._nulls = model.get("nulls", "mixed")
        self._refusal = model.get("refusal")
        known = model.get("known") or []
        self._known = {n: frozenset(values) for n, values in enumerate(known) if values is not None}
        self.described = model["described"]
        self.kind = model["kind"]
        if model["classes"] is not None:
            self.classes_ = np.array(model["classes"])
        if model["width"] is not None:
            self.n_features_in_ = model["width"]
        if model["names"] is not None:
            self.feature_names_in_ = np.array(model["names"], object)
        if model.get("takes_texts"):
            self.build_analyzer = True
        self.is_mixed = any(is_text for _, _, is_text in self._inputs)
        for method, entry in model["methods"].items():
            form = (entry["output"], entry["is_flat"], entry["kind"])
            setattr(self, method, partial(self._run, *form))

    def _run(self, output: str, is_flat: bool, kind: str, table: Any) -> Any:
        feeds = {name: self._feed(table, columns, text) for name, columns, text in self._inputs}
        try:
            found = self._session.run([output], feeds)[0]
        except Exception as error:
            raise PredictionFailed(f"The model failed: {reason(error)}") from error
        if is_flat and found.ndim == 2:
            found = found.ravel()
        if found.dtype.kind != kind and kind in _KINDS:
            found = found.astype(_KINDS[kind])
        return found

    def _feed(self, table: Any, columns: list[int] | None, is_text: bool) -> Any:
        if columns is None:
            if type(table) is not list or set(map(type, table)) != {str}:
                raise OutsideCompiled
            return np.array(table, object)
        if type(table) is not np.ndarray or table.shape[1:] != (self.n_features_in_,):
            raise OutsideCompiled
        if is_text:
            return self._texts(table, columns)
        if len(columns) != table.shape[1]:
            table = table[:, columns]
        if table.dtype == object:
            table = self._numbers(table)
        if table.dtype.kind == "f":
            # The squares add up to little only if all values are small: one pass.
            if not float(np.vdot(table, table)) <= _LARGEST:
                self._check_values(table)
        elif table.dtype.kind not in "biu":
            raise OutsideCompiled
        return table.astype(self._dtype, copy=False)

    def _texts(self, table: Any, columns: list[int]) -> Any:
        if table.dtype != object:
            raise OutsideCompiled
        picked = table if len(columns) == table.shape[1] else table[:, columns]
        if set(map(type, picked.ravel().tolist())) != {str}:
            raise OutsideCompiled
        for place, column in enumerate(columns):
            known = self._known.get(column)
            if known is not None and not known.issuperset(picked[:, place].tolist()):
                raise OutsideCompiled
        return picked

    def _numbers(self, table: Any) -> Any:
        if not set(map(type, table.ravel().tolist())) <= {int, float, type(None)}:
            raise OutsideCompiled
        return table.astype(np.float64)

    def _check_values(self, array: Any) -> None:
        """Leave to the original what it may refuse: forests take no more than float32 holds."""
        if (np.abs(array) > _LARGEST).any():
            raise OutsideCompiled
        if not np.isnan(array).any():
            return
        if self._nulls == "refused" and self._refusal is not None:
            problem, hint = self._refusal
            raise BadInput(problem, hint=hint)
        if self._nulls != "taken":
            raise OutsideCompiled


class CompiledBooster:
    """Stands in for an XGBoost Booster.

    Attributes:
        feature_names: As the Booster has them.
        objective: What it was trained for.
    """

    def __init__(self, compiled: Compiled) -> None:
        """Load the compiled file.

        Raises:
            LoadError: onnxruntime refuses it.
        """
        model = compiled.model
        self._session = open_session(compiled.folder / model["file"])
        self._width = int(model["width"])
        self.feature_names: list[str] | None = model["names"]
        self.objective = str(model["objective"])

    def num_features(self) -> int:
        """How many features a row has."""
        return self._width

    def run(self, table: Any, *, is_margin: bool) -> Any:
        """The predictions for a table of float32; NaN is a missing value.

        Raises:
            OutsideCompiled: It holds an infinity, which XGBoost may refuse.
            PredictionFailed: The model failed.
        """
        if not np.isfinite(np.vdot(table, table)) and np.isinf(table).any():
            raise OutsideCompiled
        try:
            return self._session.run(["margin" if is_margin else "predict"], {"table": table})[0]
        except Exception as error:
            raise PredictionFailed(f"The model failed: {reason(error)}") from error


def check_methods(estimator: CompiledEstimator, output: str) -> None:
    """Refuse a compiled estimator that lacks the method which the settings name.

    Raises:
        LoadError: It does.
    """
    if not hasattr(estimator, output):
        raise LoadError(f"{output} was not compiled")
