"""Vertex AI's own predictors under `cpr serve`, beside Vertex AI's own model server.

Both are told what to serve as a container of Vertex AI is, by environment
variables alone, and are asked the same.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager

import pytest

ROUTES = {"AIP_PREDICT_ROUTE": "/predict", "AIP_HEALTH_ROUTE": "/health"}
JSON = {"Content-Type": "application/json"}
VERTEX = "google.cloud.aiplatform.prediction"

STEPS = """
    from fastapi import HTTPException
    from google.cloud.aiplatform.prediction.predictor import Predictor
    from google.cloud.aiplatform.utils import prediction_utils

    class Steps(Predictor):
        def load(self, artifacts_uri):
            prediction_utils.download_model_artifacts(artifacts_uri)
            with open("scale.txt") as file:
                self._scale = float(file.read())

        def preprocess(self, prediction_input):
            self._parameters = prediction_input.get("parameters", {})
            return prediction_input["instances"]

        def predict(self, instances):
            fault = self._parameters.get("fault")
            if fault == "value":
                raise ValueError("two", "arguments")
            if fault == "http":
                raise HTTPException(status_code=418, detail="short and stout")
            if fault == "object":
                return {"predictions": object()}
            if fault == "number":
                return 7
            if fault == "unicode":
                return {"predictions": ["naïve \\u2603 \\U0001f600"]}
            return [self._scale * instance for instance in instances]

        def postprocess(self, prediction_results):
            if not isinstance(prediction_results, list):
                return prediction_results
            return {"predictions": prediction_results, "scale": self._scale, "more": {"a": [None]}}
"""


class Side:
    """One server and its port."""

    def __init__(self, port):
        self.port = port

    def ask(self, body, headers=JSON, method="POST", path="/predict"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


@contextmanager
def their_server(folder, environ):
    """Vertex AI's model server in a folder of its own, as its containers start it."""
    environ = {**os.environ, **environ, "AIP_HTTP_PORT": "0", "VERTEX_CPR_WEB_CONCURRENCY": "1"}
    environ |= {"HANDLER_MODULE": f"{VERTEX}.handler", "HANDLER_CLASS": "PredictionHandler"}
    process = subprocess.Popen(
        [sys.executable, "-m", f"{VERTEX}.model_server"],
        cwd=folder,
        env=environ,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        told = ""
        for line in process.stderr:
            told += line
            if found := re.search(r"Uvicorn running on http://[\d.]+:(\d+)", line):
                break
        else:
            pytest.fail(f"Vertex AI's model server ended:\n{told}")
        rest = threading.Thread(target=process.stderr.read, daemon=True)
        rest.start()
        yield Side(int(found[1]))
        process.kill()
        rest.join()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture(scope="module")
def start(serve, tmp_path_factory):
    """Start both servers with the same variables; returns (theirs, ours)."""
    contexts = []

    def start(predictor, artifacts, source=None):
        folders = [tmp_path_factory.mktemp(name) for name in ("theirs", "ours")]
        module, _, name = predictor.rpartition(".")
        environ = {**ROUTES, "AIP_STORAGE_URI": str(artifacts)}
        environ |= {"PREDICTOR_MODULE": module, "PREDICTOR_CLASS": name}
        for folder in folders:
            if source is not None:
                (folder / f"{module}.py").write_text(textwrap.dedent(source))
        contexts.append(their_server(folders[0], environ))
        theirs = contexts[-1].__enter__()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folders[1])
            ours = serve(env={**environ, "AIP_HTTP_PORT": "8080"})
        return theirs, Side(ours.port)

    yield start
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def sklearn_sides(start, tmp_path_factory):
    import joblib
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path_factory.mktemp("sklearn")
    model = LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True))
    joblib.dump(model, folder / "model.joblib")
    return start(f"{VERTEX}.sklearn.predictor.SklearnPredictor", folder)


@pytest.fixture(scope="module")
def xgboost_sides(start, tmp_path_factory):
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")
    from sklearn.datasets import load_iris

    folder = tmp_path_factory.mktemp("xgboost")
    features, classes = load_iris(return_X_y=True)
    data = xgboost.DMatrix(features, classes)
    model = xgboost.train({"objective": "multi:softprob", "num_class": 3}, data, 5)
    model.save_model(folder / "model.ubj")
    (folder / "model.ubj").rename(folder / "model.bst")
    return start(f"{VERTEX}.xgboost.predictor.XgboostPredictor", folder)


