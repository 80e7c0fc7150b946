"""Which model is found in a directory, from the names and a few bytes alone."""

from pathlib import Path

import pytest

from cpr.artifacts.detect import Kind, detect, kind_of_framework, model_folder
from cpr.errors import LoadError, UsageError

XGBOOST_JSON = '{"learner":{"attributes":{}},"version":[3,2,0]}'
KERAS_JSON = '{"class_name": "Sequential", "config": {}}'


def fill(folder: Path, *names: str) -> Path:
    """Files of these names; ``name=content`` gives one a content."""
    for item in names:
        name, _, content = item.partition("=")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content or "x")
    return folder


@pytest.mark.parametrize(
    ("names", "kind", "used"),
    [
        (["saved_model.pb", "variables/variables.index"], Kind.TENSORFLOW, "."),
        (["saved_model.pbtxt"], Kind.TENSORFLOW, "."),
        (["model.keras"], Kind.KERAS, "model.keras"),
        (["model.h5", "model.weights.h5"], Kind.KERAS, "model.h5"),
        (["wine.keras"], Kind.KERAS, "wine.keras"),
        (["model.joblib"], Kind.SKLEARN, "model.joblib"),
        (["model.pkl"], Kind.SKLEARN, "model.pkl"),
        (["model.joblib", "model.pkl"], Kind.SKLEARN, "model.joblib"),
        (["model.pkl", "preprocessor.pkl", "labels.txt"], Kind.SKLEARN, "model.pkl"),
        (["model.bst"], Kind.XGBOOST, "model.bst"),
        (["model.ubj"], Kind.XGBOOST, "model.ubj"),
        ([f"model.json={XGBOOST_JSON}"], Kind.XGBOOST, "model.json"),
        ([f"model.json= {{ {XGBOOST_JSON[1:]}"], Kind.XGBOOST, "model.json"),
        (["model.onnx", "model.onnx.data"], Kind.ONNX, "model.onnx"),
        (["squeezenet.onnx", "scaler.pkl"], Kind.ONNX, "squeezenet.onnx"),
        (["model.tflite"], Kind.LITERT, "model.tflite"),
        (["saved_model.pb", "weights.h5"], Kind.TENSORFLOW, "."),
        (["model.joblib", f"model.json={KERAS_JSON}"], Kind.SKLEARN, "model.joblib"),
        (["model.joblib", ".model.h5", ".DS_Store"], Kind.SKLEARN, "model.joblib"),
        (["model.joblib", "7/saved_model.pb"], Kind.SKLEARN, "model.joblib"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else None,
)
def test_finds_the_model(tmp_path, names, kind, used):
    artifact = detect(fill(tmp_path, *names))
    assert artifact.kind is kind
    assert artifact.path == tmp_path / used


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)
def test_every_kind_has_a_predictor_and_a_framework_name(kind):
    from importlib import import_module

    from cpr.artifacts.detect import FRAMEWORKS, PREDICTORS

    module, _, name = PREDICTORS[kind].partition(":")
    assert hasattr(import_module(module), name)
    assert FRAMEWORKS[kind.value] is kind


@pytest.mark.parametrize(
    ("names", "message", "hint"),
    [
        (
            ["saved_model.pb", "model.joblib"],
            "Multiple model files are found in the model_path {}: "
            "saved_model.pb (tensorflow), model.joblib (scikit-learn).",
            "Say which with --framework scikit-learn or tensorflow, or remove the others.",
        ),
        (
            ["a.onnx", "b.onnx"],
            "Multiple model files are found in the model_path {}: a.onnx (onnx), b.onnx (onnx).",
            "Name the one to serve model.onnx, or remove the others.",
        ),
        (
            ["a.onnx", "b.keras"],
            "Multiple model files are found in the model_path {}: a.onnx (onnx), b.keras (keras).",
            "Say which with --framework keras or onnx, or remove the others.",
        ),
    ],
    ids=["two kinds", "two of a kind", "two kinds of any name"],
)
def test_several_models_are_named(tmp_path, names, message, hint):
    with pytest.raises(LoadError) as caught:
        detect(fill(tmp_path, *names))
    assert caught.value.problem == message.format(tmp_path)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("framework", "used"),
    [("tensorflow", "."), ("scikit_learn", "model.joblib"), ("SKLEARN", "model.joblib")],
)
def test_the_framework_decides_between_several(tmp_path, framework, used):
    fill(tmp_path, "saved_model.pb", "model.joblib")
    assert detect(tmp_path, framework).path == tmp_path / used


