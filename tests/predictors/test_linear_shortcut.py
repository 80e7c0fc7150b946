"""Linear models predict the same by the shortcut, to the last bit, or not by it."""

import pickle
import warnings

import numpy as np
import pytest

from cpr.errors import BadInput
from cpr.predictors._linear_shortcut import linear_shortcut
from cpr.predictors.sklearn_estimator import SklearnEstimator

pytest.importorskip("sklearn", reason="needs the extra cpr[sklearn]")

from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC

ROWS, CLASSES = load_iris(return_X_y=True)
WIDE, TWO = make_classification(300, 200, random_state=0)
NAMES = np.array(["setosa", "versicolor", "virginica"])
RANDOM = np.random.default_rng(5)


class Shifted(StandardScaler):
    """A scaler of the user's own, which does more."""

    def transform(self, rows, copy=None):
        return super().transform(rows, copy) + 1


class Inverted(LogisticRegression):
    """A model of the user's own, which keeps scikit-learn's predict."""

    def decision_function(self, rows):
        return -super().decision_function(rows)


def logistic():
    return LogisticRegression(max_iter=2000)


FITTED = {
    "scaled logistic": make_pipeline(StandardScaler(), logistic()).fit(ROWS, CLASSES),
    "names of classes": make_pipeline(StandardScaler(), logistic()).fit(ROWS, NAMES[CLASSES]),
    "objects of classes": make_pipeline(logistic()).fit(ROWS, NAMES[CLASSES].astype(object)),
    "two classes": make_pipeline(StandardScaler(), logistic()).fit(WIDE, TWO),
    "no scaler": logistic().fit(ROWS, CLASSES),
    "no mean": make_pipeline(StandardScaler(with_mean=False), LinearSVC()).fit(ROWS, CLASSES),
    "no deviation": make_pipeline(StandardScaler(with_std=False), Ridge()).fit(ROWS, CLASSES),
    "twice": make_pipeline(StandardScaler(), StandardScaler(), Ridge()).fit(ROWS, CLASSES),
    "passed through": make_pipeline("passthrough", LinearRegression()).fit(ROWS, CLASSES),
    "stochastic": make_pipeline(StandardScaler(), SGDClassifier(random_state=0)).fit(WIDE, TWO),
    "ridge": make_pipeline(StandardScaler(), RidgeClassifier()).fit(ROWS, CLASSES == 1),
    "sparse": ElasticNet().fit(WIDE, TWO),
    "several targets": LinearRegression().fit(ROWS, np.stack([CLASSES, -CLASSES], axis=1)),
}
OTHERS = {
    "own scaler": make_pipeline(Shifted(), logistic()).fit(ROWS, CLASSES),
    "own model": Inverted(max_iter=2000).fit(ROWS, CLASSES),
    "another scaler": make_pipeline(MinMaxScaler(), logistic()).fit(ROWS, CLASSES),
    "polynomial": make_pipeline(PolynomialFeatures(), LinearRegression()).fit(ROWS, CLASSES),
    "several labels": RidgeClassifier().fit(ROWS, np.stack([CLASSES == 0, CLASSES > 1], axis=1)),
    "link": PoissonRegressor().fit(ROWS, CLASSES),
    "forest": RandomForestClassifier(3).fit(ROWS, CLASSES),
    "nothing": make_pipeline(StandardScaler(), logistic()),
    "text": "no estimator",
}


@pytest.mark.parametrize("name", FITTED)
@pytest.mark.parametrize("count", [1, 2, 5, 31, 64, 500, 3000])
def test_the_shortcut_predicts_what_scikit_learn_does_to_the_last_bit(name, count):
    estimator = FITTED[name]
    shortcut = linear_shortcut(estimator)
    rows = RANDOM.normal(size=(count, shortcut.width)) * 10.0 ** RANDOM.integers(-9, 9)

    ours, theirs = shortcut(rows), estimator.predict(rows)

    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("name", OTHERS)
def test_there_is_no_shortcut_through_what_is_not_known(name):
    assert linear_shortcut(OTHERS[name]) is None


def test_there_is_no_shortcut_where_the_numbers_differ(monkeypatch):
    estimator = FITTED["scaled logistic"]
    monkeypatch.setattr(type(estimator), "predict", lambda self, rows: np.zeros(len(rows), int))
    assert linear_shortcut(estimator) is None


@pytest.mark.parametrize(
    "table",
    [
        np.full((1, 4), np.nan),
        np.array([[1.0, 2.0, 3.0, np.inf]]),
        np.full((2, 4), 1e308) * np.array([1, 1, 1, -1]),
        np.zeros((2, 4), np.float32),
        np.zeros((2, 4), object),
        np.zeros((2, 3)),
        np.zeros(4),
        [[0.0] * 4],
    ],
    ids=["nan", "inf", "overflow", "float32", "objects", "width", "flat", "list"],
)
def test_tables_that_scikit_learn_looks_at_closely_are_left_to_it(table):
    scaler = StandardScaler().fit(ROWS)
    scaler.scale_ = scaler.scale_ * 1e-9
    estimator = make_pipeline(scaler, FITTED["no scaler"])
    assert linear_shortcut(estimator)(table) is None


def served(tmp_path, estimator):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(estimator))
    return SklearnEstimator.from_path(str(tmp_path))


@pytest.mark.parametrize("rows", [[[5.1, 3.5, 1.4, 0.2]], [[5, 3, 1, 0], [6, 3, 5, 2]]], ids=str)
def test_a_predictor_takes_the_shortcut_for_numbers(tmp_path, monkeypatch, rows):
    predictor = served(tmp_path, FITTED["names of classes"])
    expected = FITTED["names of classes"].predict(np.array(rows, float)).tolist()
    monkeypatch.delattr(type(predictor.estimator), "predict")

    assert predictor.predict(rows) == expected


def test_what_a_predictor_refuses_it_refuses_as_before(tmp_path):
    predictor = served(tmp_path, FITTED["scaled logistic"])
    with pytest.raises(BadInput, match="Pipeline refused the instances") as error:
        predictor.predict([[1.0, None, 2.0, 3.0]])
    assert "NaN" in error.value.problem
    with pytest.raises(BadInput, match="Each instance has 3 features; the model takes 4"):
        predictor.predict([[1.0, 2.0, 3.0]])


def test_names_of_columns_are_no_warning(tmp_path):
    pandas = pytest.importorskip("pandas", reason="needs the extra cpr[pandas]")
    frame = pandas.DataFrame(ROWS, columns=["a", "b", "c", "d"])
    predictor = served(tmp_path, logistic().fit(frame, CLASSES))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert predictor.predict([{"b": 3.5, "a": 5.1, "d": 0.2, "c": 1.4}]).tolist() == [0]
