"""Shapley values: against their definition, and what sampling leaves of it."""

import numpy as np
import pytest

from cpr.explaining.shapley import estimate, is_exact, predictions_needed


def game(features, outputs=2, seed=0):
    """Scores of every set of features, drawn at random; `values` and the table."""
    table = np.random.default_rng(seed).normal(size=(2**features, outputs))

    def values(masks):
        return table[(masks * 2 ** np.arange(features)).sum(axis=1)]

    return values, table


def score_of(table, output):
    return lambda row: table[sum(2**at for at, is_own in enumerate(row) if is_own), output]


@pytest.mark.parametrize("features", range(1, 8))
def test_a_few_features_are_exact(features, exactly):
    values, table = game(features)
    found = estimate(values, features, paths=50, seed=0)
    ones, none = [1] * features, [0] * features
    expected = [exactly(score_of(table, output), ones, none) for output in range(2)]
    assert np.allclose(found.attributions.T, expected)
    assert not found.errors.any()


@pytest.mark.parametrize("paths", [1, 2, 3, 10, 25])
def test_sampled_values_add_up_to_the_difference_of_the_scores(paths):
    values, table = game(10)
    found = estimate(values, 10, paths=paths, seed=1)
    assert found.attributions.sum(axis=0) == pytest.approx(table[-1] - table[0])
    assert (found.empty == table[0]).all()
    assert (found.full == table[-1]).all()


def test_many_paths_come_near_the_exact_values(exactly):
    values, table = game(7, outputs=1)
    exact = exactly(score_of(table, 0), [1] * 7, [0] * 7)
    found = estimate(values, 7, paths=20, seed=3)
    assert not is_exact(7, 20)
    assert np.abs(found.attributions[:, 0] - exact).max() < 4 * found.errors.max()


def test_the_error_says_how_far_the_values_scatter():
    values, _ = game(9, outputs=1)
    samples = [estimate(values, 9, paths=20, seed=seed) for seed in range(200)]
    scatter = np.std([item.attributions[:, 0] for item in samples], axis=0)
    told = np.mean([item.errors[:, 0] for item in samples], axis=0)
    assert told == pytest.approx(scatter, rel=0.35)


def test_one_path_and_its_reverse_tell_no_error():
    values, _ = game(10)
    assert estimate(values, 10, paths=3, seed=0).errors is None
    assert estimate(values, 10, paths=4, seed=0).errors is not None


def test_the_same_seed_gives_the_same_values():
    values, _ = game(10)
    first, again, other = (estimate(values, 10, paths=6, seed=seed) for seed in (5, 5, 6))
    assert (first.attributions == again.attributions).all()
    assert (first.attributions != other.attributions).any()


def test_a_sum_of_features_needs_no_sampling():
    weights = np.arange(12.0)
    found = estimate(lambda masks: masks @ weights[:, None], 12, paths=4, seed=0)
    assert found.attributions[:, 0] == pytest.approx(weights)
    assert found.errors.max() < 1e-12


@pytest.mark.parametrize(("features", "paths"), [(1, 1), (2, 1), (5, 3), (7, 50), (40, 9)])
def test_as_many_sets_are_asked_for_as_was_said(features, paths):
    asked = []

    def values(masks):
        asked.extend(map(tuple, masks.tolist()))
        return masks.sum(axis=1, keepdims=True).astype(float)

    estimate(values, features, paths=paths, seed=0)
    assert len(asked) == predictions_needed(features, paths)
    if is_exact(features, paths):
        assert len(set(asked)) == 2**features
