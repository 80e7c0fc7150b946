"""A routine's description: true, JSON-able, and its invented sample is answered."""

import json
import pickle

import numpy as np
import pytest

from cpr.describing import describe
from cpr.messages import Call
from cpr.serving import open_routine

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [5.9, 3.0, 4.2, 1.5], [5.0, 3.4, 1.5, 0.2]]
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]
KINDS = ["setosa", "virginica", "versicolor", "setosa"]
CUSTOM = '''
class Sizes:
    """Sorts sizes into bins.

    More of it.
    """

    def predict(self, instances, *, bins: int = 3, unit: "str | None" = None, exact, stats=None):
        return [0 for _ in instances]

    @classmethod
    def from_path(cls, model_dir):
        return cls()
'''
HOSTILE = """
class Odd:
    __doc__ = property(lambda self: 1 / 0)
    labels = property(lambda self: 1 / 0)
    signatures = {"a": object()}

    def __getattr__(self, name):
        if name in ("estimator", "preprocessor", "booster", "inputs"):
            raise RuntimeError(f"no {name}")
        raise AttributeError(name)

    def predict(self, instances, *, when=float("nan"), what=object()):
        return instances

    @classmethod
    def from_path(cls, model_dir):
        return cls()
"""


@pytest.fixture
def serve(tmp_path):
    """Opens a routine: of a pickled estimator, of a model directory, or of a class's source."""
    opened = []

    def open_(model=None, *, source="", labels="", preprocessor=None, **flags):
        target = folder = str(tmp_path)
        if source:
            (tmp_path / "predictor.py").write_text(source)
        else:
            target = None
        if isinstance(model, str):
            folder = model
        elif model is not None:
            (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
        if labels:
            (tmp_path / "labels.txt").write_text(labels)
        if preprocessor is not None:
            (tmp_path / "preprocessor.pkl").write_bytes(pickle.dumps(preprocessor))
        routine = open_routine(target, folder, flags=flags)
        opened.append(routine)
        return routine

    yield open_
    for routine in opened:
        routine.close()


def answer(routine, body):
    reply = routine.answer([Call(json.dumps(body).encode())])[0]
    return reply.status, json.loads(reply.body)


def check(described):
    """What holds of every description."""
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    assert len(json.dumps(described)) < 150_000
    default = described["default_signature"]
    assert default in described["signatures"] or default == ""
    return described


@pytest.fixture
def sklearn():
    return pytest.importorskip("sklearn", reason="needs the extra cpr[sklearn]")


def forest(rows=ROWS):
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(3, random_state=0).fit(rows, KINDS)


def test_rows_of_an_estimator_without_names(serve, sklearn):
    routine = serve(forest())
    described = check(describe(routine))
    assert described["kind"] == "scikit-learn"
    assert described["is_batchable"] is True
    assert described["default_signature"] == "predict"
    signature = described["signatures"]["predict"]
    assert signature["form"] == "row"
    assert list(signature["inputs"]) == ["x0", "x1", "x2", "x3"]
    assert signature["inputs"]["x0"] == {"dtype": "float64", "shape": [None]}
    assert described["labels"] == ["setosa", "versicolor", "virginica"]
    probabilities = {"type": "boolean", "required": False, "default": False}
    assert described["parameters"] == [{"name": "probabilities", **probabilities}]
    assert described["samples"] == [{"instances": [[0.0] * 4]}]
    assert answer(routine, described["samples"][0])[0] == 200


def test_columns_of_a_pipeline_have_names_and_choices(serve, sklearn):
    pandas = pytest.importorskip("pandas", reason="needs the extra cpr[pandas]")
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = pandas.DataFrame(
        {
            "age": [30.0, 40.0, 50.0, 60.0],
            "job": ["clerk", "pilot", "clerk", None],
            "rooms": [1, 2, 1, 3],
            "note": ["a", "b", "c", "d"],
        }
    )
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["age"]),
            ("kinds", make_pipeline(OneHotEncoder(handle_unknown="ignore")), ["job", "rooms"]),
            ("text", TfidfVectorizer(analyzer="char"), "note"),
        ]
    )
    search = GridSearchCV(
        make_pipeline(columns, LinearRegression()), {"linearregression__positive": [True]}, cv=2
    )
    routine = serve(search.fit(frame, [1.0, 2.0, 3.0, 4.0]), **{"predictor.trust": "full"})
    described = check(describe(routine))
    signature = described["signatures"]["predict"]
    assert signature["form"] == "object"
    assert signature["inputs"] == {
        "age": {"dtype": "float64", "shape": [None]},
        "job": {"dtype": "string", "shape": [None], "choices": ["clerk", "pilot"]},
        "rooms": {"dtype": "int64", "shape": [None], "choices": [1, 2, 3]},
        "note": {"dtype": "string", "shape": [None]},
    }
    assert described["labels"] is None
    assert described["parameters"] == []
    assert answer(routine, described["samples"][0])[0] == 200


