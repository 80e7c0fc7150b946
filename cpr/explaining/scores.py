"""The numbers in predictions that can be explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from cpr.describing.estimators import labels_of
from cpr.describing.parameters import parameters_of
from cpr.errors import BadInput, BadOutput, shorten
from cpr.explaining.explanation import SCALAR
from cpr.explaining.shapley import Floats
from cpr.routine import Routine
from cpr.suggest import did_you_mean
from cpr.wire.json_codec import dumps
from cpr.wire.tensors import describe

# The squares of larger ones are no longer finite, nor are the sums that attributions are.
_LARGEST = 1e150


@dataclass(frozen=True)
class Scorer:
    """Finds the scores in predictions.

    Attributes:
        output: The key of the output in a prediction; None where a prediction
            is the output itself.
        output_name: What the answer calls it.
        width: How many scores it has; 0 where it is a single number.
        labels: What its scores are called; empty where nothing tells.
        is_object: Whether the output is an object of probabilities, by label.
    """

    output: str | None
    output_name: str
    width: int
    labels: Sequence[str] = ()
    is_object: bool = False

    def scores(self, predictions: Sequence[Any] | Floats) -> Floats:
        """A row of scores for each prediction.

        Raises:
            BadOutput: Some are no numbers, or not as many as the others.
            BadInput: Some are not finite, or too large.
        """
        picked: Any = predictions
        if self.output is not None:
            picked = [_member(item, self.output) for item in predictions]
        if self.is_object:
            picked = [[_member(item, label) for label in self.labels] for item in picked]
        try:
            shape = (len(predictions), self.width or 1)
            rows = np.asarray(picked, dtype=np.float64).reshape(shape)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadOutput(
                "the predictions of an instance and its variants are not all numbers of one "
                f"form: {shorten(picked[0])} and {shorten(picked[-1])}.",
                hint="An explanation compares the scores of variants of the instance.",
            ) from error
        check_size(rows)
        return rows

    def label_index(self, column: int) -> int:
        """The label of a column of scores."""
        return column if self.width else SCALAR

    def label_name(self, column: int) -> str:
        """What it is called, where that is known."""
        is_known = len(self.labels) == self.width > 0
        return self.labels[column] if is_known else ""


def check_size(scores: Floats) -> None:
    """Refuse scores that cannot be told apart.

    Raises:
        BadInput: One is no finite number, or too large.
    """
    is_usable = np.abs(scores) <= _LARGEST
    if not is_usable.all():
        found = scores[~is_usable][0]
        raise BadInput(
            f"the instance or a variant on the way to its baseline has the score {found:.6g}; "
            f"only finite numbers up to {_LARGEST:g} can be explained.",
            hint="Give a baseline that the model knows, near enough to the instance.",
        )


def _member(item: Any, name: str) -> Any:
    """A member of a prediction; what is no number where there is none."""
    return item.get(name, {}) if isinstance(item, Mapping) else {}


def listed(predictions: Any, count: int) -> Any:
    """Predictions as an array or as JSON's own types, one for each of `count` instances.

    Raises:
        BadOutput: There are not as many.
    """
    if not (isinstance(predictions, np.ndarray) and predictions.dtype.kind in "fiub"):
        predictions = orjson.loads(dumps(predictions, nonfinite="null"))
    if not isinstance(predictions, (list, np.ndarray)) or len(predictions) != count:
        raise BadOutput(
            f"predict returned {describe(predictions)} for {count} instances; expected as many "
            "predictions.",
            hint="Only a predictor that answers each instance can be explained.",
        )
    return predictions


def scorer_of(
    prediction: Any,
    routine: Routine,
    *,
    only: str = "",
    wanted: str = "",
    names: Mapping[str, str] | None = None,
) -> Scorer:
    """What is to be explained of predictions such as this one.

    Args:
        prediction: Of one instance.
        routine: Which made it.
        only: The name of the model's single output, which predictions leave away.
        wanted: The output that the request or the metadata names.
        names: What outputs are called, by their keys.

    Raises:
        BadInput: Several outputs have scores, or none has the name.
    """
    names = names or {}
    if isinstance(prediction, (np.ndarray, np.generic)):
        prediction = prediction.tolist()
    if not isinstance(prediction, dict) or (not wanted and _are_probabilities(prediction)):
        if not _has_scores(prediction):
            raise _no_scores(prediction, routine)
        told = next(iter(names.values())) if len(names) == 1 else only
        return _scorer(None, told, prediction, routine)
    scored = [key for key, value in prediction.items() if _has_scores(value)]
    by_name = {names.get(key, key): key for key in scored}
    wanted = by_name.get(wanted, wanted)
    if wanted and wanted not in scored:
        raise BadInput(
            f"the output {shorten(wanted)} has no scores; those that have are: "
            f"{', '.join(scored) or 'none'}.",
            hint=did_you_mean(wanted, scored),
        )
    if not scored:
        raise _no_scores(prediction, routine)
    if not wanted and len(scored) > 1:
        raise BadInput(
            f"several outputs have scores: {', '.join(scored)}.",
            hint=f'Name the one to explain: "explain": {{"output": "{scored[0]}"}}.',
        )
    key = wanted or scored[0]
    return _scorer(key, names.get(key, key), prediction[key], routine)


def with_scores(routine: Routine, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of predict that make a ready-made predictor answer with scores.

    Raises:
        BadInput: A classifier of scikit-learn has none.
    """
    found = dict(parameters)
    if not routine.is_ready_made or "probabilities" in found:
        return found
    predictor = routine.predictor
    estimator = getattr(predictor, "estimator", None)
    if estimator is None:
        if getattr(predictor, "labels", None):
            found["probabilities"] = True
        return found
    if routine.settings.output in ("", "predict") and hasattr(estimator, "classes_"):
        if not hasattr(estimator, "predict_proba"):
            raise BadInput(
                f"{type(estimator).__name__} predicts classes without probabilities, of which "
                "nothing can be explained.",
                hint='Set predictor.output to "decision_function".',
            )
        found["probabilities"] = True
    return found


