"""Preprocessors and labels beside a model."""

import pickle

import numpy as np
import pytest

from cpr.artifacts.companions import label_predictions, load_labels, load_preprocessor
from cpr.config import PredictorSettings
from cpr.errors import BadInput, LoadError, PredictionFailed
from cpr.importing import importable
from cpr.sources import Sources

DEFAULT = PredictorSettings()


@pytest.fixture
def classes_in_a_module(tmp_path):
    """Opens a package with a module that pickles can refer to, and returns it imported."""
    (tmp_path / "steps_of_test.py").write_text(
        "class Preprocesses:\n"
        "    def preprocess(self, rows): return ['preprocessed', rows]\n"
        "    def transform(self, rows): return ['transformed', rows]\n"
        "class Transforms:\n"
        "    def transform(self, rows): return ['transformed', rows]\n"
        "class Called:\n"
        "    def __call__(self, rows): return ['called', rows]\n"
        "class Refuses:\n"
        "    def transform(self, rows): raise ValueError('no such colour\\nlong advice')\n"
        "class Breaks:\n"
        "    def transform(self, rows): return rows.missing\n"
        "def double(rows): return [2 * row for row in rows]\n"
    )
    with importable(Sources(roots=(tmp_path,))):
        import steps_of_test

        yield steps_of_test


def save(folder, name, value):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(pickle.dumps(value))
    return folder


@pytest.mark.parametrize(
    ("kind", "word"),
    [("Preprocesses", "preprocessed"), ("Transforms", "transformed"), ("Called", "called")],
)
def test_calls_preprocess_before_transform_before_the_object(
    tmp_path, classes_in_a_module, kind, word
):
    target = getattr(classes_in_a_module, kind)()
    folder = save(tmp_path / "model", "preprocessor.pkl", target)
    preprocessor = load_preprocessor(folder, DEFAULT)
    assert preprocessor([1]) == [word, [1]]
    assert preprocessor.source == folder / "preprocessor.pkl"


def test_a_function_can_preprocess(tmp_path, classes_in_a_module):
    folder = save(tmp_path / "model", "preprocessor.joblib", classes_in_a_module.double)
    assert load_preprocessor(folder, DEFAULT)([1, 2]) == [2, 4]


def test_the_setting_names_another_file(tmp_path, classes_in_a_module):
    folder = save(tmp_path / "model", "scaler.pkl", classes_in_a_module.double)
    assert load_preprocessor(folder, DEFAULT) is None
    named = PredictorSettings(preprocessor="scaler.pkl")
    assert load_preprocessor(folder, named)([3]) == [6]


@pytest.mark.parametrize("load", [load_preprocessor, load_labels])
def test_nothing_beside_the_model_is_none(tmp_path, load):
    assert load(tmp_path, DEFAULT) is None


def test_companions_of_a_version_are_in_it_or_beside_it(tmp_path):
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "model.onnx").write_text("x")
    (tmp_path / "labels.txt").write_text("outer\n")
    assert load_labels(tmp_path, DEFAULT) == ["outer"]
    (tmp_path / "3" / "labels.txt").write_text("inner\n")
    assert load_labels(tmp_path, DEFAULT) == ["inner"]


def test_a_value_that_the_preprocessor_refuses_is_bad_input(tmp_path, classes_in_a_module):
    folder = save(tmp_path / "model", "preprocessor.pkl", classes_in_a_module.Refuses())
    preprocessor = load_preprocessor(folder, DEFAULT)
    with pytest.raises(BadInput) as caught:
        preprocessor([1])
    assert str(caught.value) == "preprocessor.pkl refused the instances: no such colour"


def test_any_other_failure_is_the_preprocessors(tmp_path, classes_in_a_module):
    folder = save(tmp_path / "model", "preprocessor.pkl", classes_in_a_module.Breaks())
    preprocessor = load_preprocessor(folder, DEFAULT)
    with pytest.raises(PredictionFailed, match=r"^preprocessor.pkl failed: AttributeError: 'list'"):
        preprocessor([1])


