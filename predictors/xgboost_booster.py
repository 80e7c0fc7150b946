"""Serves an XGBoost model: ``model.bst``, ``model.ubj`` or ``model.json``."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cpr.artifacts.companions import (
    Preprocessor,
    first_line,
    label_predictions,
    load_labels,
    load_preprocessor,
)
from cpr.artifacts.compiled import native, open_compiled
from cpr.artifacts.detect import detect
from cpr.artifacts.pickles import load_pickle
from cpr.artifacts.ubjson import find_damage
from cpr.config import PredictorSettings
from cpr.errors import BadInput, LoadError, PredictionFailed, shorten
from cpr.estimators.preparation import Preparation
from cpr.extras import import_extra
from cpr.predictor import Predictor
from cpr.predictors._checks import check_output, check_request
from cpr.predictors._compiled_tables import CompiledBooster, OutsideCompiled
from cpr.wire.tensors import columns, dense, describe

logger = logging.getLogger(__name__)

OUTPUTS = ("predict", "margin")
_OLD_FORMAT = (b"binf", b"bs64")
_SEVERAL_CLASSES = "multi:softmax"
_TWO_CLASSES = "binary:logistic"


class XgboostBooster(Predictor):
    """An XGBoost Booster; predicts as `Booster.predict` of a DMatrix does.

    An instance is a list of features, or an object where the booster knows
    its features' names; null is a missing value. The setting ``output =
    "margin"`` asks for the untransformed margin. With labels, classes and
    probabilities become names, unless a request says ``"probabilities":
    true``.

    Attributes:
        booster: The loaded model.
        preprocessor: What instances pass through before it, if anything.
        labels: The names of its classes, where they are known.
        objective: What it was trained for.
    """

    batchable = True

    def __init__(
        self,
        booster: Any,
        *,
        output: str = "predict",
        preprocessor: Preprocessor | None = None,
        labels: list[str] | None = None,
    ) -> None:
        self.booster = booster
        self._width = booster.num_features()
        self._names: list[str] | None = booster.feature_names
        self._is_margin = output == "margin"
        self._compiled = booster if isinstance(booster, CompiledBooster) else None
        if self._compiled is None:
            booster.set_param({"nthread": 1})
            learner = json.loads(booster.save_config())["learner"]
            self._xgboost = import_extra("xgboost", "xgboost")
            self.objective = str(learner["objective"]["name"])
            # Skips building a DMatrix, a third of the time of a small request. DART
            # sums its trees in another order there, and linear boosters refuse.
            self._is_inplace = learner["gradient_booster"]["name"] == "gbtree"
        else:
            self.objective = self._compiled.objective
        self._original: XgboostBooster | None = None
        self._load_original: Callable[[], XgboostBooster] = lambda: self
        self.labels = labels
        self.preprocessor = preprocessor
        self._prepare = Preparation(preprocessor) if preprocessor else None
        self.batchable = self._prepare is None or self._prepare.is_rowwise

    @classmethod
    def from_path(
        cls, model_dir: str | Path, *, settings: PredictorSettings | None = None
    ) -> XgboostBooster:
        """Load the booster and what stands beside it.

        Raises:
            LoadError: There is none, or the file is damaged or in a format
                that the installed XGBoost does not read.
        """
        settings = settings or PredictorSettings()
        output = settings.output or "predict"
        check_output(output, OUTPUTS)
        folder = Path(model_dir)
        artifact = detect(folder, "xgboost")
        made = cls(
            open_compiled(artifact, settings, CompiledBooster) or _load(artifact.path, settings),
            output=output,
            preprocessor=load_preprocessor(folder, settings),
            labels=load_labels(folder, settings),
        )
        made._load_original = lambda: cls.from_path(folder, settings=native(settings))
        return made

    def predict(  # type: ignore[override]  # named, so that other parameters are not passed
        self,
        instances: Any,
        *,
        probabilities: bool = False,
        signature_name: str | None = None,
    ) -> Any:
        """Answer each instance; `signature_name` is ignored, as on AI Platform."""
        del signature_name
        check_request(instances, probabilities)
        if not instances:
            return []
        predictions = self._run(self._table(instances))
        if self.labels is None or self._is_margin or probabilities:
            return predictions
        return label_predictions(self._as_classes(predictions, self.labels), self.labels)

    def _table(self, instances: list[Any]) -> npt.NDArray[np.float32]:
        rows: Any = instances
        if self._prepare is not None:
            rows = self._prepare(instances)
        elif any(type(row) is dict for row in instances):
            rows = self._by_name(instances)
        # Without a dtype, for it takes booleans too, as DMatrix does.
        table = dense(rows, nulls_as_nan=True)
        if table.dtype.kind not in "biuf":
            dense(rows, np.float32, nulls_as_nan=True)  # names the first text
        if table.ndim != 2:
            found = describe(instances[0])
            raise BadInput(f"instances[0] is {found}; expected a list of {self._width} features.")
        if table.shape[1] != self._width:
            raise BadInput(
                f"Each instance has {table.shape[1]} features; the model takes {self._width}.",
                hint="Send null for a missing value.",
            )
        return table.astype(np.float32, copy=False)

    def _by_name(self, instances: list[Any]) -> list[list[Any]]:
        if self._names is None:
            raise BadInput(
                "An instance is an object, but the model was trained without feature names.",
                hint="Send each instance as a list of its features.",
            )
        by_name = columns(instances, self._names)
        return [list(row) for row in zip(*(by_name[name] for name in self._names), strict=True)]

    def _run(self, table: npt.NDArray[np.float32]) -> Any:
        if self._compiled is not None:
            try:
                return self._compiled.run(table, is_margin=self._is_margin)
            except OutsideCompiled:
                return self._of_original(table)
        try:
            if self._is_inplace:
                kind = "margin" if self._is_margin else "value"
                return self.booster.inplace_predict(table, predict_type=kind)
            matrix = self._xgboost.DMatrix(
                table,
                nthread=1,
                feature_names=self._names,
                feature_types=self.booster.feature_types,
                enable_categorical=True,
            )
            return self.booster.predict(matrix, output_margin=self._is_margin)
        except Exception as error:
            raise PredictionFailed(f"XGBoost failed: {_first_line(error)}") from error

    @property
    def has_loaded_original(self) -> bool:
        """Whether a compiled Booster has met instances that the original had to answer."""
        return self._original is not None

    def _of_original(self, table: npt.NDArray[np.float32]) -> Any:
        """What the Booster itself answers to what the compiled one was not proven for."""
        if self._original is None:
            logger.warning(
                "instances are unlike those that the model was compiled for; the Booster itself "
                "is loaded to answer them"
            )
            self._original = self._load_original()
        return self._original._run(table)

    def _as_classes(self, predictions: Any, labels: list[str]) -> Any:
        """Class numbers, or scores of all classes, of the floats that XGBoost gives."""
        if self.objective == _SEVERAL_CLASSES:
            return predictions.astype(np.int64)
        if self.objective == _TWO_CLASSES and len(labels) == 2:
            return np.stack([1 - predictions, predictions], axis=-1)
        return predictions


def _load(path: Path, settings: PredictorSettings) -> Any:
    xgboost = import_extra("xgboost", "xgboost")
    if path.suffix in (".joblib", ".pkl"):
        return _unpickle(path, settings)
    data = path.read_bytes()
    if not data:  # XGBoost 3.2 aborts the process
        raise LoadError(f"{path} is empty.", hint="Write or copy it again.")
    # Both formats are objects; of UBJSON, the second byte is a length's type.
    if data[:1] == b"{" and data[1:2] in (b"L", b"l", b"I", b"U", b"i", b"#", b"$"):
        damage = find_damage(data)
        if damage:
            raise _unreadable(path, damage)
    try:
        # From memory, for XGBoost warns of every file that is called .bst.
        return xgboost.Booster(model_file=bytearray(data))
    except Exception as error:
        raise _explained(path, data[:16], error) from error


def _unpickle(path: Path, settings: PredictorSettings) -> Any:
    booster = load_pickle(path, settings)
    if hasattr(booster, "get_booster"):
        booster = booster.get_booster()
    if not hasattr(booster, "inplace_predict"):
        raise LoadError(f"{path} holds {shorten(booster)}, which is not an XGBoost model.")
    return booster


def _explained(path: Path, head: bytes, error: Exception) -> LoadError:
    if head.startswith(_OLD_FORMAT):
        return LoadError(
            f"{path} is in XGBoost's old binary format, which XGBoost 3.1 and later do not read.",
            hint="Load it once with XGBoost 1.6 to 3.0 and save it again: "
            "booster.save_model('model.ubj').",
        )
    if not head.startswith(b"{"):
        return LoadError(
            f"{path} is not an XGBoost model: it starts with {shorten(head)}, "
            "where JSON and UBJSON start with '{'.",
            hint="Save it with booster.save_model('model.ubj').",
        )
    return _unreadable(path, _first_line(error))


def _unreadable(path: Path, reason: str) -> LoadError:
    return LoadError(
        f"{path} is damaged or not an XGBoost model: {reason}.", hint="Write or copy it again."
    )


def _first_line(error: Exception) -> str:
    """XGBoost's message without the time, the source file and the C++ stack."""
    line = first_line(error)
    return line.partition("] ")[2].partition(": ")[2] or line if line.startswith("[") else line