def test_a_text_model_takes_texts(serve, sklearn):
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(CountVectorizer(), MultinomialNB())
    routine = serve(model.fit(["good film", "bad film"], ["up", "down"]))
    described = check(describe(routine))
    inputs = {"text": {"dtype": "string", "shape": [None]}}
    assert described["signatures"]["predict"]["inputs"] == inputs
    assert described["samples"] == [{"instances": ["text"]}]
    assert answer(routine, described["samples"][0])[0] == 200


def test_features_of_objects(serve, sklearn):
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    rows = [{"city": "Oslo", "age": 3}, {"city": "Rome", "age": 9}]
    routine = serve(make_pipeline(DictVectorizer(), LogisticRegression()).fit(rows, [0, 1]))
    described = check(describe(routine))
    city = {"dtype": "string", "shape": [None], "choices": ["Oslo", "Rome"]}
    assert described["signatures"]["predict"]["inputs"]["city"] == city
    assert answer(routine, described["samples"][0])[0] == 200


def test_many_features_are_one_vector(serve, sklearn):
    rows = np.arange(4 * 500).reshape(4, 500)
    routine = serve(forest(rows))
    described = check(describe(routine))
    inputs = {"features": {"dtype": "float64", "shape": [None, 500]}}
    assert described["signatures"]["predict"] == {"form": "value", "inputs": inputs, "outputs": {}}
    assert answer(routine, described["samples"][0])[0] == 200


def test_instances_are_what_the_preprocessor_takes(serve, sklearn):
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer().fit(["good film", "bad film", "odd"])
    model = forest(vectorizer.transform(["good film", "bad film", "odd", "good"]).toarray())
    routine = serve(model, preprocessor=vectorizer)
    described = check(describe(routine))
    assert list(described["signatures"]["predict"]["inputs"]) == ["text"]
    assert answer(routine, described["samples"][0])[0] == 200


def test_names_of_a_booster(serve, tmp_path):
    xgboost = pytest.importorskip("xgboost", reason="needs the extra cpr[xgboost]")
    matrix = xgboost.DMatrix(np.array(ROWS), [0, 1, 1, 0], feature_names=NAMES)
    xgboost.train({"nthread": 1}, matrix, 2).save_model(tmp_path / "model.ubj")
    routine = serve(str(tmp_path))
    described = check(describe(routine))
    assert described["kind"] == "xgboost"
    assert list(described["signatures"]["predict"]["inputs"]) == NAMES
    assert described["signatures"]["predict"]["form"] == "object"
    assert answer(routine, described["samples"][0])[0] == 200


def test_inputs_of_an_onnx_model(serve, sklearn, tmp_path):
    skl2onnx = pytest.importorskip("skl2onnx", reason="makes the ONNX model")
    pytest.importorskip("onnxruntime", reason="needs the extra cpr[onnx]")
    converted = skl2onnx.to_onnx(forest(), np.array(ROWS[:1], dtype=np.float32))
    (tmp_path / "model.onnx").write_bytes(converted.SerializeToString())
    routine = serve(str(tmp_path))
    described = check(describe(routine))
    assert described["kind"] == "onnx"
    (taken,) = described["signatures"]["predict"]["inputs"].values()
    assert taken == {"dtype": "float32", "shape": [None, 4]}
    assert answer(routine, described["samples"][0])[0] == 200


