"""Serves a scikit-learn estimator or pipeline: ``model.joblib`` or ``model.pkl``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cpr.artifacts.companions import (
    Preprocessor,
    first_line,
    label_predictions,
    load_labels,
    load_preprocessor,
)
from cpr.artifacts.compiled import Compiled, native, open_compiled
from cpr.artifacts.detect import detect
from cpr.artifacts.pickles import load_pickle
from cpr.config import PredictorSettings
from cpr.errors import BadInput, CprError, LoadError, PredictionFailed, shorten
from cpr.estimators.parts import is_rowwise, run_on_one_thread
from cpr.estimators.preparation import Preparation
from cpr.estimators.tables import Layout
from cpr.predictor import Predictor
from cpr.predictors._checks import check_output, check_request
from cpr.predictors._compiled_tables import CompiledEstimator, OutsideCompiled, check_methods
from cpr.predictors._linear_shortcut import linear_shortcut

logger = logging.getLogger(__name__)

OUTPUTS = ("predict", "predict_proba", "decision_function", "transform")


class SklearnEstimator(Predictor):
    """Anything with scikit-learn's methods, as AI Platform served it.

    The setting `output` names the method; a request with ``"probabilities":
    true`` asks for `predict_proba` instead. Labels name the classes that
    `predict` returns as numbers. Requests are batched only where every part
    of the estimator comes from a library whose estimators treat rows one by
    one: not for a custom class or a FunctionTransformer, nor for `transform`.

    Attributes:
        estimator: As it was unpickled.
        preprocessor: What instances pass through before it, if anything.
        labels: The names of its classes, where they are known.
    """

    batchable = True

    def __init__(
        self,
        estimator: Any,
        *,
        output: str = "predict",
        preprocessor: Preprocessor | None = None,
        labels: list[str] | None = None,
    ) -> None:
        self.estimator = estimator
        self._output = output
        self.labels = labels
        self._layout = Layout(estimator)
        self._shortcut = linear_shortcut(estimator)
        self._original: SklearnEstimator | None = None
        self._load_original: Callable[[], SklearnEstimator] = lambda: self
        self.preprocessor = preprocessor
        self._prepare = Preparation(preprocessor) if preprocessor else None
        self.batchable = output != "transform" and is_rowwise(estimator)
        if self._prepare is not None:
            self.batchable = self.batchable and self._prepare.is_rowwise

    @classmethod
    def from_path(
        cls, model_dir: str | Path, *, settings: PredictorSettings | None = None
    ) -> SklearnEstimator:
        """Load the estimator and what stands beside it.

        Raises:
            LoadError: There is none, it cannot be unpickled, or it lacks the
                method that the setting `output` names.
        """
        folder = Path(model_dir)
        artifact = detect(folder, "scikit-learn")
        settings = settings or PredictorSettings()
        output = settings.output or "predict"

        def load_compiled(compiled: Compiled) -> CompiledEstimator:
            found = CompiledEstimator(compiled)
            check_methods(found, output)
            return found

        compiled = open_compiled(artifact, settings, load_compiled)
        estimator: Any = compiled or load_pickle(artifact.path, settings)
        if compiled is None:
            _check_method(artifact.path, estimator, output)
            run_on_one_thread(estimator)
        labels = load_labels(folder, settings)
        _check_labels(artifact.path, estimator, labels)
        preprocessor = load_preprocessor(folder, settings)
        made = cls(estimator, output=output, preprocessor=preprocessor, labels=labels)
        made._load_original = lambda: cls.from_path(folder, settings=native(settings))
        return made

    def predict(  # type: ignore[override]  # named, so that other parameters are not passed
        self,
        instances: Any,
        *,
        probabilities: bool = False,
        signature_name: str | None = None,
    ) -> Any:
        """Answer each instance: a row, an object of named features, or a text.

        `signature_name` is accepted and ignored, as on AI Platform.
        """
        del signature_name
        check_request(instances, probabilities)
        method = self._method(probabilities)
        if not instances:
            return []
        arrange = self._prepare or self._layout.arrange
        try:
            return self._labelled(method, self._call(method, arrange(instances), instances))
        except OutsideCompiled:
            return self._of_original(instances, probabilities)

    @property
    def has_loaded_original(self) -> bool:
        """Whether a compiled estimator has met instances that the original had to answer."""
        return self._original is not None

    def _of_original(self, instances: list[Any], probabilities: bool) -> Any:
        """What the estimator itself answers to what the compiled one was not proven for."""
        if self._original is None:
            logger.warning(
                "instances are unlike those that the model was compiled for; the estimator itself "
                "is loaded to answer them"
            )
            self._original = self._load_original()
        return self._original.predict(instances, probabilities=probabilities)

    def _method(self, probabilities: bool) -> str:
        if not probabilities:
            return self._output
        if not hasattr(self.estimator, "predict_proba"):
            raise BadInput(
                f"probabilities were asked for, but {_name(self.estimator)} has no predict_proba.",
                hint="Leave probabilities away.",
            )
        return "predict_proba"

    def _call(self, method: str, table: Any, instances: list[Any]) -> Any:
        if method == "predict" and self._shortcut is not None:
            predictions = self._shortcut(table)
            if predictions is not None:
                return _per_instance(predictions)
        try:
            with self._layout.quietly():
                result = getattr(self.estimator, method)(table)
        except (CprError, OutsideCompiled):
            raise
        except Exception as error:
            name = _name(self.estimator)
            if not isinstance(error, ValueError) or type(error).__name__ == "NotFittedError":
                raise PredictionFailed(
                    f"{name}.{method} failed: {type(error).__name__}: {first_line(error)}"
                ) from error
            raise BadInput(
                f"{name} refused the instances: {first_line(error).rstrip('.')}.",
                hint=_first_text(instances) if "to float" in str(error) else "",
            ) from error
        return _per_instance(result)

    def _labelled(self, method: str, predictions: Any) -> Any:
        is_flat = isinstance(predictions, np.ndarray) and predictions.ndim == 1
        if self.labels is None or method != "predict" or not is_flat:
            return predictions
        classes = getattr(self.estimator, "classes_", None)
        if classes is not None and predictions.dtype.kind == "f":
            predictions = _whole(predictions)
        return label_predictions(predictions, self.labels)


def _per_instance(result: Any) -> Any:
    """One prediction an instance, of what scikit-learn's methods return."""
    if isinstance(result, list) and result and all(isinstance(r, np.ndarray) for r in result):
        # predict_proba of several outputs: an array for each output.
        return [list(row) for row in zip(*(array.tolist() for array in result), strict=True)]
    if hasattr(result, "toarray"):
        result = result.toarray()
    if isinstance(result, np.ndarray) and result.dtype.kind in "OU":
        return result.tolist()
    return result


