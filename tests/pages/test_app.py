"""The app by itself: every route, its errors, and the rules of a WSGI host."""

import gzip
import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.request import Request, urlopen

import pytest

import cpr
from cpr.errors import ConfigError
from cpr.reports.html import Markup
from cpr.reports.html import page as report_page

FLOWER = {"sepal length": 5.1, "sepal width": 3.5, "petal length": 1.4, "petal width": 0.2}
BODY = {"instances": [FLOWER]}


@pytest.fixture(scope="module")
def client(app_of, flowers):
    return app_of(flowers, model_name="flowers", version="7").test_client()


@pytest.fixture(scope="module")
def tf_client(app_of, scores):
    return app_of(scores, model_name="scores").test_client()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/flowers:predict",
        "/v1/models/flowers/versions/7:predict",
        "/v1/models/flowers/versions/007:predict",
        "/v1/projects/p/models/flowers:predict",
        "/v1/projects/p/models/flowers/versions/7:predict",
        "/",
    ],
)
def test_predicts_on_every_route(client, path):
    answer = client.post(path, json=BODY)
    assert answer.status_code == 200, answer.text
    assert answer.json == {"predictions": ["setosa"]}
    assert answer.content_type == "application/json"


def test_an_answer_says_its_request_id_and_where_the_time_went(client):
    answer = client.post("/", json=BODY, headers={"X-Request-Id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    stages = [part.split(";")[0] for part in answer.headers["server-timing"].split(", ")]
    assert stages == ["queue", "decode", "predict", "encode"]
    others = {client.post("/", json=BODY).headers["x-request-id"] for _ in range(3)}
    assert len(others) == 3
    odd = client.post("/", json=BODY, headers={"X-Request-Id": "a b\u00e9"})
    assert odd.headers["x-request-id"] not in ("", "a b\u00e9")


def test_vertex_ai_gives_the_routes(app_of, reviews, monkeypatch):
    monkeypatch.setenv("AIP_PREDICT_ROUTE", "/v1/endpoints/1:predict")
    monkeypatch.setenv("AIP_HEALTH_ROUTE", "/v1/endpoints/1")
    client = app_of(reviews).test_client()
    answer = client.post("/v1/endpoints/1:predict", json={"instances": ["good film"]})
    assert answer.json == {"predictions": ["praise"]}
    healthy = client.get("/v1/endpoints/1")
    assert (healthy.status_code, healthy.json) == (200, {})
    assert client.get("/v1/endpoints/2").status_code == 404


@pytest.mark.parametrize("route", ["health", "/<any>", "/a b"])
def test_a_health_route_that_is_no_path_is_refused(app_of, reviews, monkeypatch, route):
    monkeypatch.setenv("AIP_HEALTH_ROUTE", route)
    with pytest.raises(ConfigError, match="expected a path such as /health"):
        app_of(reviews)
    monkeypatch.undo()
    assert app_of(reviews).test_client().get("/readyz").status_code == 200


@pytest.mark.parametrize("route", ["/", "/healthz", "/v1/models/default"])
def test_a_health_route_comes_before_a_page_of_the_same_path(app_of, reviews, monkeypatch, route):
    monkeypatch.setenv("AIP_HEALTH_ROUTE", route)
    assert app_of(reviews).test_client().get(route).json == {}


def test_a_body_may_be_gzipped(client):
    body = gzip.compress(json.dumps(BODY).encode())
    answer = client.post("/", data=body, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json) == (200, {"predictions": ["setosa"]})


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("POST", "/v1/models/rose:predict", 404, {"error": str}),
        ("POST", "/v1/models/flowers/versions/8:predict", 404, {"error": str}),
        ("POST", "/v1/models/flowers/labels/best:predict", 404, {"error": str}),
        ("POST", "/v1/models/flowers:explode", 404, {"error": str}),
        ("POST", "/v1/projects/p/models/rose:predict", 404, {"error": dict}),
        ("POST", "/nowhere", 404, {"error": dict}),
        ("POST", "/healthz", 405, {"error": dict}),
        ("POST", "/v1/models/flowers", 405, {"error": str}),
        ("GET", "/v1/models/flowers:predict", 405, {"error": str}),
        ("PUT", "/v1/models/flowers", 405, {"error": str}),
        ("GET", "/nowhere", 404, {"error": dict}),
        ("GET", "/v1/models/rose", 404, {"error": str}),
        ("GET", "/v1/models/flowers/versions/8", 404, {"error": str}),
        ("GET", "/v1/models/flowers/metadata", 404, {"error": str}),
        ("GET", "/v1/projects/p/models/rose", 404, {"error": dict}),
        ("GET", "/v1/projects/p/models/flowers/versions/8", 404, {"error": dict}),
        ("GET", "/v1/projects/p/models?pageSize=x", 400, {"error": dict}),
        ("POST", "//v1//models/flowers:predict", 404, {"error": dict}),
        ("GET", "/assets/../app.py", 404, {"error": dict}),
        ("GET", "/assets/%2e%2e/app.py", 404, {"error": dict}),
    ],
)
def test_refusals_are_json_in_the_shape_of_the_path(client, method, path, status, body):
    answer = client.open(path, method=method, data=b"{}" if method == "POST" else None)
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/json"
    assert {key: type(value) for key, value in answer.json.items()} == body
    if body == {"error": dict}:
        assert answer.json["error"]["code"] == status
        assert answer.json["error"]["message"]


