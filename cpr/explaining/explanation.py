"""Explanations as data, and as AI Platform and Vertex AI write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cpr.errors import PredictionFailed
from cpr.explaining.shapley import Floats

SCALAR = -1
"""The label index of an output that is a single number, as AI Platform has it."""


@dataclass(frozen=True)
class Attribution:
    """How much each feature adds to one score of one instance.

    Attributes:
        output_name: Of the output that the score is of.
        label_index: Of the score in it; -1 where it is a single number.
        label_name: What the label is called; "" where nothing tells.
        baseline_score: That of the baseline, or the mean of several.
        example_score: That of the instance.
        attributions: By feature, of the form of the feature's values.
        approx_error: How far off they may be, as a share of them; None where
            that cannot be told.
    """

    output_name: str
    label_index: int
    label_name: str
    baseline_score: float
    example_score: float
    attributions: Mapping[str, Any]
    approx_error: float | None


@dataclass(frozen=True)
class Explanation:
    """Of one instance: an attribution for each label that was asked for.

    `prediction` is what the predictor said of the instance, or None where it
    was not asked.
    """

    attributions: Sequence[Attribution]
    prediction: Any = None


def check_complete(
    attributions: Floats, difference: float, *, tolerance: float, hint: str = ""
) -> None:
    """Make sure that attributions add up to the difference between the scores.

    Args:
        attributions: Of all features, for one label.
        difference: Of the instance's score and the baseline's.
        tolerance: How far off the sum may be.
        hint: What to do where it is not.

    Raises:
        PredictionFailed: They do not.
    """
    total = float(np.sum(attributions))
    if not abs(total - difference) <= tolerance:
        raise PredictionFailed(
            f"the attributions add up to {total:.6g}, but the scores of the instance and the "
            f"baseline differ by {difference:.6g}.",
            hint=hint,
        )


def to_aiplatform(explanations: Sequence[Explanation]) -> dict[str, Any]:
    """The body of AI Platform's answer."""
    return {
        "explanations": [
            {"attributions_by_label": [_by_label(item) for item in explanation.attributions]}
            for explanation in explanations
        ]
    }


def to_vertex(explanations: Sequence[Explanation]) -> dict[str, Any]:
    """The body of Vertex AI's answer, with the predictions."""
    return {
        "explanations": [
            {"attributions": [_attribution(item) for item in explanation.attributions]}
            for explanation in explanations
        ],
        "predictions": [explanation.prediction for explanation in explanations],
    }


def _by_label(item: Attribution) -> dict[str, Any]:
    found = {
        "label_index": item.label_index,
        "label_name": item.label_name or None,
        "output_name": item.output_name,
        "baseline_score": item.baseline_score,
        "example_score": item.example_score,
        "attributions": item.attributions,
        "approx_error": item.approx_error,
    }
    return {key: value for key, value in found.items() if value is not None}


def _attribution(item: Attribution) -> dict[str, Any]:
    found = {
        "baselineOutputValue": item.baseline_score,
        "instanceOutputValue": item.example_score,
        "featureAttributions": item.attributions,
        "outputIndex": [item.label_index],
        "outputDisplayName": item.label_name or None,
        "approximationError": item.approx_error,
        "outputName": item.output_name,
    }
    return {key: value for key, value in found.items() if value is not None}
