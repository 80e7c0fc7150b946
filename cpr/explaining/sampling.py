"""Sampled Shapley of any predictor, which is only ever asked for predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cpr.errors import BadInput, BadOutput
from cpr.explaining import shapley
from cpr.explaining.budget import MOST_FEATURES, Budget, check_numbers, check_predictions
from cpr.explaining.explanation import check_complete
from cpr.explaining.options import GRADIENTS, Options
from cpr.explaining.scores import Scorer, listed
from cpr.explaining.shapley import Estimate, Floats, Masks
from cpr.explaining.subjects import Subject
from cpr.messages import Instances
from cpr.routine import Routine

# Of scores in 32 bits, which the same instance may get in other company.
_SAME = 1e-4


class Oracle:
    """Predictions of any number of instances, some at a time.

    Where a predictor does not say that instances do not matter to each other,
    that is tried out: it gets them one by one if they do.

    Args:
        routine: What predicts.
        parameters: Of every predict.
        budget: Of the request.
    """

    def __init__(self, routine: Routine, parameters: Mapping[str, Any], budget: Budget) -> None:
        self._routine = routine
        self._parameters = parameters
        self._budget = budget
        self._is_trusted = routine.is_batchable

    def predict(self, instances: Sequence[Any]) -> list[Any]:
        """What the predictor says of each instance, asked as often as it takes."""
        found: list[Any] = []
        while len(found) < len(instances):
            found.extend(self._ask(instances[len(found) : len(found) + self._budget.rows]))
        return found

    def scores(
        self, count: int, make: Callable[[int], Any], scorer: Scorer, picked: Sequence[int]
    ) -> Floats:
        """Some of the scores of so many instances, which are made as they are needed."""
        check_numbers(count * len(picked), f"the scores of {len(picked):,} labels")
        found = np.empty((count, len(picked)))
        start = 0
        while start < count:
            stop = min(start + self._budget.rows, count)
            rows = scorer.scores(self._ask([make(number) for number in range(start, stop)]))
            found[start:stop] = rows[:, list(picked)]
            start = stop
        return found

    def settle(self, instance: Any, other: Any, scorer: Scorer) -> None:
        """Find out whether an instance has the same score in company as alone.

        Raises:
            BadOutput: It has none twice: the predictor draws lots.
        """
        if self._is_trusted:
            return
        alone = scorer.scores(self.predict([instance]))
        try:
            together = scorer.scores(self._ask([instance, other]))
        except (BadInput, BadOutput):  # of the predictor, which may want them one by one
            self._budget.limit_rows(1)
        else:
            if not np.allclose(alone[0], together[0], rtol=_SAME, atol=1e-7):
                self._budget.limit_rows(1)
        again = scorer.scores(self.predict([instance]))
        if not np.allclose(alone, again, rtol=_SAME, atol=1e-7):
            raise BadOutput(
                "the predictor answers the same instance differently each time.",
                hint="Only predictions that do not depend on chance can be explained.",
            )
        self._is_trusted = True

    def _ask(self, instances: Sequence[Any]) -> Any:
        def predict() -> Any:
            return self._routine.predict(Instances(list(instances), self._parameters))

        predictions = self._budget.run(len(instances), predict)
        if self._routine.contract.name == "VERTEX" and isinstance(predictions, dict):
            predictions = predictions.get("predictions")
        return listed(predictions, len(instances))


def check_cost(subjects: Sequence[Subject], options: Options) -> int:
    """How many predictions it takes, before any is made.

    Raises:
        BadInput: What there is too much of, and of how much.
    """
    total = 0
    for number, subject in enumerate(subjects):
        for baseline in subject.baselines:
            count = len(_changed(subject, baseline))
            if count > MOST_FEATURES:
                raise BadInput(
                    f"instances[{number}] has {count:,} features other than its baseline; sampled "
                    f"Shapley takes at most {MOST_FEATURES:,}.",
                    hint=f"Ask for the method {GRADIENTS}, which TensorFlow models have, or "
                    "send an instance with fewer values.",
                )
            total += shapley.predictions_needed(max(count, 1), options.num_paths)
    what = f"{len(subjects)} instance{'s' * (len(subjects) > 1)} on {options.num_paths} paths"
    check_predictions(total, what)
    return total


def explain(
    subject: Subject, oracle: Oracle, scorer: Scorer, options: Options, picked: Sequence[int]
) -> Estimate:
    """Attributions of all leaves of a subject to some scores, the mean over its baselines.

    Args:
        subject: The instance.
        oracle: What predicts its variants.
        scorer: Finds their scores.
        options: The paths and the seed.
        picked: Which scores.
    """
    against = [
        _against(subject, baseline, oracle, scorer, options, picked, seed=options.seed + number)
        for number, baseline in enumerate(subject.baselines)
    ]
    return _mean(against)


def _against(
    subject: Subject,
    baseline: list[Any],
    oracle: Oracle,
    scorer: Scorer,
    options: Options,
    picked: Sequence[int],
    *,
    seed: int,
) -> Estimate:
    changed = _changed(subject, baseline)

    def values(masks: Masks) -> Floats:
        def variant(number: int) -> Any:
            return _variant(subject, baseline, changed, masks[number].tolist())

        return oracle.scores(len(masks), variant, scorer, picked)

    if not changed:
        [kept] = oracle.scores(1, lambda _: subject.instance, scorer, picked)
        nothing = np.zeros((len(subject.values), len(picked)))
        return Estimate(nothing, kept, kept, nothing)
    estimate = shapley.estimate(values, len(changed), paths=options.num_paths, seed=seed)
    for column, difference in enumerate(estimate.full - estimate.empty):
        own = estimate.attributions[:, column]
        size = np.abs(own).sum() + abs(estimate.full[column]) + abs(estimate.empty[column])
        check_complete(own, float(difference), tolerance=1e-9 * float(size) + 1e-12)
    return _spread(estimate, changed, len(subject.values))


def _changed(subject: Subject, baseline: Sequence[Any]) -> list[int]:
    """The features whose value is not the baseline's: the others add nothing."""
    return [at for at in subject.free if not _same(subject.values[at], baseline[at])]


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _variant(
    subject: Subject, baseline: Sequence[Any], changed: Sequence[int], mask: Sequence[bool]
) -> Any:
    values = list(subject.values)
    for at, is_own in zip(changed, mask, strict=True):
        if not is_own:
            values[at] = baseline[at]
    return subject.rebuild(values)


def _spread(estimate: Estimate, changed: Sequence[int], leaves: int) -> Estimate:
    """The estimate with a row for each leaf, zeros for those that were not asked for."""

    def spread(rows: Floats | None) -> Floats | None:
        if rows is None:
            return None
        whole = np.zeros((leaves, rows.shape[1]))
        whole[list(changed)] = rows
        return whole

    attributions = spread(estimate.attributions)
    assert attributions is not None
    return Estimate(attributions, estimate.empty, estimate.full, spread(estimate.errors))


def _mean(estimates: Sequence[Estimate]) -> Estimate:
    """Of several baselines; each has its own seed: their errors do not depend on each other."""
    count = len(estimates)
    errors = [item.errors for item in estimates]
    known = [item for item in errors if item is not None]
    is_known = len(known) == count
    return Estimate(
        np.mean([item.attributions for item in estimates], axis=0),
        np.mean([item.empty for item in estimates], axis=0),
        np.mean([item.full for item in estimates], axis=0),
        np.sqrt(np.sum(np.square(known), axis=0)) / count if is_known else None,
    )