def test_a_wrong_method_is_told_with_the_right_ones(client):
    answer = client.delete("/v1/models/flowers")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/models/flowers", "GET, HEAD, OPTIONS"),
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/assets/playground.js", "GET, HEAD, OPTIONS"),
        ("/assets/base.css", "GET, HEAD, OPTIONS"),
        ("/v1/models/flowers:predict", "POST, OPTIONS"),
        ("/", "GET, HEAD, POST, OPTIONS"),
    ],
)
def test_options_of_a_path_are_the_methods_that_it_has(client, path, methods):
    answer = client.options(path)
    assert (answer.status_code, answer.data, answer.headers["Allow"]) == (200, b"", methods)


def test_what_is_nowhere_has_no_options(client):
    assert client.options("/nowhere").status_code == 404
    assert client.options("/v1/models/flowers:explode").status_code == 404


def test_a_body_that_is_too_long_is_not_read(app_of, reviews):
    client = app_of(reviews, flags={"limits.body_bytes": 1000}).test_client()
    within = client.post("/", json={"instances": ["x" * 900]})
    beyond = client.post("/", json={"instances": ["x" * 1000]})
    assert within.status_code == 200
    assert beyond.status_code == 413
    assert beyond.json["error"]["message"] == "The request's body is too long."


@pytest.mark.parametrize(("more", "status"), [(b"", 200), (b" ", 413), (b"junk", 413)])
def test_a_body_in_chunks_that_is_too_long_is_not_predicted_in_part(app_of, reviews, more, status):
    client = app_of(reviews, flags={"limits.body_bytes": 100}).test_client()
    # As gunicorn and mod_wsgi hand over a body in chunks: without a length.
    chunked = {
        "wsgi.input": io.BytesIO(b'{"instances": ["a"]}'.ljust(100) + more),
        "wsgi.input_terminated": True,
    }
    answer = client.post("/", environ_overrides=chunked)
    assert answer.status_code == status


def test_a_bad_request_is_told_in_words(client):
    answer = client.post("/", json={"instances": [{**FLOWER, "petal width": "wide"}]})
    assert answer.status_code == 400
    assert "wide" in answer.json["error"]


def test_models_and_versions_are_ai_platforms_resources(client):
    model = client.get("/v1/projects/p/models/flowers").json
    version = client.get("/v1/projects/p/models/flowers/versions/7").json
    assert model["name"] == "projects/p/models/flowers"
    assert model["defaultVersion"] == version
    assert version["name"] == "projects/p/models/flowers/versions/7"
    assert version["state"] == "READY"
    assert version["isDefault"] is True
    assert version["framework"] == "SCIKIT_LEARN"
    assert version["createTime"].endswith("Z")
    listed = client.get("/v1/projects/p/models/flowers/versions").json
    assert listed == {"versions": [version]}
    assert client.get("/v1/projects/p/models?pageSize=1").json == {"models": [model]}


def test_kserve_reads_names_and_readiness(client):
    assert client.get("/v1/models").json == {"models": ["flowers"]}
    ready = {"name": "flowers", "ready": True}
    assert client.get("/v1/models/flowers").json == ready
    assert client.get("/v1/models/flowers/versions/7").json == ready


