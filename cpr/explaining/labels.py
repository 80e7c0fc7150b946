"""From estimates to attributions: which labels, by which names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cpr.errors import BadInput
from cpr.explaining.explanation import Attribution
from cpr.explaining.options import Options
from cpr.explaining.scores import Scorer
from cpr.explaining.shapley import Estimate, Floats
from cpr.explaining.subjects import Subject

Columns = Callable[[Floats], Sequence[int]]
"""Picks scores, given those of an instance."""


def columns_of(options: Options) -> Columns:
    """Picks the labels that a request asks for, by the scores of the instance."""

    def pick(scores: Floats) -> Sequence[int]:
        if options.label_index is not None:
            if options.label_index >= len(scores):
                raise BadInput(
                    f"explain.label_index is {options.label_index}; the output has "
                    f"{len(scores)} scores.",
                    hint="The first has the index 0.",
                )
            return [options.label_index]
        count = len(scores) if options.top_k == -1 else min(options.top_k, len(scores))
        order = np.argsort(-scores, kind="stable")
        return [int(column) for column in order[:count]]

    return pick


def attributions_of(
    subject: Subject,
    scorer: Scorer,
    estimate: Estimate,
    picked: Sequence[int],
    errors: Sequence[float | None],
) -> list[Attribution]:
    """The attributions of a subject, one for each label.

    Args:
        subject: The instance.
        scorer: Knows the names of its scores.
        estimate: Has a column for each label.
        picked: The labels.
        errors: Of each label's attributions.
    """
    return [
        Attribution(
            scorer.output_name,
            scorer.label_index(column),
            scorer.label_name(column),
            float(estimate.empty[position]),
            float(estimate.full[position]),
            subject.name([float(value) for value in estimate.attributions[:, position]]),
            errors[position],
        )
        for position, column in enumerate(picked)
    ]


def shares_of(estimate: Estimate) -> list[float | None]:
    """The standard errors of each score's attributions, as a share of them."""
    if estimate.errors is None:
        return [None] * len(estimate.full)
    sizes = np.abs(estimate.attributions).sum(axis=0)
    errors = np.sqrt((estimate.errors**2).sum(axis=0))
    return [float(e / size) if size else 0.0 for e, size in zip(errors, sizes, strict=True)]
