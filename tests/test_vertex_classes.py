"""Vertex AI's own predictor classes, and a user's subclass of its base, run unmodified."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from cpr.errors import LoadError
from cpr.messages import Call
from cpr.serving import open_routine

pytest.importorskip(
    "google.cloud.aiplatform.prediction", reason="google-cloud-aiplatform belongs to the test extra"
)
pytestmark = [
    # SklearnPredictor and XgboostPredictor warn of pickles whenever they load one.
    pytest.mark.filterwarnings("ignore:No 'allowed_extensions' provided:UserWarning"),
    pytest.mark.filterwarnings("ignore:Loading model:RuntimeWarning"),
    # xgboost warns of the name model.bst, which is the one that its predictor looks for.
    pytest.mark.filterwarnings("ignore:(?s).*Unknown file format:UserWarning"),
]
VERTEX = "google.cloud.aiplatform.prediction"
SKLEARN = f"{VERTEX}.sklearn.predictor.SklearnPredictor"
XGBOOST = f"{VERTEX}.xgboost.predictor.XgboostPredictor"
ROWS = [[0.0, 0.0], [2.0, 2.0]]


@pytest.fixture(scope="module")
def sklearn_dir(tmp_path_factory):
    joblib = pytest.importorskip("joblib", reason="scikit-learn is an extra")
    from sklearn.tree import DecisionTreeClassifier

    folder = tmp_path_factory.mktemp("sklearn")
    joblib.dump(DecisionTreeClassifier().fit(ROWS, [0, 1]), folder / "model.joblib")
    return folder


@pytest.fixture(scope="module")
def xgboost_dir(tmp_path_factory):
    xgboost = pytest.importorskip("xgboost", reason="xgboost is an extra")
    folder = tmp_path_factory.mktemp("xgboost")
    data = xgboost.DMatrix(np.array(ROWS), label=[0.0, 1.0])
    parameters = {"max_depth": 1, "min_child_weight": 0, "lambda": 0, "eta": 1, "nthread": 1}
    xgboost.train(parameters, data, num_boost_round=1).save_model(folder / "model.ubj")
    (folder / "model.ubj").rename(folder / "model.bst")
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    folder = tmp_path / "current"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def ask(target, model_dir, body):
    with open_routine(target, str(model_dir)) as routine:
        (reply,) = routine.answer([Call(json.dumps(body).encode())])
    return reply.status, json.loads(reply.body)


def test_its_scikit_learn_predictor_answers(sklearn_dir):
    body = {"instances": ROWS, "parameters": {"ignored": 1}}
    assert ask(SKLEARN, sklearn_dir, body) == (200, {"predictions": [0, 1]})


def test_its_xgboost_predictor_answers(xgboost_dir):
    status, body = ask(XGBOOST, xgboost_dir, {"instances": ROWS})
    assert status == 200
    assert body["predictions"] == pytest.approx([0, 1])


@pytest.mark.parametrize("target", [SKLEARN, SKLEARN.replace(".Skl", ":Skl")], ids=["dot", "colon"])
def test_the_model_that_it_copies_stays_out_of_the_callers_directory(
    target, sklearn_dir, elsewhere
):
    with open_routine(target, str(sklearn_dir)) as routine:
        assert list(elsewhere.iterdir()) == []
        (reply,) = routine.answer([Call(b'{"instances": [[2, 2]]}')])
    assert reply.is_ok
    assert list(elsewhere.iterdir()) == []
    assert Path.cwd() == elsewhere


def test_it_runs_in_the_model_directory_itself(sklearn_dir, monkeypatch):
    """Where its copy would meet the originals."""
    monkeypatch.chdir(sklearn_dir)
    assert ask(SKLEARN, sklearn_dir, {"instances": [[2, 2]]}) == (200, {"predictions": [1]})
    assert [path.name for path in sklearn_dir.iterdir()] == ["model.joblib"]


def test_instances_that_its_model_refuses_are_an_error_of_the_class(sklearn_dir):
    status, body = ask(SKLEARN, sklearn_dir, {"instances": [[1, 2, 3]]})
    assert status == 500
    assert body["error"].startswith(
        "Prediction failed: predict raised ValueError: X has 3 features"
    )


def test_a_model_directory_without_a_model_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(LoadError, match="failed: ValueError: One of the following model files"):
        open_routine(SKLEARN, str(tmp_path / "empty"))


MINE = """
import json
import pathlib

import numpy as np
from google.cloud.aiplatform.prediction.predictor import Predictor
from google.cloud.aiplatform.utils import prediction_utils


class Mine(Predictor):
    def __init__(self):
        self.loaded = 0

    def load(self, artifacts_uri, **kwargs):
        prediction_utils.download_model_artifacts(artifacts_uri)
        self.weights = np.array(json.loads(pathlib.Path("weights.json").read_text()))
        self.loaded += 1

    def preprocess(self, prediction_input):
        self.scale = prediction_input.get("parameters", {}).get("scale", 1)
        return np.asarray(prediction_input["instances"], "float32")

    def predict(self, instances):
        return instances @ self.weights * self.scale

    def postprocess(self, prediction_results):
        labels = pathlib.Path("labels.txt").read_text().split()
        return {
            "predictions": [labels[int(value > 1)] for value in prediction_results],
            "scores": prediction_results,
            "loaded": self.loaded,
        }
"""


@pytest.fixture
def mine(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights.json").write_text("[1, 0.5]")
    (model / "labels.txt").write_text("low high")
    (tmp_path / "predictor.py").write_text(MINE)
    return f"{tmp_path}/predictor.py:Mine", model


def test_a_users_subclass_runs_over_the_whole_body_and_reads_its_files_lazily(mine):
    body = {"instances": [[0, 1], [2, 4]], "parameters": {"scale": 2}}
    assert ask(*mine, body) == (
        200,
        {"predictions": ["low", "high"], "scores": [1.0, 8.0], "loaded": 1},
    )


def test_every_call_is_a_body_of_its_own(mine):
    with open_routine(mine[0], str(mine[1])) as routine:
        assert not routine.is_batchable
        bodies = [b'{"instances": [[1, 1]]}', b'{"inputs": 1}', b'{"instances": [[0, 0]]}']
        replies = routine.answer([Call(body) for body in bodies])
    assert [reply.status for reply in replies] == [200, 400, 200]
    assert json.loads(replies[0].body)["scores"] == [1.5]


def test_a_relative_model_directory_is_found_from_the_caller(mine):
    relative = os.path.relpath(mine[1])
    assert ask(mine[0], relative, {"instances": [[1, 1]]})[0] == 200


def test_its_abstract_base_alone_cannot_be_served(mine):
    with pytest.raises(LoadError, match=r"failed: TypeError: Can't instantiate abstract class"):
        open_routine(f"{VERTEX}.predictor.Predictor", str(mine[1]))
