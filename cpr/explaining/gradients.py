"""Integrated gradients of a TensorFlow model.

Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks" (2017):
the gradient of a score, integrated along the straight line from the baseline
to the instance, times the way. The attributions add up to the difference of
the scores as far as the integral is exact, which is what is looked at: the
steps are doubled until it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cpr.errors import BadInput
from cpr.explaining.budget import Budget
from cpr.explaining.explanation import check_complete
from cpr.explaining.gradient_model import INSTEAD, GradientModel, Tensors
from cpr.explaining.scores import check_size
from cpr.explaining.shapley import Estimate, Floats
from cpr.explaining.subjects import Subject
from cpr.wire.tensors import columns as columns_of
from cpr.wire.tensors import dense

# Attributions are as good as this before more steps are no longer worth it, and no worse than that.
_GOOD, _BAD = 0.01, 0.05
_DOUBLINGS = 6
# Gauss and Legendre's points in each panel of the line.
_POINTS = 5


@dataclass(frozen=True)
class Target:
    """The score that is integrated: an output of a signature, and the inputs that lead to it."""

    model: GradientModel
    signature: Any
    output: str


def explain(
    subject: Subject,
    target: Target,
    picked: Sequence[int],
    *,
    steps: int,
    budget: Budget,
) -> tuple[Estimate, list[float]]:
    """Attributions of all leaves of a subject to some scores, and the error of each score's.

    Args:
        subject: The instance; inputs that are no floats stay as they are.
        target: The score.
        picked: Which scores of the output.
        steps: How many gradients are taken at first.
        budget: Of the request.
    """
    feeds = _feeds(subject.instance, target.signature)
    scores = _scores(target, feeds, budget)
    shape = (len(subject.values), len(picked))
    attributions, errors = np.zeros(shape), [0.0] * len(picked)
    empty = np.zeros(len(picked))
    count = len(subject.baselines)
    for baseline in subject.baselines:
        line = _Line.between(subject, baseline, feeds, target)
        below = _scores(target, line.at(np.zeros(1)), budget)
        for position, column in enumerate(picked):
            difference = float(scores[column] - below[column])
            found, error = _integrate(line, target, column, difference, steps, budget)
            attributions[:, position] += found / count
            empty[position] += below[column] / count
            errors[position] = max(errors[position], error)
    full = scores[list(picked)]
    return Estimate(attributions, empty, full, None), errors


def _scores(target: Target, feeds: Tensors, budget: Budget) -> Floats:
    def run() -> Floats:
        return target.model.scores(target.signature.name, target.output, feeds)

    found: Any = budget.run(1, run)
    row: Floats = found[0]
    check_size(row)
    return row


@dataclass(frozen=True)
class _Line:
    """The way from a baseline to an instance, of the inputs that vary."""

    start: Tensors
    way: Tensors
    fixed: Tensors
    order: list[str]

    @classmethod
    def between(
        cls, subject: Subject, baseline: list[Any], feeds: Tensors, target: Target
    ) -> _Line:
        values = list(subject.values)
        for at in subject.free:
            values[at] = baseline[at]
        keys = list(subject.instance) if isinstance(subject.instance, dict) else list(feeds)
        floats = [name for name, value in feeds.items() if value.dtype.kind == "f"]
        if not floats:
            raise BadInput(
                f"no input of the signature {target.signature.name!r} holds floats, so that there "
                "are no gradients.",
                hint=INSTEAD,
            )
        # What is no float stays as it is in the instance: it need not be one that could be fed.
        mixed = _kept(subject, values, keys, floats)
        start = _feeds(mixed, target.signature)
        with np.errstate(over="ignore"):
            ways = {name: feeds[name] - start[name] for name in floats}
        for name, way in ways.items():
            if not np.isfinite(way).all():
                raise BadInput(
                    f"instance and baseline are so far apart in {name} that {way.dtype} cannot "
                    "hold the difference.",
                    hint="Give a baseline that is nearer to the instance.",
                )
        return cls(
            {name: start[name] for name in floats},
            ways,
            {name: value for name, value in feeds.items() if name not in floats},
            keys,
        )

    def at(self, points: Floats) -> Tensors:
        """The inputs at some points of the way, of 0 to 1."""
        found = {name: np.repeat(v, len(points), axis=0) for name, v in self.fixed.items()}
        for name, way in self.way.items():
            along = points.reshape(-1, *[1] * (way.ndim - 1)).astype(way.dtype)
            found[name] = self.start[name] + along * way
        return found

    def leaves(self, gradients: Mapping[str, npt.NDArray[Any]]) -> Floats:
        """Attributions of all leaves, in the instance's order."""
        parts = []
        for name in self.order:
            if name in self.way:
                parts.append((gradients[name] * self.way[name][0].astype(np.float64)).ravel())
            else:
                parts.append(np.zeros(self.fixed[name].size))
        return np.concatenate(parts)