def _scorer(key: str | None, name: str, value: Any, routine: Routine) -> Scorer:
    if isinstance(value, dict):
        return Scorer(key, name or "probabilities", len(value), list(value), is_object=True)
    labels = _labels(routine)
    width = int(np.size(value)) if isinstance(value, list) else 0
    return Scorer(key, name or ("probabilities" if labels else "prediction"), width, labels)


def _has_scores(value: Any) -> bool:
    """Whether it is a number or a list of them, lists around that aside, or probabilities."""
    if isinstance(value, dict):
        return _are_probabilities(value)
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(isinstance(item, (int, float)) for item in values)


def _are_probabilities(prediction: Mapping[str, Any]) -> bool:
    """Whether an object holds the probabilities of labels, by their names."""
    values = list(prediction.values())
    if len(values) < 2 or not all(type(value) in (int, float) for value in values):
        return False
    return all(0 <= value <= 1 for value in values) and abs(sum(values) - 1) < 1e-3


def _labels(routine: Routine) -> list[str]:
    predictor = routine.predictor
    labels = getattr(predictor, "labels", None)
    if not isinstance(labels, list):
        labels = labels_of(getattr(predictor, "estimator", None))
    return [str(label) for label in labels or ()]


def _no_scores(value: Any, routine: Routine) -> BadInput:
    names = [item["name"] for item in parameters_of(routine, "custom")]
    hint = "Give the parameter of predict that makes it return scores"
    if routine.is_ready_made:
        hint += ": probabilities: true."
    else:
        hint += f"; it takes {', '.join(names)}." if names else ", if there is one."
    return BadInput(
        f"a prediction is {shorten(value)}; only a number or a list of numbers can be explained.",
        hint=hint,
    )