def test_an_object_that_cannot_preprocess_is_refused(tmp_path):
    folder = save(tmp_path / "model", "preprocessor.pkl", {"mean": 3})
    with pytest.raises(LoadError, match=r"holds \{'mean': 3\}, which cannot preprocess: it has"):
        load_preprocessor(folder, DEFAULT)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            PredictorSettings(labels="label.txt"),
            "The setting predictor.labels names 'label.txt', which is not in {}.\n"
            "Did you mean 'labels.txt'?",
        ),
        (
            PredictorSettings(),
            "{} holds labels.txt and classes.json; one of them is expected.\n"
            "Remove one, or name one with the setting predictor.labels.",
        ),
    ],
    ids=["missing", "two"],
)
def test_ambiguous_or_missing_companions_are_named(tmp_path, settings, message):
    (tmp_path / "labels.txt").write_text("a\n")
    (tmp_path / "classes.json").write_text('["a"]')
    with pytest.raises(LoadError) as caught:
        load_labels(tmp_path, settings)
    assert str(caught.value) == message.format(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "labels"),
    [
        ("labels.txt", b"cat\ndog\n", ["cat", "dog"]),
        ("labels.txt", b"\xef\xbb\xbfcat\r\ndog\r\n\r\n\n", ["cat", "dog"]),
        ("labels.txt", "chaton d'été\n犬".encode(), ["chaton d'été", "犬"]),
        ("classes.json", b'["cat", "dog"]', ["cat", "dog"]),
    ],
    ids=["plain", "bom and crlf", "unicode", "json"],
)
def test_reads_labels(tmp_path, name, content, labels):
    (tmp_path / name).write_bytes(content)
    assert load_labels(tmp_path, DEFAULT) == labels


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("labels.txt", b"cat\n\ndog\n", "line 2 is empty: each line names a class."),
        ("labels.txt", b"\n\n", "names no class."),
        ("labels.txt", b"\xff\xfe", "is not UTF-8 text"),
        ("classes.json", b"[1, 2]", "holds [1, 2]; expected a list of names"),
        ("classes.json", b'{"cat": 0}', "holds {'cat': 0}; expected a list of names"),
        ("classes.json", b"[", "is not valid JSON"),
        ("classes.json", b"[]", "names no class."),
    ],
    ids=["gap", "blank", "binary", "numbers", "object", "broken json", "empty json"],
)
def test_refuses_labels_that_are_not_names(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LoadError) as caught:
        load_labels(tmp_path, DEFAULT)
    assert message in caught.value.problem
    assert str(tmp_path / name) in caught.value.problem


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        (np.array([1, 0]), ["dog", "cat"]),
        (np.array([[1], [0]]), [["dog"], ["cat"]]),
        (np.array([True, False]), ["dog", "cat"]),
        (np.array([[0.1, 0.9], [0.8, 0.2]]), ["dog", "cat"]),
        (np.array([[10, 240], [200, 3]], np.uint8), ["dog", "cat"]),
        (np.array([[[0.1, 0.9], [0.8, 0.2]]]), [["dog", "cat"]]),
        (np.zeros((0,), int), []),
        (["already", "named"], ["already", "named"]),
    ],
    ids=["classes", "column", "booleans", "scores", "integer scores", "pixels", "none", "names"],
)
def test_classes_and_scores_become_names(predictions, expected):
    assert label_predictions(predictions, ["cat", "dog"]) == expected


@pytest.mark.parametrize(
    "predictions", [np.array([0.5, 1.5]), np.ones((1, 3))], ids=["floats", "other width"]
)
def test_anything_else_stays_as_it_is(predictions):
    assert label_predictions(predictions, ["cat", "dog"]) is predictions


@pytest.mark.parametrize("number", [2, -1])
def test_a_class_without_a_name_fails(number):
    with pytest.raises(PredictionFailed) as caught:
        label_predictions(np.array([0, number]), ["cat", "dog"])
    assert caught.value.problem == f"The model predicted class {number}, but there are 2 labels."
