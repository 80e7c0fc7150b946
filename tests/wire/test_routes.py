"""Which paths ask for a prediction, and of what."""

import subprocess
import sys

import pytest

from cpr.wire.routes import Route, Routes, version_name

ROUTES = {
    "root": (b"/", Route("aiplatform")),
    "model": (b"/v1/projects/p/models/iris:predict", Route("aiplatform", "iris")),
    "version": (
        b"/v1/projects/p/models/iris/versions/v1:predict",
        Route("aiplatform", "iris", "v1"),
    ),
    "project_of_a_domain": (
        b"/v1/projects/example.com:p/models/iris:predict",
        Route("aiplatform", "iris"),
    ),
    "project_of_a_domain_encoded": (
        b"/v1/projects/example.com%3Ap/models/iris:predict",
        Route("aiplatform", "iris"),
    ),
    "tfserving": (b"/v1/models/iris:predict", Route("tfserving", "iris")),
    "tfserving_version": (
        b"/v1/models/iris/versions/123:predict",
        Route("tfserving", "iris", "123"),
    ),
    "number_with_zeros": (
        b"/v1/models/iris/versions/00000123:predict",
        Route("tfserving", "iris", "123"),
    ),
    "label": (
        b"/v1/models/iris/labels/stable:predict",
        Route("tfserving", "iris", label="stable"),
    ),
    "percent_encoded_once": (b"/v1/models/%69ris%2D1:predict", Route("tfserving", "iris-1")),
    "vertex": (b"/predict", Route("vertex")),
    "explain": (
        b"/v1/projects/p/models/iris/versions/v1:explain",
        Route("aiplatform", "iris", "v1", verb="explain"),
    ),
    "explain_as_kserve": (
        b"/v1/models/iris/labels/new:explain",
        Route("kserve", "iris", label="new", verb="explain"),
    ),
    "explain_beside_vertex": (b"/explain", Route("vertex", verb="explain")),
    "every_character": (b"/v1/models/A.b_c-9:predict", Route("tfserving", "A.b_c-9")),
    "longest_name": (b"/v1/models/" + b"n" * 128 + b":predict", Route("tfserving", "n" * 128)),
}


@pytest.mark.parametrize(("path", "route"), ROUTES.values(), ids=ROUTES)
def test_a_path_names_dialect_model_and_version(path, route):
    assert Routes(aip_predict_route="/predict").predict_route(path) == route


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"/v1/models",
        b"/v1/models/",
        b"/v1/models/iris",
        b"/v1/models/:predict",
        b"/v1/models/iris/:predict",
        b"/v1/models/iris:predict/",
        b"/v1/models/iris:PREDICT",
        b"/v1/models/iris:explai",
        b"/v1/models/iris:explain:predict",
        b"/explain",
        b"/v1/models/iris:predict?x=1",
        b"/v1/models/iris:predict\n",
        b"//v1/models/iris:predict",
        b"/v1/models/iris/version/1:predict",
        b"/v1/models/iris/versions/:predict",
        b"/v1/models/iris/versions/1/labels/a:predict",
        b"/v1/projects//models/iris:predict",
        b"/v1/projects/p/models/iris/labels/a:predict",
        b"/predict",
        b"http://host/v1/models/iris:predict",
    ],
    ids=repr,
)
def test_another_path_is_no_prediction(path):
    assert Routes().predict_route(path) is None


BAD_NAMES = [
    b".",
    b"..",
    b"%2e%2e",
    b"..%2f..%2fetc%2fpasswd",
    b"%2Fetc",
    b"a%2fb",
    b"%252e%252e",
    b"..%5c",
    b"..\\",
    b"a%00b",
    b"a\x00b",
    b"a%0a",
    b"%c0%ae%c0%ae",
    b"%ef%bc%8e",
    b"\xc3\xa9",
    b"%C3%A9",
    b"a b",
    b"a+b",
    b"a;b",
    b"~",
    b"$HOME",
    b"%",
    b"%zz",
    b"file%3A%2F%2Fx",
    b"n" * 129,
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
@pytest.mark.parametrize(
    "path",
    [
        b"/v1/models/NAME:predict",
        b"/v1/models/m/versions/NAME:predict",
        b"/v1/models/m/labels/NAME:predict",
        b"/v1/projects/p/models/NAME:predict",
        b"/v1/projects/p/models/m/versions/NAME:predict",
    ],
    ids=["model", "version", "label", "platform_model", "platform_version"],
)
def test_a_name_that_could_be_more_than_a_name_is_no_route(path, name):
    assert Routes().predict_route(path.replace(b"NAME", name)) is None


def test_the_route_that_vertex_ai_gives_comes_first():
    path = "/v1/models/m/versions/v:predict"
    routes = Routes(aip_predict_route=path, aip_health_route="/v1/models/m/versions/v")
    assert routes.predict_route(path.encode()) == Route("vertex")
    assert routes.is_health(b"/v1/models/m/versions/v")
    assert not Routes().is_health(b"/v1/models/m/versions/v")


def test_health_has_a_path_of_its_own():
    assert Routes().is_health(b"/healthz")
    assert not Routes().is_health(b"")
    assert not Routes().is_health(b"/readyz")


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        (b"/v1/models/m/versions:predict", "tfserving"),
        (b"/v1/nothing", "tfserving"),
        (b"/v1/projects/p/nothing", "aiplatform"),
        (b"/v1/endpoints/1:predict", "vertex"),
        (b"/elsewhere", "aiplatform"),
    ],
    ids=repr,
)
def test_what_is_wrong_about_a_path_is_said_in_the_dialect_of_its_clients(path, dialect):
    assert Routes(aip_predict_route="/v1/endpoints/1:predict").dialect_of(path) == dialect


@pytest.mark.parametrize(
    ("text", "name"),
    [("0012", "12"), ("0", "0"), ("000", "0"), ("v01", "v01"), ("", ""), ("²", "²")],
    ids=repr,
)
def test_numbers_have_one_spelling(text, name):
    assert version_name(text) == name


def test_the_front_imports_nothing_heavy():
    code = (
        "import sys, cpr.wire.routes, cpr.wire.failures;"
        "print(*sorted({m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not set(found.stdout.split()) & {"numpy", "orjson", "click", "rich", "tensorflow"}


def test_an_explanation_is_counted_apart_from_predictions():
    routes = Routes()
    paths = {
        b"/v1/models/m:explain": "explain",
        b"/v1/models/m:predict": "tfserving",
        b"/": "aiplatform",
    }
    assert {path: routes.predict_route(path).counted_as for path in paths} == paths