def test_a_pickled_booster_is_xgboost_only_by_name(tmp_path):
    fill(tmp_path, "model.pkl")
    assert detect(tmp_path).kind is Kind.SKLEARN
    assert detect(tmp_path, "xgboost").kind is Kind.XGBOOST


def test_the_framework_does_not_find_another_kind(tmp_path):
    with pytest.raises(LoadError) as caught:
        detect(fill(tmp_path, "model.keras"), "tensorflow")
    assert "looked for saved_model.pb|pbtxt; it holds model.keras" in caught.value.problem
    assert caught.value.hint == (
        "It holds model.keras (keras): leave --framework away, or name that one."
    )


def test_an_unknown_framework_is_a_usage_error():
    with pytest.raises(UsageError, match="Unknown framework 'tensorflw'; known are") as caught:
        kind_of_framework("tensorflw")
    assert caught.value.hint == "Did you mean 'tensorflow'?"


def test_the_highest_version_is_the_model(tmp_path):
    fill(tmp_path, "9/saved_model.pb", "10/saved_model.pb", "latest/saved_model.pb", "labels.txt")
    assert detect(tmp_path).path == tmp_path / "10"
    assert model_folder(tmp_path) == tmp_path / "10"


def test_a_broken_highest_version_is_not_passed_over(tmp_path):
    fill(tmp_path, "1/saved_model.pb", "2/readme.txt")
    with pytest.raises(LoadError, match=r"No model was found in .*/2: .* it holds readme.txt"):
        detect(tmp_path)


@pytest.mark.parametrize(
    ("names", "holds", "hint"),
    [
        (["model.pt"], "model.pt (PyTorch)", "Name the class that loads these files with"),
        (
            ["checkpoint", "model.ckpt-9.index", "model.ckpt-9.meta", "notes.md"],
            "checkpoint and 2 more (TensorFlow checkpoint), notes.md",
            "Export it as a SavedModel",
        ),
        (
            ["export.meta", "export"],
            "export.meta (TensorFlow Session Bundle, the export format before SavedModel), export",
            "Make a SavedModel of it: cpr export-model ",
        ),
        (["iris.joblib"], "iris.joblib (pickle)", "If iris.joblib is the model, name it model.job"),
        (["best.bst"], "best.bst (XGBoost)", "If best.bst is the model, name it model.bst"),
        (["m.weights.h5"], "m.weights.h5 (Keras weights without their model)", "Name the class"),
        (
            [f"model.json={KERAS_JSON}"],
            "model.json (JSON, but not an XGBoost model)",
            "Name the class",
        ),
        (["predictor.py", "data/a.csv"], "data/, predictor.py", "Name the class that loads these"),
        ([".hidden"], "it holds nothing", "The directory is empty"),
        (
            ["export/1/saved_model.pb"],
            "it holds export/",
            "A model is in {}/export/1: give the directory of the model itself.",
        ),
        ([f"run/2/model.json={XGBOOST_JSON}"], "it holds run/", "A model is in {}/run/2: give"),
        (["old/model.hdf5"], "it holds old/", "A model is in {}/old: give the directory"),
        ([f"web/model.json={KERAS_JSON}"], "it holds web/", "Name the class that loads these"),
        (["a.txt", "b.txt", *(f"{i}.csv" for i in range(9))], "6.csv, 7.csv and 3 more", "Name"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_says_what_is_there_instead_of_a_model(tmp_path, names, holds, hint):
    with pytest.raises(LoadError) as caught:
        detect(fill(tmp_path, *names))
    assert caught.value.problem.startswith(f"No model was found in {tmp_path}: looked for saved_")
    assert holds in caught.value.problem
    assert caught.value.hint.startswith(hint.format(tmp_path))


@pytest.mark.parametrize(
    "names", [["model.pt"], ["checkpoint"], ["iris.joblib"], ["a.txt"]], ids=lambda names: names[0]
)
def test_who_takes_no_class_is_told_of_none(tmp_path, names):
    with pytest.raises(LoadError) as caught:
        detect(fill(tmp_path, *names), takes_class=False)
    assert caught.value.hint
    assert "--prediction-class" not in caught.value.hint


def test_a_missing_directory_and_a_file_are_told_apart(tmp_path):
    with pytest.raises(LoadError, match=r"model_dir does not exist\."):
        detect(tmp_path / "model_dir")
    with pytest.raises(LoadError, match=r"model\.pkl is a file, not a directory\."):
        detect(fill(tmp_path, "model.pkl") / "model.pkl")
