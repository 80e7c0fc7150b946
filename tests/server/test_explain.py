"""Explanations by a real server: the routes, and what they leave to others."""

from concurrent.futures import ThreadPoolExecutor

import pytest

ROUTINE = """
import os


class Summer:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    seen = 0

    def predict(self, instances, **kwargs):
        self.seen += 1
        return [{"sum": sum(row), "seen": self.seen, "pid": os.getpid()} for row in instances]
"""
# Of which each variant is a predict of its own, where batches are of one instance.
LONG = {"instances": [[1.0] * 50] * 2, "explain": {"output": "sum", "num_paths": 1000}}
ONE_BY_ONE = {"CPR_BATCHING_MAX_BATCH_SIZE": "1"}


@pytest.fixture
def summer(serve, tmp_path):
    """A server of a routine that adds up, and tells how often it was asked."""
    (tmp_path / "summer.py").write_text(ROUTINE)
    model = tmp_path / "model"
    model.mkdir()

    def start(*arguments, **options):
        target = f"{tmp_path / 'summer.py'}:Summer"
        return serve(target, "--model-dir", model, "--model-name", "sums", *arguments, **options)

    return start


def test_every_route_answers(summer):
    server = summer("--predict-route", "/v1/predict")
    body = {"instances": [[1, 2]], "explain": {"output": "sum"}}
    paths = ["/v1/projects/p/models/sums:explain", "/v1/models/sums/versions/1:explain"]
    for path in paths:
        status, document = server.post(path, body)
        assert status == 200, document
        [found] = document["explanations"][0]["attributions_by_label"]
        assert found["attributions"] == {"features": [1, 2]}
    status, document = server.post("/v1/explain", body)
    assert status == 200, document
    assert document["explanations"][0]["attributions"][0]["featureAttributions"] == {
        "features": [1, 2]
    }
    assert document["predictions"][0]["sum"] == 3
    assert server.post("/v1/models/other:explain", body)[0] == 404
    _, metrics = server.get("/metrics")
    assert b'route="explain",status="200"} 3' in metrics


def test_predictions_are_answered_while_an_explanation_is_made(summer):
    server = summer(env=ONE_BY_ONE)
    with ThreadPoolExecutor(1) as pool:
        explanation = pool.submit(server.post, "/v1/models/sums:explain", LONG)
        seen = [server.predict([1.0])[1]["predictions"][0]["seen"] for _ in range(20)]
        assert not explanation.done()
        server.kill()
        assert explanation.exception() is not None
    # Each predict came after some of the explanation's, which had not ended.
    assert seen == sorted(set(seen))
    assert seen[-1] > 100


def test_an_explanation_that_takes_too_long_leaves_its_worker_alone(summer):
    server = summer(env={**ONE_BY_ONE, "CPR_LIMITS_REQUEST_TIMEOUT_S": "0.5"})
    [worker] = {server.predict([1.0])[1]["predictions"][0]["pid"]}
    status, document = server.post("/v1/projects/p/models/sums:explain", LONG)
    assert status == 504
    assert "there is no time left for the explanation, for which " in document["error"]
    assert server.predict([1.0])[1]["predictions"][0]["pid"] == worker
    assert "hung" not in server.errors