def test_a_saved_model_has_tensorflow_servings_status_and_metadata(tf_client):
    status = tf_client.get("/v1/models/scores").json
    available = {"error_code": "OK", "error_message": ""}
    version = {"version": "1", "state": "AVAILABLE", "status": available}
    assert status == {"model_version_status": [version]}
    metadata = tf_client.get("/v1/models/scores/versions/1/metadata").json
    assert metadata["model_spec"] == {"name": "scores", "signature_name": "", "version": "1"}
    definition = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert definition["method_name"] == "tensorflow/serving/predict"
    sizes = definition["inputs"]["sizes"]
    assert sizes["dtype"] == "DT_FLOAT"
    assert sizes["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}, {"size": "3", "name": ""}],
        "unknown_rank": False,
    }
    assert sizes["name"]
    assert definition["inputs"]["word"]["dtype"] == "DT_STRING"
    assert tf_client.get("/v1/models/scores/labels/x/metadata").status_code == 400


def test_health_readiness_and_metrics(client):
    client.post("/v1/models/flowers:predict", json=BODY)
    assert client.get("/healthz").status_code == 200
    assert client.get("/_ah/health").status_code == 200
    assert client.get("/readyz").json == {"ready": True}
    verbose = client.get("/readyz?verbose").json
    assert verbose["models"]["flowers"]["versions"] == {"7": "ready"}
    metrics = client.get("/metrics")
    assert metrics.content_type.startswith("text/plain; version=0.0.4")
    counted = [line for line in metrics.text.splitlines() if line.startswith("cpr_requests_total")]
    assert any('model="flowers",version="7"' in line for line in counted)


def test_a_closed_app_is_not_ready(app_of, reviews):
    app = app_of(reviews)
    app.extensions["cpr"].close()
    app.extensions["cpr"].close()
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"ready": False})


def test_head_is_get_without_a_body(client):
    answer = client.head("/readyz")
    assert (answer.status_code, answer.data) == (200, b"")


def test_nothing_is_sniffed_and_nothing_is_framed(client):
    page = client.get("/")
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    with client.get("/assets/playground.js") as script:
        assert script.headers["X-Content-Type-Options"] == "nosniff"
        assert script.content_type == "text/javascript; charset=utf-8"


def test_colours_are_those_of_reports(client):
    with client.get("/assets/base.css") as style:
        assert style.content_type == "text/css; charset=utf-8"
        assert "--accent: " in style.text
        assert style.text in report_page("A report", Markup(""), data={})


def test_below_a_prefix_every_link_is_below_it(client):
    page = client.get("/", base_url="http://localhost/ml/")
    assert 'href="/ml/assets/playground.css"' in page.text
    assert 'href="/ml/assets/base.css"' in page.text
    assert '"root": "/ml"' in page.text
    answer = client.post("/v1/models/flowers:predict", json=BODY, base_url="http://localhost/ml/")
    assert answer.json == {"predictions": ["setosa"]}


def test_what_a_model_says_of_itself_cannot_leave_its_script(app_of, tmp_path):
    source = '''
class Odd:
    """</script><script>alert(1)</script><!--"""

    def predict(self, instances, **kwargs):
        return instances

    @classmethod
    def from_path(cls, model_dir):
        return cls()
'''
    (tmp_path / "odd_predictor.py").write_text(source)
    app = app_of(tmp_path, target=str(tmp_path / "odd_predictor.py") + ":Odd")
    page = app.test_client().get("/").text
    assert "<script>alert" not in page
    assert page.count("</script>") == 3
    app.extensions["cpr"].close()


def test_threads_get_each_their_own_answer(serve, app_of, reviews):
    url = serve(app_of(reviews)).url + "/v1/models/default:predict"

    def ask(number):
        texts = ["good film"] * (number % 7) + ["bad film"]
        body = json.dumps({"instances": texts}).encode()
        with urlopen(Request(url, body)) as answer:
            return len(texts), json.load(answer)["predictions"]

    with ThreadPoolExecutor(8) as pool:
        for count, predictions in pool.map(ask, range(100)):
            assert predictions == ["praise"] * (count - 1) + ["blame"]


def test_create_app_is_found_at_the_front_door():
    assert callable(cpr.create_app)
    assert "create_app" in cpr.__all__


def test_import_cpr_needs_no_flask():
    code = (
        "import cpr, sys; assert 'flask' not in sys.modules; "
        "cpr.create_app; assert 'flask' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
