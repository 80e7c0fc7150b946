"""The pages of `cpr serve` itself: the playground in a real browser, the OpenAPI document."""

import json
from hashlib import sha256
from urllib.request import urlopen

import pytest

pytest.importorskip("uvloop", reason="needs the extra cpr[serve]")
pytest.importorskip("httptools", reason="needs the extra cpr[serve]")

SECRET = "only-for-this-test-only-for-this-test"


@pytest.fixture(scope="module", params=["flowers", "reviews", "scores"])
def served(request, serve_command):
    folder = request.getfixturevalue(request.param)
    return request.param, serve_command("--model-dir", folder, "--model-name", request.param)


def send(page):
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator("#answer[aria-busy=false]").wait_for()


def predictions(page):
    return page.get_by_role("tabpanel", name="Predictions")


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_the_playground_predicts(served, open_playground, size):
    name, url = served
    page = open_playground(url, size=size)
    assert page.get_by_role("heading", level=1).text_content() == name
    if name == "flowers":
        for field, value in (("sepal length", "5.1"), ("petal length", "1.4")):
            page.get_by_role("textbox", name=field).fill(value)
        page.get_by_role("checkbox", name="probabilities").check()
    elif name == "reviews":
        page.get_by_role("textbox", name="text").fill("dull plot")
    else:
        page.get_by_role("textbox", name="sizes, value 2 of 3").fill("7")
    send(page)
    assert page.get_by_role("status").text_content().startswith("200 1 prediction in ")
    if name == "reviews":
        assert predictions(page).text_content() == "blame"
    else:
        assert predictions(page).locator("ol.bars > li").count() == 3
    assert "predict" in page.get_by_role("list", name="Where the time went").text_content()


def test_the_openapi_document_is_valid_and_its_sample_is_answered(served):
    validator = pytest.importorskip("openapi_spec_validator", reason="checks OpenAPI documents")
    name, url = served
    with urlopen(f"{url}/openapi.json") as answer:
        spec = json.load(answer)
    validator.validate(spec)
    content = spec["paths"][f"/v1/models/{name}:predict"]["post"]["requestBody"]["content"]
    body = json.dumps(content["application/json"]["examples"]["sample1"]["value"]).encode()
    with urlopen(f"{url}/v1/models/{name}:predict", body) as answer:
        assert len(json.load(answer)["predictions"]) == 1


def test_a_browser_that_was_given_the_token_needs_no_field(
    serve_command, open_playground, reviews, tmp_path
):
    (tmp_path / "tokens").write_text(f"test:{sha256(SECRET.encode()).hexdigest()}\n")
    (tmp_path / "tokens").chmod(0o600)
    url = serve_command("--model-dir", reviews, "--token-file", tmp_path / "tokens")
    page = open_playground(url, http_credentials={"username": "any", "password": SECRET})
    send(page)
    assert page.get_by_role("status").text_content().startswith("200")
    assert not page.get_by_label("Token").is_visible()
