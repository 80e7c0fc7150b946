"""The scikit-learn predictor: agreement with the library, and its messages."""

import pickle

import numpy as np
import pytest

from cpr.config import PredictorSettings
from cpr.errors import BadInput, LoadError, PredictionFailed
from cpr.predictors.sklearn_estimator import SklearnEstimator

pytest.importorskip("sklearn", reason="needs the extra cpr[sklearn]")

from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

ROWS, CLASSES = load_iris(return_X_y=True)
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]
SOME = ROWS[::11].tolist()


class Custom(LinearRegression):
    """An estimator of the user's own."""


@pytest.fixture
def load(tmp_path):
    """Saves an estimator and files beside it, and loads the predictor."""

    def make(estimator, *, labels="", preprocessor=None, **settings):
        (tmp_path / "model.pkl").write_bytes(pickle.dumps(estimator))
        if labels:
            (tmp_path / "labels.txt").write_text(labels)
        if preprocessor is not None:
            (tmp_path / "preprocessor.pkl").write_bytes(pickle.dumps(preprocessor))
        return SklearnEstimator.from_path(str(tmp_path), settings=PredictorSettings(**settings))

    return make


def logistic(**options):
    return LogisticRegression(max_iter=1000, **options)


@pytest.mark.parametrize(
    "estimator",
    [
        logistic(),
        RandomForestClassifier(10, random_state=0),
        HistGradientBoostingClassifier(max_iter=5),
        GradientBoostingRegressor(n_estimators=5),
        KNeighborsClassifier(),
        SVC(),
        IsolationForest(n_estimators=5, random_state=0),
        make_pipeline(StandardScaler(), logistic()),
        GridSearchCV(logistic(), {"C": [1, 10]}, cv=2),
        VotingClassifier([("a", logistic()), ("b", SVC())]),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_predicts_as_the_library_does(load, estimator):
    estimator.fit(ROWS, CLASSES)
    assert np.array_equal(load(estimator).predict(SOME), estimator.predict(SOME))


@pytest.mark.parametrize("output", ["predict_proba", "decision_function"])
def test_the_setting_output_names_the_method(load, output):
    estimator = logistic().fit(ROWS, CLASSES)
    predictions = load(estimator, output=output).predict(SOME)
    assert np.array_equal(predictions, getattr(estimator, output)(SOME))


def test_transform_is_an_output_of_a_transformer(load):
    scaler = StandardScaler().fit(ROWS)
    predictor = load(scaler, output="transform")
    assert np.array_equal(predictor.predict(SOME), scaler.transform(SOME))
    assert not predictor.batchable


def test_a_sparse_transform_becomes_rows(load):
    encoder = OneHotEncoder(handle_unknown="ignore").fit([["a", 1], ["b", 2]])
    predictions = load(encoder, output="transform").predict([["a", 2], ["z", 1]])
    assert predictions.tolist() == [[1, 0, 0, 1], [0, 0, 1, 0]]


def test_a_request_may_ask_for_probabilities(load):
    estimator = logistic().fit(ROWS, CLASSES)
    predictor = load(estimator)
    assert np.array_equal(
        predictor.predict(SOME, probabilities=True), estimator.predict_proba(SOME)
    )
    assert np.array_equal(predictor.predict(SOME, probabilities=False), estimator.predict(SOME))
    with pytest.raises(BadInput, match=r"^probabilities is 1; expected true or false\.$"):
        predictor.predict(SOME, probabilities=1)


def test_probabilities_of_an_estimator_without_are_bad_input(load):
    predictor = load(SVC().fit(ROWS, CLASSES))
    with pytest.raises(BadInput, match="were asked for, but SVC has no predict_proba"):
        predictor.predict(SOME, probabilities=True)


def test_signature_name_is_ignored(load):
    predictor = load(logistic().fit(ROWS, CLASSES))
    assert len(predictor.predict(SOME, signature_name="anything")) == len(SOME)


def test_no_instances_are_no_predictions(load):
    assert load(logistic().fit(ROWS, CLASSES)).predict([]) == []


def test_several_outputs_are_a_list_for_each_instance(load):
    targets = np.c_[CLASSES, CLASSES > 0]
    estimator = MultiOutputClassifier(logistic()).fit(ROWS, targets)
    predictor = load(estimator)
    assert np.array_equal(predictor.predict(SOME), estimator.predict(SOME))
    first, second = estimator.predict_proba(SOME)
    expected = [[a, b] for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    assert predictor.predict(SOME, probabilities=True) == expected


def test_null_is_a_missing_value_where_the_estimator_takes_those(load):
    rows = ROWS.copy()
    rows[::5, 1] = np.nan
    estimator = HistGradientBoostingClassifier(max_iter=5).fit(rows, CLASSES)
    sent = [[None if np.isnan(value) else value for value in row] for row in rows.tolist()]
    assert np.array_equal(load(estimator).predict(sent), estimator.predict(rows))


class TestNames:
    """Estimators that were fitted on a DataFrame."""

    pandas = pytest.importorskip("pandas", reason="needs pandas")
    frame = pandas.DataFrame(
        {"age": [20.0, 30, 40, 50], "city": ["Bern", "Rome", "Bern", "Oslo"], "old": [0, 0, 1, 1]}
    )

    def pipeline(self):
        columns = ColumnTransformer(
            [("city", OneHotEncoder(), ["city"])], remainder="passthrough", sparse_threshold=0
        )
        features = self.frame[["age", "city"]]
        return make_pipeline(columns, logistic()).fit(features, self.frame["old"])

    @pytest.mark.parametrize(
        "instances",
        [
            [{"city": "Rome", "age": 55}, {"age": 21.5, "city": "Bern"}],
            [[55, "Rome"], [21.5, "Bern"]],
        ],
        ids=["objects", "rows"],
    )
    def test_columns_find_their_places(self, load, instances):
        pipeline = self.pipeline()
        sent = self.pandas.DataFrame({"age": [55, 21.5], "city": ["Rome", "Bern"]})
        predictions = load(pipeline, output="predict_proba").predict(instances)
        assert np.array_equal(predictions, pipeline.predict_proba(sent))

    @pytest.mark.parametrize("as_objects", [True, False], ids=["objects", "rows"])
    def test_numbers_need_no_frame_and_raise_no_warning(self, load, as_objects):
        frame = self.pandas.DataFrame(ROWS, columns=NAMES)
        estimator = make_pipeline(StandardScaler(), logistic()).fit(frame, CLASSES)
        sent = SOME
        if as_objects:
            pairs = [list(zip(NAMES, row, strict=True)) for row in SOME]
            sent = [dict(reversed(row)) for row in pairs]
        expected = estimator.predict(self.pandas.DataFrame(SOME, columns=NAMES))
        assert np.array_equal(load(estimator).predict(sent), expected)

    @pytest.mark.parametrize(
        ("instance", "message"),
        [
            (
                {"age": 3, "citi": "Bern"},
                "instances[1] lacks 'city' and has 'citi', which the model does not know.\n"
                "Did you mean 'city'?",
            ),
            ({"age": 3}, "instances[1] lacks 'city'.\nThe model was fitted on 'age', 'city'."),
            (
                {"age": 3, "city": "Bern", "x": 1},
                "instances[1] has 'x', which the model does not know.\n"
                "The model was fitted on 'age', 'city'.",
            ),
            (
                [3, "Bern"],
                "instances[1] is a list of 2 values; expected an object, as other instances are.",
            ),
        ],
        ids=["misspelt", "missing", "unexpected", "row"],
    )
    def test_wrong_names_are_named(self, load, instance, message):
        predictor = load(self.pipeline())
        with pytest.raises(BadInput) as caught:
            predictor.predict([{"age": 3, "city": "Bern"}, instance])
        assert str(caught.value) == message

    def test_a_category_that_was_not_trained_is_bad_input(self, load):
        predictor = load(self.pipeline())
        with pytest.raises(BadInput, match=r"refused the instances: Found unknown categories \['U"):
            predictor.predict([{"age": 3, "city": "Ulm"}])


class TestTexts:
    def pipeline(self):
        texts = ["good film", "bad film", "good", "bad"]
        return make_pipeline(TfidfVectorizer(), logistic()).fit(texts, ["+", "-", "+", "-"])

    def test_a_text_is_an_instance(self, load):
        assert load(self.pipeline()).predict(["a good one", "bad"]) == ["+", "-"]

    @pytest.mark.parametrize(
        ("instance", "words"), [(3, "3"), (["good"], "a list of 1 values"), (None, "null")]
    )
    def test_anything_but_a_text_is_bad_input(self, load, instance, words):
        predictor = load(self.pipeline())
        with pytest.raises(BadInput) as caught:
            predictor.predict(["good", instance])
        assert caught.value.problem == f"instances[1] is {words}; expected a text."


def test_objects_go_to_a_dict_vectorizer(load):
    sent = [{"cat": 1}, {"dog": 2, "unknown": 1}]
    pipeline = make_pipeline(DictVectorizer(), logistic()).fit([{"cat": 1}, {"dog": 1}], [0, 1])
    predictor = load(pipeline)
    assert predictor.predict(sent).tolist() == [0, 1]
    with pytest.raises(BadInput, match=r"instances\[1\] is 3; expected an object of features"):
        predictor.predict([{"cat": 1}, 3])


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        ({"a": 1}, "instances must be a list, not an object with 1 keys."),
        ([[1, 2, 3]], "Each instance has 3 features; the model takes 4."),
        ([1, 2, 3, 4], "instances[0] is 1; expected a list of 4 features."),
        (["text"], "instances[0] is 'text'; expected a list of 4 features."),
        ([[[1, 2, 3, 4]]], "instances[0] is a list of lists; expected a flat list of 4 features."),
        ([[1, 2, 3, 4], [1, 2]], "instances[1] has 2 values where instances[0] has 4"),
        (
            [[1, 2, 3, 4], [1, "x", 3, 4]],
            "LogisticRegression refused the instances: could not convert string to float: 'x'.\n"
            "The first text is instances[1][1]: 'x'.",
        ),
        ([[1, 2, 3, None]], "LogisticRegression refused the instances: Input X contains NaN."),
        ([[1, 2, 3, 1e999]], "LogisticRegression refused the instances: Input X contains infinity"),
        (
            [{"a": 1}],
            "instances[0] is an object, but the model was fitted without feature names.\n"
            "Send each instance as a list of its features, in the order of the training data.",
        ),
    ],
    ids=["object", "few", "flat", "text", "deep", "ragged", "mixed", "null", "infinite", "named"],
)
def test_bad_instances_are_explained(load, instances, message):
    predictor = load(logistic().fit(ROWS, CLASSES))
    with pytest.raises(BadInput) as caught:
        predictor.predict(instances)
    assert str(caught.value).startswith(message)


def test_a_preprocessor_comes_first(load):
    scaler = StandardScaler().fit(ROWS)
    estimator = logistic().fit(scaler.transform(ROWS), CLASSES)
    predictor = load(estimator, preprocessor=scaler)
    assert predictor.batchable
    expected = estimator.predict_proba(scaler.transform(SOME))
    assert np.array_equal(predictor.predict(SOME, probabilities=True), expected)
    with pytest.raises(BadInput, match="Each instance has 2 features; the model takes 4"):
        predictor.predict([[1, 2]])


@pytest.mark.parametrize("kind", [int, float, bool], ids=["integers", "floats", "booleans"])
def test_labels_name_the_classes(load, kind):
    estimator = logistic().fit(ROWS, (CLASSES > 0).astype(kind))
    predictor = load(estimator, labels="setosa\nother\n")
    assert predictor.predict([SOME[0], SOME[-1]]) == ["setosa", "other"]
    assert predictor.predict(SOME, probabilities=True).shape == (len(SOME), 2)


def test_labels_leave_names_and_measures_alone(load):
    named = logistic().fit(ROWS, np.array(["x", "y", "z"])[CLASSES])
    assert load(named, labels="a\nb\nc\n").predict(SOME[:1]) == ["x"]
    regressor = LinearRegression().fit(ROWS, CLASSES)
    predictions = load(regressor, labels="a\nb\nc\n").predict(SOME)
    assert np.array_equal(predictions, regressor.predict(SOME))


def test_too_few_labels_refuse_to_load(load):
    with pytest.raises(LoadError, match="predicts classes up to 2, but there are 2 labels"):
        load(logistic().fit(ROWS, CLASSES), labels="a\nb\n")


@pytest.mark.parametrize(
    ("value", "settings", "message"),
    [
        (
            StandardScaler(),
            {},
            "holds StandardScaler, which has no predict; it has transform.\n"
            "Set predictor.output to 'transform'.",
        ),
        (SVC(), {"output": "predict_proba"}, "holds SVC, which has no predict_proba; it has pre"),
        (
            SVC(),
            {"output": "predict_probas"},
            "The setting predictor.output is 'predict_probas'; expected one of predict, "
            "predict_proba, decision_function, transform.\nDid you mean 'predict_proba'?",
        ),
        ({"a": 1}, {}, "holds {'a': 1}, which is not a scikit-learn estimator."),
        (SVC, {}, "holds <class 'sklearn.svm._classes.SVC'>, which is not a scikit-learn estim"),
    ],
    ids=["no predict", "no such method", "unknown output", "no estimator", "class"],
)
def test_what_cannot_predict_is_refused_at_load(load, value, settings, message):
    with pytest.raises(LoadError) as caught:
        load(value, **settings)
    assert message in str(caught.value)


def test_an_unfitted_estimator_is_the_models_fault(load):
    predictor = load(LogisticRegression())
    with pytest.raises(PredictionFailed, match="NotFittedError: This LogisticRegression instance"):
        predictor.predict([[1, 2]])


def test_pools_of_workers_are_undone_everywhere(load):
    forest = RandomForestClassifier(3, n_jobs=2)
    voting = VotingClassifier([("forest", forest), ("knn", KNeighborsClassifier(n_jobs=-1))])
    search = GridSearchCV(make_pipeline(StandardScaler(), voting), {}, cv=2, n_jobs=None)
    predictor = load(search.fit(ROWS, CLASSES))
    fitted = predictor.estimator.best_estimator_[-1]
    assert [part.n_jobs for part in fitted.estimators_] == [1, 1]


@pytest.mark.parametrize(
    ("estimator", "is_batchable"),
    [
        (LinearRegression(), True),
        (make_pipeline(StandardScaler(), LinearRegression()), True),
        (make_pipeline(FunctionTransformer(), LinearRegression()), True),
        (make_pipeline(FunctionTransformer(np.log1p), LinearRegression()), False),
        (make_pipeline(StandardScaler(), Custom()), False),
    ],
    ids=["plain", "pipeline", "identity", "function", "custom"],
)
def test_only_known_parts_are_batched(load, estimator, is_batchable):
    trusted = (f"{Custom.__module__}.Custom",)
    assert load(estimator.fit(ROWS, CLASSES), trusted=trusted).batchable is is_batchable