def _kept(subject: Subject, values: list[Any], keys: Sequence[str], floats: Sequence[str]) -> Any:
    """The baseline as an instance, with the inputs that are no floats as they were."""
    changed = subject.rebuild(values)
    if not isinstance(changed, dict):
        return changed
    return {key: changed[key] if key in floats else subject.instance[key] for key in keys}


def _integrate(
    line: _Line, target: Target, column: int, difference: float, steps: int, budget: Budget
) -> tuple[Floats, float]:
    """Attributions of all leaves for one score, and their error."""
    best: Floats | None = None
    error = float("inf")
    for _ in range(_DOUBLINGS):
        found = line.leaves(_mean_gradient(line, target, column, steps, budget))
        size = max(abs(difference), float(np.abs(found).sum()) / 10, 1e-9)
        off = abs(float(found.sum()) - difference) / size
        if off < error:
            best, error = found, off
        if error <= _GOOD:
            break
        steps *= 2
    if best is None:
        raise BadInput(
            "the gradients between instance and baseline are no finite numbers.", hint=INSTEAD
        )
    size = max(abs(difference), float(np.abs(best).sum()) / 10, 1e-9)
    check_complete(
        best,
        difference,
        tolerance=_BAD * size,
        hint=f"The model jumps between baseline and instance. {INSTEAD}",
    )
    return best, error


def _mean_gradient(
    line: _Line, target: Target, column: int, steps: int, budget: Budget
) -> dict[str, Floats]:
    """The gradients' means along the way."""
    points, weights = _quadrature(steps)
    total = {name: np.zeros(way.shape[1:]) for name, way in line.way.items()}
    names = list(line.way)
    start = 0
    while start < len(points):
        part = slice(start, start + budget.rows)
        feeds = line.at(points[part])

        def run(feeds: Tensors = feeds) -> Tensors:
            return target.model.gradients(
                target.signature.name, target.output, feeds, names, column
            )

        try:
            found: Any = budget.run(len(points[part]), run)
        except BadInput:
            if budget.rows == 1:
                raise
            budget.limit_rows(1)  # the graph may be one for a single instance
            continue
        for name, gradient in found.items():
            total[name] += np.tensordot(weights[part], gradient.astype(np.float64), axes=1)
        start = part.stop
    return total


def _quadrature(steps: int) -> tuple[Floats, Floats]:
    """Points of 0 to 1 with weights: Gauss and Legendre's rule in panels of equal width."""
    panels = max(1, -(-steps // _POINTS))
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    starts = np.arange(panels)[:, None]
    points = (starts + (nodes + 1) / 2) / panels
    return points.ravel(), np.tile(weights / 2 / panels, panels)


def _feeds(instance: Any, signature: Any) -> Tensors:
    """The inputs of one instance, as arrays of one row."""
    names = list(signature.inputs)
    by_name = columns_of([instance], names)
    return {
        name: dense(
            by_name[name],
            bytes if spec.dtype == "string" else np.dtype(spec.dtype),
            what=f"instances{{}}.{name}",
        )
        for name, spec in signature.inputs.items()
    }
