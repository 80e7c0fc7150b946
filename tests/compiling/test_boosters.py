import numpy as np
import pytest

from cpr.config import PredictorSettings
from cpr.predictors.xgboost_booster import XgboostBooster

xgboost = pytest.importorskip("xgboost", reason="needs the extra cpr[xgboost]")

OBJECTIVES = {
    "binary": {"objective": "binary:logistic"},
    "scores": {"objective": "multi:softprob", "num_class": 3},
    "class": {"objective": "multi:softmax", "num_class": 3},
    "number": {"objective": "reg:squarederror", "base_score": 0.25},
    "count": {"objective": "count:poisson"},
}


@pytest.fixture
def train(table, tmp_path):
    rows, classes = table
    rows = rows.copy()
    rows[::7, 2] = np.nan

    def make(**parameters):
        target = classes > 0 if parameters["objective"] == "binary:logistic" else classes
        data = xgboost.DMatrix(rows, target)
        xgboost.train({"max_depth": 4, **parameters}, data, 6).save_model(tmp_path / "model.ubj")
        return tmp_path

    return make


@pytest.mark.parametrize("parameters", OBJECTIVES.values(), ids=OBJECTIVES)
def test_compiled_boosters_answer_as_xgboost(train, compiled, parameters):
    folder, report = compiled(train(**parameters))
    assert report.is_compiled, report.reason
    rows = [[0.1, -0.2, None, 3.0], [0.0, 0.6, 0.2, -1.0], [-1.5, 2.0, 0.0, 0.0]]
    for output in ("predict", "margin"):
        answers = [
            XgboostBooster.from_path(
                folder, settings=PredictorSettings(runtime=runtime, output=output)
            ).predict(rows)
            for runtime in ("native", "onnx")
        ]
        np.testing.assert_allclose(*answers, rtol=1e-4, atol=1e-5, err_msg=output)


def test_declines_a_booster_without_plain_trees(train, compiled):
    _, report = compiled(train(objective="reg:squarederror", booster="dart"))
    assert report.reason == "onnx: its booster is dart; gbtree is converted"
