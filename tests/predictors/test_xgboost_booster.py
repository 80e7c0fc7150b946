"""The XGBoost predictor: agreement with Booster.predict, and its messages."""

import base64
import pickle
import zlib

import numpy as np
import pytest

from cpr.config import PredictorSettings
from cpr.errors import BadInput, LoadError
from cpr.predictors.xgboost_booster import XgboostBooster

xgboost = pytest.importorskip("xgboost", reason="needs the extra cpr[xgboost]")

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(120, 4)).astype(np.float32)
ROWS[RANDOM.random(ROWS.shape) < 0.1] = np.nan
TARGET = np.nan_to_num(ROWS[:, 0]) > 0
CLASSES = RANDOM.integers(0, 3, 120)
# With null for what is missing, as JSON has it.
SENT = [[None if np.isnan(value) else value for value in row] for row in ROWS.tolist()]

# A tree of depth 1, saved as .bst by XGBoost 1.6.
OLD_BINARY = zlib.decompress(
    base64.b64decode(
        "eNrNUkEKwjAQTBUEL9I35Cge9FrQ9uI7QqprjbRNTaIeiuB76hsUHyB+SRuaaPDmpTiXyUxmYcImZvkKIRR2UAPP"
        "4Z6j24BvWEASyO2OCliCEFz0jJ/ESgB4Lbf6Fbpb19GdP+j0rOF9upwQuoWanwbafNzvF5t1vOm5GtbZU9TMvRGd"
        "q+r6pWdW2PcPDMcgFWEKBFWM53Z7Y9+9zvVyScoypmxg0jcHHm9godge5sYocU4zwAH+/it4pC2ScilJQQXNcFBi"
        "uaApkIJLcgCWrFU9N8HH4wt2TFlL"
    )
)


def train(rows=ROWS, target=TARGET, **options):
    return xgboost.train({"nthread": 1, **options}, xgboost.DMatrix(rows, label=target), 4)


@pytest.fixture
def load(tmp_path):
    """Saves a booster and labels, and loads the predictor."""

    def make(booster, *, name="model.ubj", labels="", **settings):
        booster.save_model(tmp_path / name)
        if labels:
            (tmp_path / "labels.txt").write_text(labels)
        return XgboostBooster.from_path(str(tmp_path), settings=PredictorSettings(**settings))

    return make


@pytest.fixture
def refuse(tmp_path):
    """Loads a file of these bytes, and returns the error's text without the path."""

    def make(content, name="model.bst"):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(LoadError) as caught:
            XgboostBooster.from_path(str(tmp_path))
        return str(caught.value).replace(str(path), "FILE")

    return make


@pytest.mark.parametrize("name", ["model.ubj", "model.json"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"objective": "binary:logistic"},
        {"objective": "count:poisson"},
        {"booster": "dart"},
        {"booster": "gblinear", "updater": "coord_descent"},
    ],
    ids=["regression", "logistic", "poisson", "dart", "linear"],
)
def test_predicts_as_the_library_does(load, options, name):
    booster = train(**options)
    expected = booster.predict(xgboost.DMatrix(ROWS))
    assert np.array_equal(load(booster, name=name).predict(SENT), expected)


@pytest.mark.parametrize("objective", ["multi:softprob", "multi:softmax"])
def test_predicts_several_classes_as_the_library_does(load, objective):
    booster = train(target=CLASSES, objective=objective, num_class=3)
    expected = booster.predict(xgboost.DMatrix(ROWS))
    assert np.array_equal(load(booster).predict(SENT), expected)


def test_a_bst_file_is_read_whatever_is_in_it(tmp_path):
    booster = train()
    for raw_format in ("json", "ubj"):
        (tmp_path / "model.bst").write_bytes(booster.save_raw(raw_format))
        predictions = XgboostBooster.from_path(tmp_path).predict(SENT)
        assert np.array_equal(predictions, booster.predict(xgboost.DMatrix(ROWS)))


def test_a_pickled_booster_is_read(tmp_path):
    booster = train()
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(booster))
    predictions = XgboostBooster.from_path(tmp_path).predict(SENT)
    assert np.array_equal(predictions, booster.predict(xgboost.DMatrix(ROWS)))


def test_the_booster_of_a_pickled_estimator_is_read(tmp_path):
    pytest.importorskip("sklearn", reason="needs the extra cpr[sklearn]")
    estimator = xgboost.XGBClassifier(n_estimators=4, n_jobs=1).fit(ROWS, TARGET)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(estimator))
    predictions = XgboostBooster.from_path(tmp_path).predict(SENT)
    assert np.array_equal(predictions, estimator.predict_proba(ROWS)[:, 1])


def test_the_margin_is_an_output(load):
    booster = train(objective="binary:logistic")
    expected = booster.predict(xgboost.DMatrix(ROWS), output_margin=True)
    assert np.array_equal(load(booster, output="margin").predict(SENT), expected)


@pytest.mark.parametrize("booster", ["gbtree", "dart"])
def test_objects_are_put_in_the_order_of_the_names(load, booster):
    matrix = xgboost.DMatrix(ROWS, label=TARGET, feature_names=["a", "b", "c", "d"])
    model = xgboost.train({"booster": booster, "nthread": 1}, matrix, 3)
    predictor = load(model)
    sent = [dict(zip("dcba", reversed(row), strict=True)) for row in SENT]
    assert np.array_equal(predictor.predict(sent), model.predict(matrix))
    assert np.array_equal(predictor.predict(SENT), model.predict(matrix))
    with pytest.raises(BadInput, match="Input c was missing in at least one input instance"):
        predictor.predict([{"a": 1, "b": 1, "d": 1}])