def test_signatures_of_a_saved_model(serve, tmp_path):
    tf = pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")

    class Model(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec([None, 2], tf.float32, name="x"),
                tf.TensorSpec([None], tf.string, name="word"),
            ]
        )
        def score(self, x, word):
            return {"score": tf.reduce_sum(x, 1), "word_bytes": word}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, name="n")])
        def double(self, n):
            return {"twice": 2 * n}

    model = Model()
    signatures = {"serving_default": model.score, "double": model.double}
    tf.saved_model.save(model, str(tmp_path / "saved"), signatures=signatures)
    routine = serve(str(tmp_path / "saved"))
    described = check(describe(routine))
    assert described["kind"] == "tensorflow"
    assert described["default_signature"] == "serving_default"
    assert list(described["signatures"]) == ["double", "serving_default"]
    double = described["signatures"]["double"]
    assert (double["form"], double["method"]) == ("value", "tensorflow/serving/predict")
    assert double["inputs"]["n"]["dtype"] == "int64"
    inputs = described["signatures"]["serving_default"]["inputs"]
    assert inputs["x"]["shape"] == [None, 2]
    assert inputs["word"]["dtype"] == "string"
    assert described["samples"] == [{"instances": [{"word": "text", "x": [0.0, 0.0]}]}]
    assert answer(routine, described["samples"][0])[0] == 200


def test_a_class_of_the_users_own(serve):
    described = check(describe(serve(source=CUSTOM)))
    assert described["name"] == "predictor.Sizes"
    assert described["kind"] == "custom"
    assert described["summary"] == "Sorts sizes into bins."
    assert described["signatures"] == {"predict": {"form": "any", "inputs": {}, "outputs": {}}}
    assert described["parameters"] == [
        {"name": "bins", "type": "integer", "required": False, "default": 3},
        {"name": "unit", "type": "string", "required": False},
        {"name": "exact", "type": "", "required": True},
    ]
    assert described["samples"] == []


def test_a_class_that_takes_any_keyword_has_the_parameters_of_its_samples(serve):
    source = """
class Classic:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, *, scale=1, **kwargs):
        return instances
"""
    samples = [
        b'{"instances": [1], "probabilities": true, "top": 3, "mixed": 1}',
        b'{"instances": [1], "scale": 2, "top": 0.5, "mixed": "x", "list": [1], "stats": 1}',
    ]
    described = check(describe(serve(source=source), samples))
    assert described["parameters"] == [
        {"name": "scale", "type": "integer", "required": False, "default": 1},
        {"name": "list", "type": "", "required": False},
        {"name": "mixed", "type": "", "required": False},
        {"name": "probabilities", "type": "boolean", "required": False},
        {"name": "top", "type": "number", "required": False},
    ]


def test_a_class_that_fails_to_tell_of_itself_is_described_all_the_same(serve):
    described = check(describe(serve(source=HOSTILE)))
    assert described["summary"] == ""
    assert described["labels"] is None
    assert [item["name"] for item in described["parameters"]] == ["when", "what"]
    assert described["signatures"]["predict"]["form"] == "any"


def test_a_subclass_with_another_preprocess_takes_anything(serve, sklearn):
    source = """
from cpr.predictors.sklearn_estimator import SklearnEstimator


class Mine(SklearnEstimator):
    def preprocess(self, instances):
        return [[len(text)] * 4 for text in instances]
"""
    named = {"project.prediction_class": "predictor.Mine"}
    described = check(describe(serve(forest(), source=source, **named)))
    assert described["kind"] == "custom"
    assert described["signatures"]["predict"]["form"] == "any"


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ([b'{"instances": [1]}', b'{"instances": [2], "k": 1}'], 2),
        ([b"nonsense", b"[1]", b"{}", b'{"instances": [NaN]}', b'{"instances": [1]}'], 1),
        ([b'{"instances": ["%b"]}' % (b"x" * 20_000)], 0),
        ([b'{"instances": [1]}'] * 100, 12),
    ],
    ids=["both", "only what can be sent", "short ones only", "a dozen"],
)
def test_samples_that_are_given_come_first(serve, bodies, expected):
    described = check(describe(serve(source=CUSTOM), bodies))
    assert len(described["samples"]) == expected


def test_a_description_stays_short_enough_to_be_passed_on(serve):
    samples = [b'{"instances": ["%b"]}' % (b"x" * 15_000)] * 12
    described = check(describe(serve(source=CUSTOM), samples))
    assert len(described["samples"]) == 1


def test_nothing_in_it_is_a_path(serve, sklearn, tmp_path):
    assert str(tmp_path) not in json.dumps(describe(serve(forest())))
