import json
import shutil
import subprocess
import sys

import joblib
import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from cpr.config import PredictorSettings
from cpr.errors import BadInput
from cpr.predictors.sklearn_estimator import SklearnEstimator


def both(folder):
    settings = PredictorSettings(runtime="native")
    original = SklearnEstimator.from_path(folder, settings=settings)
    return original, SklearnEstimator.from_path(folder)


def boosted(module, name, **options):
    return getattr(pytest.importorskip(module, reason=f"needs {module}"), name)(**options)


MODELS = {
    "naive Bayes": lambda: make_pipeline(StandardScaler(), GaussianNB()),
    "random forest": lambda: RandomForestClassifier(20, random_state=0),
    "extra trees": lambda: ExtraTreesRegressor(10, random_state=0),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=10),
    "poisson boosting": lambda: HistGradientBoostingRegressor(loss="poisson", max_iter=10),
    "scaled boosting": lambda: make_pipeline(
        StandardScaler(), HistGradientBoostingClassifier(max_iter=5)
    ),
    "xgboost": lambda: boosted("xgboost", "XGBClassifier", n_estimators=8),
    "lightgbm": lambda: boosted("lightgbm", "LGBMClassifier", n_estimators=8, verbose=-1),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_compiled_estimators_answer_as_the_original(make, table, saved_estimator, compiled):
    rows, classes = table
    folder, report = compiled(saved_estimator(make().fit(rows, classes)))
    assert report.is_compiled, report.reason
    original, fast = both(folder)
    assert type(fast.estimator).__name__ == "CompiledEstimator"
    instances = rows[:50].tolist()
    np.testing.assert_allclose(fast.predict(instances), original.predict(instances), rtol=1e-4)
    if hasattr(original.estimator, "predict_proba"):
        scores = [item.predict(instances, probabilities=True) for item in (original, fast)]
        np.testing.assert_allclose(*scores, rtol=1e-4, atol=1e-5)
    assert not fast.has_loaded_original


@pytest.fixture(scope="module")
def mixed(saved_estimator, compiled):
    """A pipeline of a DataFrame with numbers and texts, which refuses unknown texts."""
    pandas = pytest.importorskip("pandas", reason="needs the extra cpr[pandas]")
    generator = np.random.default_rng(5)
    frame = pandas.DataFrame(
        {
            "age": generator.integers(18, 80, 200),
            "city": generator.choice(["Bern", "Wien", "Rom"], 200),
            "income": generator.normal(50_000, 9_000, 200),
        }
    )
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["age", "income"]), ("c", OneHotEncoder(), ["city"])]
    )
    classes = np.where(frame.age > 40, "old", "young")
    folder = saved_estimator(make_pipeline(columns, LogisticRegression()).fit(frame, classes))
    return compiled(folder)


def test_takes_columns_of_text_by_name(mixed):
    folder, report = mixed
    assert report.is_compiled, report.reason
    original, fast = both(folder)
    rows = [
        {"age": 30, "city": "Rom", "income": 41000.5},
        {"city": "Wien", "income": 52000, "age": 61},
    ]
    assert fast.predict(rows) == original.predict(rows)
    np.testing.assert_allclose(
        fast.predict(rows, probabilities=True),
        original.predict(rows, probabilities=True),
        atol=1e-5,
    )
    assert not fast.has_loaded_original


def test_leaves_an_unknown_category_to_the_original(mixed, caplog):
    folder, _ = mixed
    _, fast = both(folder)
    with pytest.raises(BadInput, match="Found unknown categories"):
        fast.predict([[30, "Graz", 41000.5]])
    assert fast.has_loaded_original
    assert "the estimator itself is loaded" in caplog.text


def test_refuses_a_null_in_the_words_of_the_original(table, saved_estimator, compiled):
    rows, classes = table
    folder, report = compiled(saved_estimator(GaussianNB().fit(rows, classes)))
    assert report.is_compiled, report.reason
    original, fast = both(folder)
    said = []
    for predictor in (original, fast):
        with pytest.raises(BadInput) as caught:
            predictor.predict([[1.0, None, 2.0, 3.0]])
        said.append(caught.value.problem)
    assert said[0] == said[1]
    assert not fast.has_loaded_original


def answer_or_refusal(predictor, instances):
    try:
        return np.asarray(predictor.predict(instances)).tolist()
    except BadInput as error:
        return error.problem


@pytest.fixture(scope="module")
def forest(table, saved_estimator, compiled):
    rows, classes = table
    model = RandomForestClassifier(20, random_state=0).fit(rows, classes)
    folder, report = compiled(saved_estimator(model))
    assert report.is_compiled, report.reason
    return folder


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # of scikit-learn
def test_leaves_numbers_that_float32_does_not_hold_to_the_original(forest):
    original, fast = both(forest)
    instances = [[1e300, 0.0, 1.0, 2.0]]
    assert "too large" in answer_or_refusal(original, instances)
    assert answer_or_refusal(fast, instances) == answer_or_refusal(original, instances)


def test_takes_the_largest_numbers_that_float32_holds(forest):
    original, fast = both(forest)
    largest = float(np.finfo(np.float32).max)
    instances = [[largest, -largest, 1e30, 0.0]]
    assert answer_or_refusal(fast, instances) == answer_or_refusal(original, instances)
    assert not fast.has_loaded_original


PREPARED = {
    "a DataFrame": lambda rows: StandardScaler().set_output(transform="pandas").fit(rows),
    "a sparse matrix": lambda rows: OneHotEncoder(handle_unknown="ignore").fit(rows[:2, :2]),
    "too few columns": lambda rows: StandardScaler().fit(rows[:, :3]),
    "too many columns": lambda rows: StandardScaler().fit(np.hstack([rows, rows])),
}


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("make", PREPARED.values(), ids=PREPARED)
def test_leaves_what_it_was_not_compiled_for_to_the_original(forest, table, tmp_path, make):
    folder = tmp_path / "model"
    shutil.copytree(forest, folder)
    preprocessor = make(table[0])
    joblib.dump(preprocessor, folder / "preprocessor.joblib")
    original, fast = both(folder)
    instances = table[0][:2, :1].repeat(preprocessor.n_features_in_, axis=1).tolist()
    assert answer_or_refusal(fast, instances) == answer_or_refusal(original, instances)


def test_needs_no_scikit_learn_to_answer(mixed):
    folder, _ = mixed
    code = (
        "import cpr, json, sys\n"
        "from cpr.messages import Call\n"
        "routine = cpr.open_routine(None, sys.argv[1])\n"
        'reply = routine.answer([Call(b\'{"instances": [[30, "Rom", 41000.5]]}\')])[0]\n'
        "names = [n for n in ('sklearn', 'pandas', 'joblib') if n in sys.modules]\n"
        "print(json.dumps([reply.status, names]))\n"
    )
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [200, []]


def test_declines_code_of_the_user(saved_estimator, compiled, table):
    rows, classes = table
    model = make_pipeline(FunctionTransformer(np.abs), Ridge()).fit(rows, classes)
    _, report = compiled(saved_estimator(model))
    assert not report.is_compiled
    assert "a part of it is no estimator of a known library" in report.reason
