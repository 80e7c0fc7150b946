"""--from-model: the model says what it takes, and its answers are the golden files."""

import json
import pickle
import runpy

import joblib
import pandas
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from cpr.errors import LoadError, UsageError
from cpr.init import create_project
from cpr.init.existing_model import requests_of
from cpr.savedmodel.meta_graph import Signature, TensorSpec

PEOPLE = pandas.DataFrame({"age": [20.0, 30, 40, 50], "job": ["baker", "cook", "baker", "diver"]})


def rows():
    return LinearRegression().fit([[1, 2, 3], [2, 4, 5]], [1, 2])


def named():
    return LinearRegression().fit(PEOPLE[["age"]], [1, 2, 3, 4])


def categories():
    columns = [("n", StandardScaler(), ["age"]), ("c", OneHotEncoder(), ["job"])]
    return make_pipeline(ColumnTransformer(columns), LogisticRegression()).fit(
        PEOPLE, ["x", "y", "x", "y"]
    )


def texts():
    return make_pipeline(CountVectorizer(), LogisticRegression()).fit(["so good", "bad"], [1, 0])


def objects():
    return make_pipeline(DictVectorizer(), LogisticRegression()).fit([{"a": 1}, {"b": 2}], [1, 0])


@pytest.mark.parametrize(
    ("make", "instance", "schema"),
    [
        (rows, [0.0, 0.0, 0.0], {"instance": "a row of numbers", "n_features": 3}),
        (named, {"age": 0.0}, {"instance": "an object by feature", "features": ["age"]}),
        (
            categories,
            {"age": 0.0, "job": "baker"},
            {
                "instance": "an object by feature",
                "features": ["age", "job"],
                "classes": ["x", "y"],
            },
        ),
        (texts, "some text", {"instance": "a text", "classes": [0, 1]}),
        (objects, {"a": 0.0, "b": 0.0}, {"instance": "an object", "classes": [0, 1]}),
    ],
    ids=["n_features_in_", "feature_names_in_", "categories", "texts", "objects"],
)
def test_estimators_say_what_they_take(tmp_path, make, instance, schema):
    joblib.dump(make(), tmp_path / "any.joblib")
    project = create_project(tmp_path / "p", from_model=tmp_path / "any.joblib")
    assert project.notes == ()
    assert project.template == "sklearn"
    request = json.loads((tmp_path / "p" / "requests" / "sample.json").read_text())
    assert request == {"instances": [instance]}
    assert runpy.run_path(str(tmp_path / "p" / "schema.py"))["SCHEMA"] == schema
    golden = json.loads((tmp_path / "p" / "golden" / "sample.json").read_text())
    assert golden == {"predictions": make().predict(_table(make, instance)).tolist()}


def _table(make, instance):
    if make in (named, categories):
        return pandas.DataFrame([instance])
    return [instance]


def test_project_around_an_estimator_passes_its_own_tests(tmp_path, run):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "model.pkl").write_bytes(pickle.dumps(rows()))
    create_project(tmp_path / "p", from_model=tmp_path / "old")
    done = run(tmp_path / "p", "pytest", "-p", "no:cacheprovider", "-q")
    assert done.returncode == 0, done.stdout


def test_reads_the_signatures_of_a_saved_model(made, tmp_path):
    model = made("savedmodel").folder / "model"
    project = create_project(tmp_path / "p", from_model=model)
    assert (project.template, project.notes) == ("savedmodel", ())
    assert (tmp_path / "p" / "model" / "saved_model.pb").is_file()
    request = json.loads((tmp_path / "p" / "requests" / "serving_default.json").read_text())
    assert request == {"instances": [[0.0, 0.0, 0.0, 0.0]]}
    signature = runpy.run_path(str(tmp_path / "p" / "schema.py"))["SCHEMA"]["signatures"]
    assert signature == {
        "serving_default": {
            "inputs": {"features": {"dtype": "float32", "shape": (None, 4)}},
            "outputs": {"probabilities": {"dtype": "float32", "shape": (None, 3)}},
        }
    }
    golden = json.loads((tmp_path / "p" / "golden" / "serving_default.json").read_text())
    assert golden["predictions"][0] in ("setosa", "versicolor", "virginica")