def _whole(predictions: Any) -> Any:
    """Classes that were numbered in floats, as integers."""
    whole = predictions.astype(np.int64)
    return whole if np.array_equal(whole, predictions) else predictions


def _first_text(instances: list[Any]) -> str:
    for index, row in enumerate(instances):
        for place, value in enumerate(row if isinstance(row, list) else ()):
            if isinstance(value, str):
                return f"The first text is instances[{index}][{place}]: {shorten(value)}."
    return ""


def _name(estimator: Any) -> str:
    return estimator.kind if isinstance(estimator, CompiledEstimator) else type(estimator).__name__


def _check_method(path: Path, estimator: Any, output: str) -> None:
    check_output(output, OUTPUTS)
    if type(estimator).__module__.startswith("xgboost.core"):
        raise LoadError(
            f"{path} holds an XGBoost {_name(estimator)}, not an estimator.",
            hint="Give --framework xgboost.",
        )
    if hasattr(estimator, output) and not isinstance(estimator, type):
        return
    has = [method for method in OUTPUTS if hasattr(estimator, method)]
    if not has or isinstance(estimator, type):
        raise LoadError(
            f"{path} holds {shorten(estimator)}, which is not a scikit-learn estimator.",
            hint="Save the fitted estimator or pipeline itself, or name your own class with "
            "--prediction-class.",
        )
    raise LoadError(
        f"{path} holds {_name(estimator)}, which has no {output}; it has {', '.join(has)}.",
        hint=f"Set predictor.output to {has[0]!r}.",
    )


def _check_labels(path: Path, estimator: Any, labels: list[str] | None) -> None:
    classes = getattr(estimator, "classes_", None)
    if labels is None or not isinstance(classes, np.ndarray) or classes.dtype.kind not in "iu":
        return
    if classes.size and int(classes.max()) >= len(labels):
        raise LoadError(
            f"{path} predicts classes up to {classes.max()}, but there are {len(labels)} labels: "
            "class 0 is the first label.",
            hint="Correct labels.txt or classes.json: it must name every class.",
        )