@pytest.mark.parametrize("booster", ["gbtree", "dart"])
def test_categories_are_sent_as_their_codes(load, booster):
    rows = np.c_[ROWS[:, 0], CLASSES]
    types = {"feature_types": ["float", "c"], "enable_categorical": True}
    matrix = xgboost.DMatrix(rows, label=TARGET, **types)
    model = xgboost.train({"booster": booster, "nthread": 1}, matrix, 3)
    assert np.array_equal(load(model).predict(rows.tolist()), model.predict(matrix))


@pytest.mark.parametrize("objective", ["multi:softprob", "multi:softmax"])
def test_labels_name_the_classes(load, objective):
    booster = train(target=CLASSES, objective=objective, num_class=3)
    predictor = load(booster, labels="a\nb\nc\n")
    scores = booster.predict(xgboost.DMatrix(ROWS))
    numbers = scores.argmax(axis=1) if scores.ndim == 2 else scores.astype(int)
    assert predictor.predict(SENT) == ["abc"[number] for number in numbers]
    assert np.array_equal(predictor.predict(SENT, probabilities=True), scores)


def test_two_labels_name_the_sides_of_a_probability(load):
    booster = train(objective="binary:logistic")
    predictor = load(booster, labels="no\nyes\n")
    scores = booster.predict(xgboost.DMatrix(ROWS))
    assert predictor.predict(SENT) == ["yes" if score > 0.5 else "no" for score in scores]
    assert np.array_equal(predictor.predict(SENT, probabilities=True), scores)


def test_a_preprocessor_comes_first(load, tmp_path):
    preprocessing = pytest.importorskip("sklearn.preprocessing", reason="needs cpr[sklearn]")
    scaler = preprocessing.StandardScaler().fit(ROWS)
    (tmp_path / "preprocessor.pkl").write_bytes(pickle.dumps(scaler))
    booster = train(rows=scaler.transform(ROWS))
    predictor = load(booster)
    assert predictor.batchable
    expected = booster.predict(xgboost.DMatrix(scaler.transform(ROWS)))
    assert np.allclose(predictor.predict(SENT), expected, atol=1e-6)


def test_no_instances_are_no_predictions(load):
    assert load(train()).predict([]) == []


def test_booleans_are_numbers(load):
    predictor = load(train())
    assert predictor.predict([[True, 0, 1, 2]]) == predictor.predict([[1, 0, 1, 2]])


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        ("x", "instances must be a list, not 'x'."),
        (
            [[1, 2, 3]],
            "Each instance has 3 features; the model takes 4.\nSend null for a missing value.",
        ),
        ([[1, 2, 3, 4, 5]], "Each instance has 5 features; the model takes 4."),
        ([1, 2], "instances[0] is 1; expected a list of 4 features."),
        ([[1, 2, 3, 4], [1, "x", 2, 3]], "instances[1][1] is 'x'; expected a number, as"),
        ([["a", "b", "c", "d"]], "instances[0][0] is 'a'; expected a number (float32)."),
        ([[1, 2, 3, 4], [1]], "instances[1] has 1 values where instances[0] has 4"),
        ([{"a": 1}], "An instance is an object, but the model was trained without feature names."),
    ],
    ids=["text", "few", "many", "flat", "mixed", "texts", "ragged", "named"],
)
def test_bad_instances_are_explained(load, instances, message):
    predictor = load(train())
    with pytest.raises(BadInput) as caught:
        predictor.predict(instances)
    assert str(caught.value).startswith(message)


def test_every_truncation_is_refused(refuse):
    whole = bytes(train().save_raw("ubj"))
    for length in range(3, len(whole), len(whole) // 60):
        message = refuse(whole[:length], "model.ubj")
        assert message == (
            f"FILE is damaged or not an XGBoost model: it ends too early, after {length} bytes.\n"
            "Write or copy it again."
        )


def test_truncated_json_is_refused(refuse):
    whole = bytes(train().save_raw("json"))
    message = refuse(whole[: len(whole) // 2])
    assert message.startswith("FILE is damaged or not an XGBoost model: Expecting")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "FILE is empty.\nWrite or copy it again."),
        (b"hello world", "FILE is not an XGBoost model: it starts with b'hello world', where JSON"),
        (b'{"a": 1}', "FILE is damaged or not an XGBoost model: Invalid cast, from Null to Object"),
    ],
    ids=["empty", "text", "other json"],
)
def test_what_is_no_model_is_refused(refuse, content, message):
    assert refuse(content).startswith(message)


@pytest.mark.skipif(
    tuple(map(int, xgboost.__version__.split(".")[:2])) < (3, 1),
    reason="XGBoost before 3.1 reads its old binary format",
)
def test_the_old_binary_format_is_explained(refuse):
    assert refuse(OLD_BINARY) == (
        "FILE is in XGBoost's old binary format, which XGBoost 3.1 and later do not read.\n"
        "Load it once with XGBoost 1.6 to 3.0 and save it again: booster.save_model('model.ubj')."
    )


def test_an_unknown_output_is_refused(load):
    with pytest.raises(LoadError, match="'margins'; expected one of predict, margin") as caught:
        load(train(), output="margins")
    assert caught.value.hint == "Did you mean 'margin'?"


def test_a_pickle_of_something_else_is_refused(tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(LoadError, match=r"holds \{'a': 1\}, which is not an XGBoost model"):
        XgboostBooster.from_path(tmp_path)
