"""Shapley values of a function of sets: exact where that is cheap, else sampled.

The function tells, for each set of features, the scores of the instance with
only those features, the others being the baseline's. Baseline Shapley in the
words of Sundararajan and Najmi, "The many Shapley values for model
explanation" (2020); sampling as Castro, Gómez and Tejada (2009), with each
permutation followed by its reverse, which takes most of the variance away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]

Values = Callable[[Masks], Floats]
"""Scores, one row of them for each row of a mask: true where a feature is the instance's."""


@dataclass(frozen=True)
class Estimate:
    """Shapley values of each feature (rows) for each score (columns).

    Attributes:
        attributions: They add up to `full` less `empty`.
        empty: The scores of the baseline.
        full: The scores of the instance.
        errors: The standard error of each attribution; None where one sample
            was all there is, zero where every set was looked at.
    """

    attributions: Floats
    empty: Floats
    full: Floats
    errors: Floats | None


def predictions_needed(features: int, paths: int) -> int:
    """The most sets that an estimate looks at."""
    if is_exact(features, paths):
        return int(2**features)
    return paths * (features - 1) + 2


def is_exact(features: int, paths: int) -> bool:
    """Whether all sets are no more than sampling would look at."""
    return features <= 20 and 2**features <= paths * (features - 1) + 2


def estimate(values: Values, features: int, *, paths: int, seed: int) -> Estimate:
    """The Shapley values of `features` features.

    Args:
        values: Asked once, for all sets that are needed.
        features: How many there are; at least one.
        paths: How many permutations are followed where not all sets are.
        seed: Of the permutations: the same seed, the same answer.
    """
    if is_exact(features, paths):
        return _exact(values, features)
    return _sampled(values, features, paths, seed)


def _exact(values: Values, features: int) -> Estimate:
    count = 2**features
    numbers = np.arange(count)
    masks = (numbers[:, None] >> np.arange(features)) & 1 == 1
    scores = values(masks)
    sizes = masks.sum(axis=1)
    weights = np.array(
        [factorial(n) * factorial(features - n - 1) for n in range(features)], dtype=np.float64
    ) / factorial(features)
    attributions = np.empty((features, scores.shape[1]))
    for feature in range(features):
        without = numbers[~masks[:, feature]]
        gains = scores[without | (1 << feature)] - scores[without]
        attributions[feature] = weights[sizes[without]] @ gains
    return Estimate(attributions, scores[0], scores[-1], np.zeros_like(attributions))


def _sampled(values: Values, features: int, paths: int, seed: int) -> Estimate:
    orders = _orders(features, paths, seed)
    ends = np.array([[False] * features, [True] * features])
    scores = values(np.concatenate([ends, *map(_between, orders)]))
    empty, full = scores[0], scores[1]
    steps = scores[2:].reshape(paths, features - 1, -1)
    gains = np.empty((paths, features, scores.shape[1]))
    for path, order in enumerate(orders):
        along = np.concatenate([empty[None], steps[path], full[None]])
        gains[path, order] = np.diff(along, axis=0)
    return Estimate(gains.mean(axis=0), empty, full, _errors(gains))


def _orders(features: int, paths: int, seed: int) -> list[npt.NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    orders: list[npt.NDArray[np.int64]] = []
    while len(orders) < paths:
        order = generator.permutation(features)
        orders += [order, order[::-1]]
    return orders[:paths]


def _between(order: npt.NDArray[np.int64]) -> Masks:
    """The sets between none and all, a feature more in each."""
    masks = np.zeros((len(order) - 1, len(order)), dtype=bool)
    for step, feature in enumerate(order[:-1]):
        masks[step:, feature] = True
    return masks


def _errors(gains: Floats) -> Floats | None:
    """The standard errors of the means; a path and its reverse are one sample."""
    pairs = len(gains) // 2
    if pairs < 2:
        return None
    samples = (gains[0 : 2 * pairs : 2] + gains[1 : 2 * pairs : 2]) / 2
    errors: Floats = samples.std(axis=0, ddof=1) / np.sqrt(pairs)
    return errors
