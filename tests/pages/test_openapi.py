"""The OpenAPI document: valid, and true of what is sent and answered."""

import pytest

pytest.importorskip("flask", reason="needs the extra cpr[serve]")
validator = pytest.importorskip("openapi_spec_validator", reason="checks OpenAPI documents")
jsonschema = pytest.importorskip("jsonschema", reason="checks bodies against schemas")


def check(spec):
    validator.validate(spec)
    return spec


def schema_of(spec, name):
    schema = {**spec["components"]["schemas"][name], "components": spec["components"]}
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="module", params=["flowers", "reviews", "scores"])
def served(request, app_of):
    folder = request.getfixturevalue(request.param)
    return request.param, app_of(folder, model_name=request.param).test_client()


def test_the_document_is_valid_and_its_samples_are_answered(served):
    name, client = served
    spec = check(client.get("/openapi.json").json)
    assert spec["openapi"] == "3.1.0"
    content = spec["paths"][f"/v1/models/{name}:predict"]["post"]["requestBody"]["content"]
    samples = [item["value"] for item in content["application/json"]["examples"].values()]
    assert samples
    for sample in samples:
        schema_of(spec, f"{name}.Request").validate(sample)
        answer = client.post(f"/v1/models/{name}:predict", json=sample)
        assert answer.status_code == 200, answer.text
        schema_of(spec, f"{name}.Answer").validate(answer.json)


def test_a_refusal_has_the_shape_that_the_document_says(served):
    name, client = served
    spec = client.get("/openapi.json").json
    for path in (f"/v1/models/{name}:predict", f"/v1/projects/p/models/{name}:predict", "/nowhere"):
        answer = client.post(path, json={"nothing": 1})
        assert answer.status_code in (400, 404)
        schema_of(spec, "Error").validate(answer.json)


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [{"sepal length": 1.0}]},
        {"instances": [{"a": 1, "b": 2, "c": 3, "d": 4}]},
        {"instances": {}},
        {"instances": [], "probabilities": "yes"},
        {},
    ],
    ids=["lacks features", "other features", "no list", "parameter", "no instances"],
)
def test_the_schema_refuses_what_the_model_does_not_take(app_of, flowers, body):
    client = app_of(flowers, model_name="flowers").test_client()
    checker = schema_of(client.get("/openapi.json").json, "flowers.Request")
    assert not checker.is_valid(body)


def test_signatures_are_alternatives(app_of, scores):
    client = app_of(scores, model_name="scores").test_client()
    checker = schema_of(client.get("/openapi.json").json, "scores.Request")
    picture = [[0.0] * 8] * 8
    assert checker.is_valid({"instances": [{"sizes": [1, 2, 3], "word": "a"}]})
    assert checker.is_valid({"signature_name": "darkness", "instances": [picture]})
    assert not checker.is_valid({"instances": [picture]})
    assert not checker.is_valid({"signature_name": "darkness", "instances": [picture[:7]]})
    assert not checker.is_valid({"instances": [{"sizes": [1, 2], "word": "a"}]})
    assert checker.is_valid({"instances": [{"sizes": [1, 2, 3], "word": {"b64": "YQ=="}}]})


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"name": "m.C", "kind": "custom", "signatures": {}, "default_signature": ""},
        {
            "name": "m.C",
            "kind": "custom",
            "summary": "Sorts.",
            "signatures": {"predict": {"form": "any", "inputs": {}, "outputs": {}}},
            "default_signature": "predict",
            "parameters": [
                {"name": "bins", "type": "integer", "required": True},
                {"name": "odd", "type": "", "required": False},
            ],
            "labels": None,
            "samples": [{"instances": [1], "bins": 3}],
        },
    ],
    ids=["not loaded", "no signatures", "a class of one's own"],
)
def test_any_description_makes_a_valid_document(description):
    from cpr.pages.backend import ServedModel, ServedVersion
    from cpr.pages.openapi import document

    versions = [ServedVersion("1", "ready", description), ServedVersion("2", "loading")]
    spec = check(document([ServedModel("m", "1", versions)], server_url="/ml"))
    schema_of(spec, "m.Request")


def test_without_a_model_the_document_is_valid():
    from cpr.pages.openapi import document

    check(document([], server_url="/"))