def test_invented_values_that_the_model_refuses_are_told(tmp_path):
    columns = [("c", OneHotEncoder(), slice(1, 2)), ("n", StandardScaler(), slice(0, 1))]
    model = make_pipeline(ColumnTransformer(columns), LogisticRegression())
    joblib.dump(model.fit(PEOPLE, ["x", "y", "x", "y"]), tmp_path / "odd.joblib")
    project = create_project(tmp_path / "p", from_model=tmp_path / "odd.joblib")
    (note,) = project.notes
    start = "the invented values of requests_to_correct/sample.json do not work: "
    assert note.startswith(f"{start}Pipeline")
    assert note.endswith(" Correct them, and move the file to requests/.")
    assert (tmp_path / "p" / "requests_to_correct" / "sample.json").is_file()
    assert not (tmp_path / "p" / "golden").exists()
    assert project.sample == ""


def test_signatures_name_request_files_that_stay_in_their_folder():
    names = ["../../up", "tensorflow/serving/predict", "tensorflow_serving/predict", "plain"]
    signatures = [Signature(name, "", {"x": TensorSpec("int32", (None,))}, {}) for name in names]
    requests = dict(requests_of(signatures))
    assert list(requests) == [
        "_up.json",
        "tensorflow_serving_predict.json",
        "tensorflow_serving_predict_.json",
        "plain.json",
    ]
    assert requests["plain.json"] == {"signature_name": "plain", "instances": [0]}


@pytest.mark.parametrize(
    ("tensor", "value"),
    [
        (TensorSpec("float32", (None, 2, 2)), [[0.0, 0.0], [0.0, 0.0]]),
        (TensorSpec("int64", (None, None)), [0]),
        (TensorSpec("string", (None,)), "text"),
        (TensorSpec("bool", None), False),
        (TensorSpec("float32", ()), 0.0),
    ],
    ids=["a matrix", "any size", "a text", "any rank", "no dimension"],
)
def test_values_have_the_shape_of_one_instance(tensor, value):
    [(_, request)] = requests_of([Signature("s", "", {"x": tensor}, {})])
    assert request == {"instances": [value]}


def test_several_inputs_make_an_object_and_bytes_are_b64():
    inputs = {"id": TensorSpec("string", (None,)), "image_bytes": TensorSpec("string", (None,))}
    [(_, request)] = requests_of([Signature("s", "", inputs, {})])
    assert request == {"instances": [{"id": "text", "image_bytes": {"b64": "dGV4dA=="}}]}


@pytest.mark.parametrize(
    ("name", "content", "kind", "message"),
    [
        ("a.joblib", None, UsageError, "does not exist"),
        ("a.onnx", b"x", UsageError, "is not a model that --from-model can read"),
        ("a.pkl", pickle.dumps([1]), UsageError, r"holds \[1\], which has no predict"),
        ("a.pkl", pickle.dumps(LinearRegression()), UsageError, "no n_features_in_"),
        ("a.pkl", b"", LoadError, "is empty"),
        ("saved_model.pb", b"\x0bxyz", LoadError, "is not a SavedModel, or is damaged"),
        ("saved_model.pb", b"\x12\x7f", LoadError, "damaged: it is not a whole protocol buffer"),
        ("saved_model.pb", b"\x08\x01\x12\x00", UsageError, "has no signature"),
    ],
    ids=[
        "nothing",
        "another kind",
        "no estimator",
        "not fitted",
        "an empty pickle",
        "no protocol buffer",
        "cut off",
        "no signatures",
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, kind, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(kind, match=message):
        create_project(tmp_path / "p", from_model=tmp_path / name)
    assert not (tmp_path / "p").exists()


def test_a_directory_with_a_model_of_another_kind_is_named(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"model\.onnx is a model of the kind onnx"):
        create_project(tmp_path / "p", from_model=tmp_path)


def test_a_template_that_does_not_fit_the_model_is_refused(tmp_path):
    joblib.dump(rows(), tmp_path / "m.joblib")
    with pytest.raises(UsageError, match="fits the template sklearn, not keras"):
        create_project(tmp_path / "p", template="keras", from_model=tmp_path / "m.joblib")
