"""google-api-python-client, with the document of AI Platform that its wheel carries."""

import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.oauth2.credentials import Credentials
from googleapiclient import discovery
from googleapiclient.errors import HttpError

from cpr.server.tokens import new_token

MODEL = "projects/p/models/iris"
ROW = [5.1, 3.5, 1.4, 0.2]


def client_of(server, credentials=None):
    return discovery.build(
        "ml",
        "v1",
        static_discovery=True,
        credentials=credentials or AnonymousCredentials(),
        client_options={"api_endpoint": server.url},
    )


@pytest.fixture(scope="module")
def client(server):
    with client_of(server) as client:
        yield client


@pytest.fixture(scope="module")
def legacy(serve, flowers, iris):
    """A client of a server that sends errors as AI Platform did: with status 200."""
    server = serve(
        flowers, "--model-dir", iris, "--model-name", "iris", "--error-status", "200"
    )  # fmt: skip
    with client_of(server) as client:
        yield client


@pytest.mark.parametrize(
    ("name", "predictions"),
    [(MODEL, [10, 12]), (f"{MODEL}/versions/1", [0, 2]), (f"{MODEL}/versions/2", [10, 12])],
    ids=["by model", "by version 1", "by version 2"],
)
def test_it_predicts(client, name, predictions):
    body = {"instances": [ROW, [6.0, 3.0, 5.0, 1.8]]}
    answer = client.projects().predict(name=name, body=body).execute()
    assert answer == {"predictions": predictions}


def test_it_passes_parameters(client):
    body = {"instances": [ROW], "probabilities": True}
    answer = client.projects().predict(name=MODEL, body=body).execute()
    assert sum(answer["predictions"][0]) == pytest.approx(1, abs=0.002)


def test_it_keeps_its_connection(client):
    requests = [
        client.projects().predict(name=MODEL, body={"instances": [ROW] * count})
        for count in range(1, 20)
    ]
    answers = [request.execute() for request in requests]
    assert [len(answer["predictions"]) for answer in answers] == list(range(1, 20))


def test_it_gets_the_model(client):
    model = client.projects().models().get(name=MODEL).execute()
    assert model["name"] == MODEL
    assert model["defaultVersion"]["name"] == f"{MODEL}/versions/2"
    assert model["defaultVersion"]["isDefault"] is True


@pytest.mark.parametrize("version", ["1", "2"])
def test_it_gets_a_version(client, version):
    name = f"{MODEL}/versions/{version}"
    found = client.projects().models().versions().get(name=name).execute()
    assert (found["name"], found["state"]) == (name, "READY")
    assert found.get("isDefault", False) is (version == "2")
    assert found["predictionClass"] == "predictor.MyPredictor"


def test_it_lists_models_and_versions(client):
    models = client.projects().models().list(parent="projects/p").execute()
    assert [model["name"] for model in models["models"]] == [MODEL]
    versions = client.projects().models().versions().list(parent=MODEL).execute()
    names = [version["name"] for version in versions["versions"]]
    assert sorted(names) == [f"{MODEL}/versions/1", f"{MODEL}/versions/2"]


@pytest.mark.parametrize(
    ("name", "body", "status", "reason"),
    [
        (MODEL, {"instances": [[1.0]]}, 500, "X has 1 features"),
        (MODEL, {"rows": []}, 400, "instances"),
        ("projects/p/models/rose", {"instances": []}, 404, "rose"),
        (f"{MODEL}/versions/7", {"instances": []}, 404, "7"),
    ],
    ids=["failing routine", "no instances", "no such model", "no such version"],
)
def test_a_failure_is_an_error_with_its_status(client, name, body, status, reason):
    with pytest.raises(HttpError) as failure:
        client.projects().predict(name=name, body=body).execute()
    assert failure.value.resp.status == status
    assert reason in failure.value.content.decode()


def test_with_error_status_200_failures_are_told_in_the_body(legacy):
    answer = legacy.projects().predict(name=MODEL, body={"instances": [[1.0]]}).execute()
    assert list(answer) == ["error"]
    assert answer["error"].startswith("Prediction failed: ")
    assert "X has 1 features" in answer["error"]
    answer = legacy.projects().predict(name=MODEL, body={"rows": []}).execute()
    assert "`instances`" in answer["error"]


def test_with_error_status_200_what_the_platform_refused_keeps_its_status(legacy):
    with pytest.raises(HttpError) as failure:
        legacy.projects().predict(name="projects/p/models/rose", body={"instances": []}).execute()
    assert failure.value.resp.status == 404
    assert failure.value.error_details or "rose" in failure.value.reason


@pytest.mark.parametrize(
    "call",
    [
        lambda models: models.create(parent="projects/p", body={"name": "other"}),
        lambda models: models.delete(name=MODEL),
        lambda models: models.versions().setDefault(name=f"{MODEL}/versions/1", body={}),
        lambda models: models.versions().delete(name=f"{MODEL}/versions/1"),
        lambda models: models.versions().create(parent=MODEL, body={"name": "3"}),
    ],
    ids=["create", "delete", "set default", "delete version", "create version"],
)
def test_nothing_can_be_managed(client, call):
    with pytest.raises(HttpError) as failure:
        call(client.projects().models()).execute()
    assert failure.value.resp.status in (404, 405, 501)
    assert failure.value.reason


def test_a_fixed_token_is_enough_for_it(serve, flowers, iris, tmp_path_factory):
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    token, line = new_token()
    path.write_text(line)
    path.chmod(0o600)
    flags = ["--model-name", "iris", "--token-file", path]
    server = serve(flowers, "--model-dir", iris, *flags)
    with client_of(server, Credentials(token)) as client:
        answer = client.projects().predict(name=MODEL, body={"instances": [ROW]}).execute()
        assert answer == {"predictions": [10]}
    # At status 401 it asks for a fresh token, which these credentials cannot give.
    with client_of(server) as client, pytest.raises(GoogleAuthError):
        client.projects().predict(name=MODEL, body={"instances": [ROW]}).execute()
