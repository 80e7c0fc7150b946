"""Explanations through the app, and as bars in a real browser."""

import json

import pytest

pytest.importorskip("flask", reason="needs the extra cpr[serve]")

SAMPLE = {
    "instances": [
        {"sepal length": 5.1, "sepal width": 3.0, "petal length": 1.4, "petal width": 0.2}
    ]
}


@pytest.fixture(scope="module")
def app(app_of, flowers):
    samples = [json.dumps(SAMPLE).encode()]
    return app_of(flowers, model_name="flowers", samples=samples)


@pytest.fixture(scope="module")
def url(serve, app):
    return serve(app).url


def explain(page):
    page.get_by_role("button", name="Explain", exact=True).click()
    page.locator("#answer[aria-busy=false]").wait_for()


def shares(page):
    """The feature and the signed number of each bar."""
    items = page.locator("ol.sides > li").all()
    return {
        item.locator(".name").text_content(): float(
            item.locator(".share").text_content().replace("−", "-")
        )
        for item in items
    }


@pytest.mark.parametrize(
    "path",
    ["/v1/projects/p/models/flowers:explain", "/v1/models/flowers/versions/1:explain"],
)
def test_the_app_explains(app, path):
    answer = app.test_client().post(path, json=SAMPLE)
    assert answer.status_code == 200, answer.text
    [found] = answer.json["explanations"][0]["attributions_by_label"]
    difference = found["example_score"] - found["baseline_score"]
    assert sum(found["attributions"].values()) == pytest.approx(difference)
    assert list(found["attributions"]) == list(SAMPLE["instances"][0])


def test_the_app_counts_explanations_apart(app):
    client = app.test_client()
    client.post("/v1/models/flowers:explain", json=SAMPLE)
    assert 'route="explain",status="200"' in client.get("/metrics").text


def test_the_app_says_what_is_wrong_with_a_request(app):
    body = {**SAMPLE, "explain": {"method": "xrai"}}
    answer = app.test_client().post("/v1/models/flowers:explain", json=body)
    assert answer.status_code == 400
    assert "explain.method is 'xrai'" in answer.json["error"]
    assert app.test_client().post("/v1/models/rose:explain", json=SAMPLE).status_code == 404


def test_the_description_of_the_api_has_the_routes(app):
    paths = app.test_client().get("/openapi.json").json["paths"]
    operation = paths["/v1/models/flowers:explain"]["post"]
    assert operation["operationId"] == "flowers.explain"
    assert paths["/v1/projects/{project}/models/flowers/versions/{version}:explain"]


def test_bars_say_what_each_feature_adds(open_playground, url):
    page = open_playground(url)
    explain(page)
    assert page.get_by_role("status").text_content().startswith("200 1 explanation in ")
    found = shares(page)
    assert len(found) == 4
    assert {name.rsplit(" ", 1)[0] for name in found} == set(SAMPLE["instances"][0])
    assert page.get_by_role("tab", name="Explanation").is_visible()
    [label] = page.get_by_label("Score of").locator("option").all_text_contents()[:1]
    assert label.startswith("setosa: 0.")
    page.get_by_label("Score of").select_option(index=1)
    other = shares(page)
    assert other != found
    assert "versicolor" in page.locator(".sum").text_content()
    # Rounded to four digits, each of them.
    difference = float(
        page.locator(".sum").text_content().split(": ")[1].split(" ")[0].replace("−", "-")
    )
    assert sum(other.values()) == pytest.approx(difference, abs=0.002)


def test_bars_go_to_both_sides_of_the_middle(open_playground, url):
    page = open_playground(url)
    explain(page)
    middle = page.locator(".sides .track").first.bounding_box()
    middle = middle["x"] + middle["width"] / 2
    for item in page.locator("ol.sides > li").all():
        number = item.locator(".share").text_content()
        bar = item.locator(".filled").bounding_box()
        if number.startswith("−"):
            assert bar["x"] + bar["width"] == pytest.approx(middle, abs=1)
        else:
            assert bar["x"] == pytest.approx(middle, abs=1)


def test_a_prediction_after_an_explanation_is_one(open_playground, url):
    page = open_playground(url)
    explain(page)
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator("#answer[aria-busy=false]").wait_for()
    assert page.get_by_role("tabpanel", name="Predictions").text_content() == "setosa"
    assert page.locator("ol.sides").count() == 0


def test_an_explanation_that_is_refused_is_told(open_playground, url):
    page = open_playground(url)
    page.get_by_role("tab", name="JSON").first.click()
    body = json.dumps({**SAMPLE, "explain": {"num_paths": 0}})
    page.get_by_label("The request's body, as JSON").fill(body)
    explain(page)
    assert "explain.num_paths is 0" in page.get_by_role("alert").last.text_content()
    page.said.clear()  # the browser notes the status 400


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bars_fit_and_can_be_read(open_playground, url, contrast, size, scheme):
    page = open_playground(url, size=size, scheme=scheme)
    explain(page)
    widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    whole, room = page.evaluate(widths)
    assert whole <= room
    worst = contrast(page)
    assert worst["ratio"] >= 4.5, worst


PICTURES = """
class Pictures:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances):
        return [sum(row[0]) - row[1][7] for row in instances]
"""


@pytest.fixture(scope="module")
def pictures(serve, app_of, tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "pictures.py"
    path.write_text(PICTURES)
    return serve(app_of(path.parent, target=f"{path}:Pictures", model_name="pictures")).url


def explain_body(page, body):
    page.get_by_role("tab", name="JSON").first.click()
    page.get_by_label("The request's body, as JSON").fill(json.dumps(body))
    explain(page)


def test_attributions_of_a_picture_are_drawn_in_their_places(open_playground, pictures):
    page = open_playground(pictures)
    picture = [[1] * 8 for _ in range(8)]
    explain_body(page, {"instances": [picture], "explain": {"num_paths": 2}})
    canvas = page.get_by_role("img", name="What each pixel of features adds")
    pixels = canvas.evaluate("c => [...c.getContext('2d').getImageData(0, 0, 8, 8).data]")
    color = {(x, y): pixels[4 * (8 * y + x) :][:4] for x in range(8) for y in range(8)}
    assert color[0, 0] == [47, 129, 247, 255]
    assert color[7, 1] == [219, 109, 40, 255]
    assert color[3, 5][3] == 0
    assert page.get_by_text("raises it").is_visible()


def test_an_instance_as_the_baseline_is_told(open_playground, pictures):
    page = open_playground(pictures)
    explain_body(page, {"instances": [[[0] * 8 for _ in range(8)]]})
    assert page.get_by_text("The instance is as the baseline here").is_visible()
