"""When a predictor serves the compiled model, and when the original."""

import json
import re
import shutil

import numpy as np
import pytest

from cpr.config import PredictorSettings
from cpr.errors import LoadError
from cpr.predictors.xgboost_booster import XgboostBooster

xgboost = pytest.importorskip("xgboost", reason="needs the extra cpr[xgboost]")
ROWS = [[0.1, -0.2, 0.4, 3.0], [0.0, 0.6, 0.2, -1.0]]


@pytest.fixture(scope="module")
def booster(table, tmp_path_factory, compiled):
    rows, classes = table
    folder = tmp_path_factory.mktemp("booster")
    data = xgboost.DMatrix(rows, classes > 0)
    xgboost.train({"objective": "binary:logistic"}, data, 4).save_model(folder / "model.ubj")
    return compiled(folder, batch_sizes=(1,))[0]


@pytest.fixture
def folder(booster, tmp_path):
    shutil.copytree(booster, tmp_path / "model")
    return tmp_path / "model"


def kind(folder, runtime="auto"):
    settings = PredictorSettings(runtime=runtime)
    return type(XgboostBooster.from_path(folder, settings=settings).booster).__name__


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        ("auto", "CompiledBooster"),
        ("onnx", "CompiledBooster"),
        ("native", "Booster"),
        ("tensorflow", "Booster"),
    ],
)
def test_the_setting_runtime_says_what_is_served(folder, runtime, expected):
    assert kind(folder, runtime) == expected


def test_another_runtime_than_was_compiled_for_is_an_error(folder):
    with pytest.raises(LoadError, match="'litert', but the compiled model is for onnx") as caught:
        kind(folder, "litert")
    assert caught.value.hint.startswith("Run cpr compile --runtime litert")


def test_a_runtime_without_a_compiled_model_is_an_error(folder):
    shutil.rmtree(folder / "compiled")
    with pytest.raises(LoadError, match="'onnx', but there is no compiled model"):
        kind(folder, "onnx")


def test_warns_once_and_serves_the_original_where_that_was_changed(folder, caplog, table):
    rows, classes = table
    data = xgboost.DMatrix(rows, classes < 1)
    xgboost.train({"objective": "binary:logistic"}, data, 2).save_model(folder / "model.ubj")
    predictor = XgboostBooster.from_path(folder)
    assert type(predictor.booster).__name__ == "Booster"
    assert len(caplog.records) == 1
    said = "the compiled model was made from another model.ubj"
    assert f"{said}; run cpr compile again" in caplog.text
    with pytest.raises(LoadError, match=f"'onnx', but {said} in "):
        kind(folder, "onnx")


def break_file(folder):
    path = next(folder.glob("*.onnx"))
    path.write_bytes(path.read_bytes()[:-1])


def remove_file(folder):
    next(folder.glob("*.onnx")).unlink()


def break_record(folder):
    (folder / "compiled.json").write_text("{")


def age_record(folder):
    change(folder, schema="cpr.compiled/0")


def escape(folder):
    change(folder, files={"../model.ubj": {"sha256": ""}})


def nest_record(folder):
    (folder / "compiled.json").write_text("[" * 100_000)


def name_another_file(folder):
    record = json.loads((folder / "compiled.json").read_text())
    change(folder, model={**record["model"], "file": "../model.ubj"})


def confuse_tags(folder):
    change(folder, model={"tags": 5})


def change_objective(folder):
    record = json.loads((folder / "compiled.json").read_text())
    change(folder, model={**record["model"], "objective": "multi:softmax"})


def lose_seal(folder):
    change(folder, sha256=None)


def change(folder, **values):
    path = folder / "compiled.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (break_file, "function-0.onnx is damaged"),
        (remove_file, "'function-0.onnx' is missing"),
        (break_record, "compiled.json cannot be read"),
        (age_record, "compiled.json is 'cpr.compiled/0', not 'cpr.compiled/1'"),
        (escape, "'../model.ubj' is missing"),
        (nest_record, "compiled.json cannot be read: maximum recursion depth exceeded"),
        (name_another_file, "compiled.json lists no file '../model.ubj'"),
        (confuse_tags, "compiled.json is incomplete"),
        (change_objective, "compiled.json is not as cpr compile wrote it"),
        (lose_seal, "compiled.json is not as cpr compile wrote it"),
    ],
)
def test_serves_the_original_where_the_compiled_model_is_damaged(folder, caplog, damage, said):
    damage(folder / "compiled")
    assert kind(folder) == "Booster"
    assert said in caplog.text
    with pytest.raises(LoadError, match=re.escape(f"'onnx', but {said}")):
        kind(folder, "onnx")


def test_a_record_that_lacks_what_is_needed_is_only_warned_of(folder, caplog):
    change(folder / "compiled", model={})
    assert kind(folder) == "Booster"
    assert "is not served" in caplog.text


def test_leaves_infinities_to_xgboost(folder):
    predictor = XgboostBooster.from_path(folder)
    original = XgboostBooster.from_path(folder, settings=PredictorSettings(runtime="native"))
    np.testing.assert_allclose(predictor.predict(ROWS), original.predict(ROWS), rtol=1e-5)
    assert not predictor.has_loaded_original