@pytest.fixture(scope="module")
def steps_sides(start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("steps")
    (folder / "scale.txt").write_text("2.5")
    return start("steps.Steps", folder, STEPS)


def body(*instances, **more):
    return json.dumps({"instances": list(instances), **more}).encode()


ROWS = ([5.1, 3.5, 1.4, 0.2], [6.0, 3.0, 5.0, 1.8])
PREDICTED = {
    "rows": (body(*ROWS), JSON),
    "one row": (body(ROWS[0]), JSON),
    "integers": (body([5, 3, 1, 0]), JSON),
    "many rows": (body(*ROWS * 500), JSON),
    "a charset": (body(*ROWS), {"Content-Type": "application/json; charset=utf-8"}),
    "anything accepted": (body(*ROWS), {**JSON, "Accept": "*/*"}),
    "accepted by weight": (body(*ROWS), {**JSON, "Accept": "text/html, application/json;q=0.5"}),
    "parameters that nobody takes": (body(*ROWS, parameters={"a": 1}), JSON),
    "spaces around": (b"  " + body(*ROWS) + b"\r\n", JSON),
}


@pytest.mark.parametrize("case", PREDICTED)
@pytest.mark.parametrize("sides", ["sklearn_sides", "xgboost_sides"])
def test_predictions_are_the_same(request, sides, case):
    theirs, ours = request.getfixturevalue(sides)
    answer = ours.ask(*PREDICTED[case])
    assert answer == theirs.ask(*PREDICTED[case])
    assert answer[0] == 200


STEPPED = {
    "numbers": body(1, 2.5, -3),
    "none": body(),
    "parameters": body(1, parameters={"a": 1}),
    "unicode": body(1, parameters={"fault": "unicode"}),
    "a number as the whole answer": body(1, parameters={"fault": "number"}),
}


@pytest.mark.parametrize("case", STEPPED)
def test_whole_answers_of_a_class_are_the_same(steps_sides, case):
    theirs, ours = steps_sides
    answer = ours.ask(STEPPED[case])
    assert answer == theirs.ask(STEPPED[case])
    assert answer[0] == 200


# Errors: what both say, of whom it is the fault, and how.
FAILED = {
    "no JSON": (b'{"instances": [', JSON, 400, "JSON deserialization failed for the request data"),
    "nothing": (b"", JSON, 400, "JSON deserialization failed for the request data"),
    "text": (
        body(1), {"Content-Type": "text/plain"}, 400,
        "Unsupported content type of the request: text/plain",
    ),
    "a form": (
        body(1), {"Content-Type": "application/x-www-form-urlencoded"}, 400,
        "Unsupported content type of the request: application/x-www-form-urlencoded",
    ),
    "no instances": (b'{"rows": []}', JSON, 500, "KeyError"),
    "a list": (b"[1]", JSON, 500, "TypeError"),
    "one column": (body([1.0]), JSON, 500, "X has 1 features, but LogisticRegression"),
    "ragged rows": (body([1], [1, 2]), JSON, 500, "inhomogeneous shape"),
    "words": (body("a"), JSON, 500, "Expected 2D array, got 1D array instead"),
    "no rows": (body(), JSON, 500, "Expected 2D array, got 1D array instead"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILED)
def test_errors_have_the_same_status_shape_and_cause(sklearn_sides, case):
    data, headers, status, text = FAILED[case]
    for side in sklearn_sides:
        answer = side.ask(data, headers)
        assert (answer[0], list(answer[1])) == (status, ["detail"])
        assert text in answer[1]["detail"]


def test_an_exception_is_told_with_its_arguments(steps_sides):
    for side in steps_sides:
        status, answer = side.ask(body(1, parameters={"fault": "value"}))
        assert (status, list(answer)) == (500, ["detail"])
        assert "ValueError" in answer["detail"]
        assert "('two', 'arguments')" in answer["detail"]


def test_what_has_no_json_form_is_an_error(steps_sides):
    statuses = [side.ask(body(1, parameters={"fault": "object"}))[0] for side in steps_sides]
    # Theirs blames the client.
    assert statuses == [400, 500]


def test_an_http_exception_of_a_class_keeps_its_status(steps_sides):
    for side in steps_sides:
        status, answer = side.ask(body(1, parameters={"fault": "http"}))
        assert (status, answer) == (418, {"detail": "short and stout"})


# Where ours differs on purpose: (theirs, ours).
DIFFERENT = {
    "no content type": (body(*ROWS), {}, 400, 200),
    "an answer that is not accepted": (body(*ROWS), {**JSON, "Accept": "text/plain"}, 400, 200),
    "a byte order mark": (b"\xef\xbb\xbf" + body(*ROWS), JSON, 200, 400),
    "NaN in the request": (b'{"instances": [[NaN, 1, 1, 1]]}', JSON, 500, 400),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_differences_are_these(sklearn_sides, case):
    data, headers, theirs, ours = DIFFERENT[case]
    assert [side.ask(data, headers)[0] for side in sklearn_sides] == [theirs, ours]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/health", 200), ("GET", "/predict", 405), ("POST", "/nowhere", 404)],
)
def test_routes_answer_alike(sklearn_sides, method, path, status):
    statuses = [side.ask(b"", method=method, path=path)[0] for side in sklearn_sides]
    assert statuses == [status, status]
