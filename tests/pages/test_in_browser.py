"""The playground in a real browser: filled in, sent, read; by keyboard, on a phone, in the dark."""

import json
import re
import shutil
import struct
import subprocess
import sys
import zlib
from dataclasses import replace

import pytest

pytest.importorskip("flask", reason="needs the extra cpr[serve]")

from cpr.pages.app import build_app
from cpr.pages.backend import Readiness, ServedModel

SAMPLE = {
    "instances": [
        {"sepal length": 5.1, "sepal width": 3.0, "petal length": 1.4, "petal width": 0.2}
    ]
}
LABEL = re.compile(r"\S")


@pytest.fixture(scope="module")
def urls(serve, app_of, request):
    """The address of the playground of each model."""
    made = {}

    def of(name):
        if name not in made:
            samples = [json.dumps(SAMPLE).encode()] if name == "flowers" else []
            app = app_of(request.getfixturevalue(name), model_name=name, samples=samples)
            made[name] = serve(app).url
        return made[name]

    return of


def send(page):
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator("#answer[aria-busy=false]").wait_for()


def outcome(page):
    return page.get_by_role("status").text_content()


def predictions(page):
    return page.get_by_role("tabpanel", name="Predictions")


def bars(page):
    """(name, share) of each bar."""
    items = predictions(page).locator("ol.bars > li").all()
    return [
        (item.locator(".name").text_content(), item.locator(".share").text_content())
        for item in items
    ]


def width_and_room(page):
    script = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    return page.evaluate(script)


def test_a_pipelines_form_is_filled_in_and_its_prediction_shown(open_playground, urls):
    page = open_playground(urls("flowers"))
    assert page.get_by_role("heading", level=1).text_content() == "flowers"
    for name, value in (
        ("sepal length", "6.7"),
        ("sepal width", "3.0"),
        ("petal length", "5.2"),
        ("petal width", "2.3"),
    ):
        page.get_by_role("textbox", name=name).fill(value)
    send(page)
    assert outcome(page).startswith("200 1 prediction in ")
    assert predictions(page).text_content() == "virginica"
    page.get_by_role("checkbox", name="probabilities").check()
    send(page)
    assert bars(page)[0][0] == "virginica"
    assert {name for name, _ in bars(page)} == {"setosa", "versicolor", "virginica"}
    assert all(share.endswith("%") for _, share in bars(page))
    timing = page.get_by_role("list", name="Where the time went").text_content()
    assert all(word in timing for word in ("waiting", "reading", "predict", "writing"))
    page.get_by_role("tab", name="JSON").nth(1).click()
    assert json.loads(page.locator("#raw").text_content()).keys() == {"predictions"}


def test_a_text_is_sent(open_playground, urls):
    page = open_playground(urls("reviews"), size="phone")
    page.get_by_role("textbox", name="text").fill(
        "a great film\nwith \u00e9t\u00e9 \u201cquotes\u201d"
    )
    send(page)
    assert predictions(page).text_content() == "praise"
    assert page.locator("#answer").evaluate("node => node.getBoundingClientRect().top") < 844


def test_a_saved_models_signatures_vectors_and_texts(open_playground, urls):
    page = open_playground(urls("scores"))
    page.get_by_role("textbox", name="word").fill("h\u00e9")
    for at, value in enumerate(("0", "5.5", "-1e0"), 1):
        page.get_by_role("textbox", name=f"sizes, value {at} of 3").fill(value)
    send(page)
    assert predictions(page).locator("dt").all_text_contents() == ["probabilities", "score", "word"]
    assert bars(page)[0][0] == "1"
    assert predictions(page).locator("dd .big").all_text_contents() == ["4.5", "h\u00e9"]
    page.get_by_role("combobox", name="Signature").select_option("darkness")
    assert '"signature_name": "darkness"' in page.locator("#curl").text_content()
    send(page)
    assert predictions(page).text_content() == "0"


def test_labels_are_had_by_ai_platforms_route(open_playground, serve, app_of, scores, tmp_path):
    shutil.copytree(scores, tmp_path / "model")
    (tmp_path / "model" / "labels.txt").write_text("light\ndark\n")
    app = app_of(tmp_path / "model", model_name="labelled")
    page = open_playground(serve(app).url)
    route = page.get_by_role("combobox", name="Route")
    assert route.input_value() == "/v1/projects/local/models/labelled:predict"
    assert page.get_by_role("checkbox", name="probabilities").is_visible()
    send(page)
    assert outcome(page).startswith("200")
    route.select_option("/v1/models/labelled:predict")
    assert "/v1/models/labelled:predict'" in page.locator("#curl").text_content()


def test_a_picture_becomes_the_models_numbers(open_playground, urls, tmp_path):
    page = open_playground(urls("scores"))
    page.get_by_role("combobox", name="Signature").select_option("darkness")
    (tmp_path / "grey.png").write_bytes(grey_png(16, 128))
    page.get_by_label("picture", exact=True).set_input_files(tmp_path / "grey.png")
    page.locator("canvas.picture").wait_for()
    send(page)
    assert predictions(page).text_content() == "0.502"
    page.get_by_role("combobox", name="Range of picture").select_option("values 0 to 255")
    send(page)
    assert predictions(page).text_content() == "128"
    page.get_by_label("picture", exact=True).set_input_files(__file__)
    page.get_by_text("is not a picture that this browser reads").wait_for()


def grey_png(size, value):
    """A PNG of one grey."""

    def chunk(kind, data):
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes([value]) * size) * size)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_several_instances_are_filled_in_one_by_one(open_playground, urls):
    page = open_playground(urls("flowers"))
    page.get_by_role("textbox", name="petal length").fill("1.4")
    page.get_by_role("button", name="Add instance").click()
    assert page.evaluate("document.activeElement.textContent") == "2"
    page.get_by_role("textbox", name="petal length").fill("5.2")
    page.get_by_role("textbox", name="petal width").fill("2.3")
    page.get_by_role("textbox", name="sepal length").fill("6.7")
    page.get_by_role("button", name="Add instance").click()
    page.get_by_role("button", name="Remove instance 3").click()
    page.get_by_role("button", name="Instance 1", exact=True).click()
    assert page.get_by_role("textbox", name="petal length").input_value() == "1.4"
    send(page)
    table = page.get_by_role("table")
    assert table.locator("tbody td").all_text_contents() == ["setosa", "virginica"]
    page.get_by_role("checkbox", name="probabilities").check()
    send(page)
    assert page.get_by_role("region", name="Prediction").count() == 2


def test_what_is_not_a_number_is_told_before_it_is_sent(open_playground, urls):
    page = open_playground(urls("flowers"))
    field = page.get_by_role("textbox", name="sepal width")
    field.fill("wide")
    page.get_by_role("button", name="Send", exact=True).click()
    alert = page.get_by_role("alert").filter(has_text=LABEL)
    assert alert.text_content() == 'sepal width is "wide"; a number is needed.'
    assert outcome(page).strip() == "Not sent"
    assert field.get_attribute("aria-invalid") == "true"
    assert field.evaluate("node => node === document.activeElement")
    field.fill("3")
    assert field.get_attribute("aria-invalid") is None
    field.fill("")  # missing, which a pipeline may know how to fill in; this one does not
    send(page)
    assert outcome(page).startswith("400 Bad Request after ")
    assert "NaN" in page.get_by_role("alert").filter(has_text=LABEL).text_content()
    page.said.pop()


def test_an_error_marks_the_field_that_it_is_about(open_playground, serve, app_of, tmp_path):
    source = """
from cpr import BadInput


class Rooms:
    def predict(self, instances, **kwargs):
        for index, room in enumerate(instances):
            if room["floor area"] > 100:
                raise BadInput(f"instances[{index}].floor area is {room['floor area']}.")
        return [room["floor area"] * 10 for room in instances]

    @classmethod
    def from_path(cls, model_dir):
        return cls()
"""
    (tmp_path / "rooms_predictor.py").write_text(source)
    app = app_of(
        tmp_path,
        target=str(tmp_path / "rooms_predictor.py") + ":Rooms",
        samples=[b'{"instances": [{"floor": 1, "floor area": 20}]}'],
    )
    page = open_playground(serve(app).url)
    page.get_by_role("textbox", name="floor area").fill("200")
    page.get_by_role("button", name="Add instance").click()
    page.get_by_role("textbox", name="floor area").fill("50")
    send(page)
    assert outcome(page).startswith("400")
    assert "floor area is 200" in page.get_by_role("alert").filter(has_text=LABEL).text_content()
    first = page.get_by_role("button", name="Instance 1", exact=True)
    assert first.get_attribute("aria-pressed") == "true"
    field = page.get_by_role("textbox", name="floor area")
    assert field.get_attribute("aria-invalid") == "true"
    other = page.get_by_role("textbox", name="floor", exact=True)
    assert other.get_attribute("aria-invalid") is None
    page.said.pop()
    field.fill("99.5")
    send(page)
    assert page.locator("tbody td").all_text_contents() == ["995", "500"]
    app.extensions["cpr"].close()


def test_json_and_form_are_two_views_of_one_request(open_playground, urls):
    page = open_playground(urls("flowers"))
    page.get_by_role("textbox", name="sepal width").fill("3.250")
    page.get_by_role("checkbox", name="probabilities").check()
    page.get_by_role("tab", name="JSON").first.click()
    body = page.get_by_role("textbox", name="The request's body, as JSON")
    written = json.loads(body.input_value())
    assert written["instances"][0]["sepal width"] == 3.25
    assert "3.250" in body.input_value()
    assert written["probabilities"] is True
    written["instances"].append(
        dict(written["instances"][0], **{"sepal width": 12345678901234567890})
    )
    body.fill(json.dumps(written))
    page.get_by_role("tab", name="Form").click()
    page.get_by_role("button", name="Instance 2").click()
    assert page.get_by_role("textbox", name="sepal width").input_value() == "12345678901234567890"
    page.get_by_role("tab", name="JSON").first.click()
    body.fill('{"instances": [1, 2')
    assert "not JSON" in page.locator("#body-fault").text_content()
    body.fill('{"instances": {"a": 1}, "more": 2}')
    page.get_by_role("tab", name="Form").click()
    assert page.get_by_role("tab", name="JSON").first.get_attribute("aria-selected") == "true"
    assert page.get_by_role("alert").filter(has_text="does not fit into the form").is_visible()


def test_by_keyboard_alone(open_playground, urls):
    page = open_playground(urls("flowers"))
    keyboard = page.keyboard

    def focused():
        return page.evaluate(
            "(node => node.labels?.[0]?.textContent.trim() || node.getAttribute('aria-label')"
            " || node.textContent.trim())(document.activeElement)"
        )

    def tab_to(name):
        for _ in range(40):
            keyboard.press("Tab")
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", focused()
            if focused() == name:
                return
        raise AssertionError(f"no way to {name!r}")

    keyboard.press("Tab")
    assert focused() == "Skip to the request"
    keyboard.press("Enter")
    tab_to("sepal length")
    keyboard.press("Control+A")
    keyboard.type("6.7")
    tab_to("petal length")
    keyboard.press("Control+A")
    keyboard.type("5.2")
    tab_to("petal width")
    keyboard.press("Control+A")
    keyboard.type("2.3")
    tab_to("probabilities")
    keyboard.press("Space")
    tab_to("Send")
    keyboard.press("Enter")
    page.locator("ol.bars").wait_for()
    assert bars(page)[0][0] == "virginica"
    keyboard.press("Space")  # Send keeps the focus
    page.locator("#answer[aria-busy=false]").wait_for()
    tab_to("Predictions")
    keyboard.press("ArrowRight")
    assert focused() == "JSON"
    assert page.locator("#raw").is_visible()
    keyboard.press("Home")
    assert predictions(page).is_visible()
    keyboard.press("Control+Enter")
    page.locator("#answer[aria-busy=false]").wait_for()
    assert outcome(page).startswith("200")


@pytest.mark.parametrize("name", ["flowers", "reviews", "scores"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_fits_the_screen_before_and_after(open_playground, urls, name, size):
    page = open_playground(urls(name), size=size)
    width, room = width_and_room(page)
    assert width == room
    send(page)
    page.get_by_role("tab", name="Python").click()
    width, room = width_and_room(page)
    assert width == room
    page.get_by_role("tab", name="JSON").first.click()
    width, room = width_and_room(page)
    assert width == room


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["flowers", "scores"])
def test_text_stands_out_from_what_is_behind_it(open_playground, urls, contrast, name, scheme):
    # A colour on its way to another is not measured.
    page = open_playground(urls(name), scheme=scheme, reduced_motion="reduce")
    found = [contrast(page)]
    page.get_by_role("button", name="Add instance").click()
    send(page)
    found.append(contrast(page))
    page.get_by_role("textbox").first.fill("")
    if name == "scores":
        page.get_by_role("textbox", name="sizes, value 1 of 3").fill("wide")
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator(".badge.failed").wait_for()
    found.append(contrast(page))
    page.get_by_role("button", name=re.compile("Theme")).click()
    found.append(contrast(page))
    for one in found:
        assert one["seen"] > 20
        assert one["ratio"] >= 4.5, one
    page.said[:] = [said for said in page.said if "400" not in said]


def test_the_theme_is_kept(open_playground, urls):
    page = open_playground(urls("flowers"), scheme="light")
    toggle = page.get_by_role("button", name=re.compile("Theme"))
    assert toggle.text_content() == "Theme: auto"
    toggle.click()
    toggle.click()
    assert toggle.text_content() == "Theme: dark"
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) == "rgb(14, 18, 23)"
    page.reload()
    assert page.evaluate(ground) == "rgb(14, 18, 23)"


def test_the_code_that_is_shown_runs(open_playground, urls):
    page = open_playground(urls("reviews"))
    page.get_by_role("textbox", name="text").fill(
        "it's \\ a \u201cgreat\u201d film\n$HOME `id` {x}"
    )
    page.get_by_role("checkbox", name="probabilities").check()
    send(page)
    curl = page.locator("#curl").text_content()
    done = subprocess.run(["bash", "-c", f"{curl} -sS"], capture_output=True, text=True)
    answer = json.loads(done.stdout)
    (row,) = answer["predictions"]
    assert row[1] > row[0]
    page.get_by_role("tab", name="Python").click()
    code = page.locator("#python").text_content()
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.strip() == str(answer["predictions"]), ran.stderr


def test_code_is_copied(open_playground, urls):
    page = open_playground(urls("reviews"), permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the curl command").click()
    page.get_by_role("button", name="Copied the curl command").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#curl").text_content()


def test_a_long_body_is_saved_to_a_file(open_playground, urls):
    page = open_playground(urls("reviews"))
    page.get_by_role("textbox", name="text").fill("good film " * 500)
    assert "--data-binary @request.json" in page.locator("#curl").text_content()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save request.json").click()
    saved = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert saved == {"instances": ["good film " * 500]}


def test_a_token_is_asked_for_and_sent(open_playground, serve, app_of, reviews):
    app = app_of(reviews, model_name="guarded")

    def guarded(environ, start_response):
        is_open = environ["REQUEST_METHOD"] == "GET"
        if is_open or environ.get("HTTP_AUTHORIZATION") == "Bearer secret":
            return app(environ, start_response)
        start_response("401 Unauthorized", [("Content-Type", "application/json")])
        return [b'{"error": "a valid bearer token is needed"}']

    page = open_playground(serve(guarded).url)
    assert not page.get_by_label("Token").is_visible()
    send(page)
    assert outcome(page).startswith("401 Unauthorized")
    assert "bearer token" in predictions(page).text_content()
    assert "Authorization" in page.locator("#curl").text_content()
    field = page.get_by_label("Token")
    assert field.evaluate("node => node === document.activeElement")
    field.fill("secret")
    field.press("Enter")
    page.locator(".badge.ok").wait_for()
    assert "secret" not in page.locator("#curl").text_content()
    page.said.pop()


def test_a_server_that_is_gone_is_told(open_playground, urls):
    page = open_playground(urls("reviews"))
    page.context.set_offline(True)
    send(page)
    assert outcome(page).strip() == "No answer"
    page.said.pop()


HOSTILE = [
    "</script><script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "__proto__",
    "constructor",
    "\u202eabc",
    "a\u2028b",
]


def test_what_models_say_is_shown_as_text(open_playground, serve, app_of, tmp_path):
    source = '''
class Echo:
    """<b>Echoes</b> </script> its ${instances}."""

    def predict(self, instances, *, size: int = 3, mode: str = "a", **kwargs):
        if kwargs.get("fail"):
            raise ValueError("instances[0].__proto__ is <b>wrong</b>")
        return instances

    @classmethod
    def from_path(cls, model_dir):
        return cls()
'''
    (tmp_path / "echo_predictor.py").write_text(source)
    sample = {"instances": [{name: name for name in HOSTILE}], "size": 4}
    app = app_of(
        tmp_path,
        target=str(tmp_path / "echo_predictor.py") + ":Echo",
        samples=[json.dumps(sample).encode()],
    )
    page = open_playground(serve(app).url)
    assert "<b>Echoes</b> </script>" in page.locator("#context").text_content()
    assert page.get_by_role("textbox", name="size").input_value() == "4"
    send(page)
    assert predictions(page).locator("dt").all_text_contents() == HOSTILE
    assert predictions(page).locator("dd").all_text_contents() == HOSTILE
    assert page.evaluate("window.pwned") is None
    page.get_by_role("tab", name="JSON").first.click()
    body = page.get_by_role("textbox", name="The request's body, as JSON")
    assert json.loads(body.input_value()) == sample
    body.fill('{"instances": [1], "fail": true}')
    send(page)
    assert "<b>wrong</b>" in page.get_by_role("alert").filter(has_text=LABEL).text_content()
    page.said.pop()
    body.fill('{"instances": [[1, 2, [3]], {"a": [null]}, "text", 1e999]}')
    send(page)
    page.said[:] = [said for said in page.said if "40" not in said and "50" not in said]
    body.fill('{"instances": [[1, 2, [3]], {"a": [null]}, "text", true]}')
    send(page)
    assert page.get_by_role("region", name=re.compile("Prediction")).count() == 4
    app.extensions["cpr"].close()


@pytest.mark.parametrize("name", ["flowers", "scores"])
def test_everything_has_a_name_that_can_be_read_out(open_playground, urls, name):
    page = open_playground(urls(name))
    page.get_by_role("button", name="Add instance").click()
    send(page)
    for role in ("button", "textbox", "combobox", "checkbox", "tab", "tabpanel", "table", "region"):
        every = page.get_by_role(role).count()
        assert every == page.get_by_role(role, name=LABEL).count(), role
    levels = page.locator("h1:visible, h2:visible, h3:visible")
    names = levels.evaluate_all("nodes => nodes.map(node => node.tagName)")
    assert names[0] == "H1"
    assert names.count("H1") == 1
    twice = "ids => ids.length - new Set(ids.map(node => node.id)).size"
    assert page.locator("[id]").evaluate_all(twice) == 0
    assert page.locator("html").get_attribute("lang") == "en"


def test_nothing_moves_where_the_reader_wants_no_motion(open_playground, urls):
    page = open_playground(urls("flowers"), reduced_motion="reduce")
    send(page)
    moving = """() => [...document.querySelectorAll("*")].map(node => getComputedStyle(node))
      .filter(style => style.transitionDuration !== "0s").length"""
    assert page.evaluate(moving) == 0


def test_without_script_it_says_so(open_playground, browser, urls):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(urls("flowers"))
    assert page.locator("noscript").is_visible()
    assert "needs JavaScript" in page.locator("noscript").text_content()
    context.close()


class TwoVersions:
    """A backend of two versions, each with a routine of its own, and one that failed."""

    def __init__(self, first, second):
        self.backends = {"1": first.extensions["cpr"], "2": second.extensions["cpr"]}

    def models(self):
        served = [self.backends[name].models()[0].versions[0] for name in ("1", "2")]
        versions = [
            replace(served[0], name="1"),
            replace(served[1], name="2"),
            replace(served[0], name="3", state="failed", description={}, error="no memory"),
        ]
        return [ServedModel("both", "2", versions)]

    def predict(self, route, body, headers):
        backend = self.backends[route.version or "2"]
        return backend.predict(replace(route, model="", version=""), body, headers)

    def readiness(self):
        return Readiness(True)

    def metrics(self):
        return b""


def test_a_version_is_chosen(open_playground, serve, app_of, flowers, reviews):
    app = build_app(TwoVersions(app_of(flowers), app_of(reviews)))
    page = open_playground(serve(app).url)
    chosen = page.get_by_role("combobox", name="Version")
    assert chosen.locator("option").all_text_contents() == ["1", "2 (default)", "3 \u2013 failed"]
    page.get_by_role("textbox", name="text").fill("dull plot")
    send(page)
    assert predictions(page).text_content() == "blame"
    chosen.select_option("1")
    assert "/v1/models/both/versions/1:predict" in page.locator("#curl").text_content()
    send(page)
    assert predictions(page).text_content() in ("setosa", "versicolor", "virginica")
    chosen.select_option("3")
    assert page.locator("#context").text_content() == "No description yet"


def test_a_class_that_tells_nothing_of_its_instances(open_playground, serve, app_of, tmp_path):
    source = """
class Lengths:
    def predict(self, instances, *, unit: str = "m"):
        return [f"{len(instance)} {unit}" for instance in instances]

    @classmethod
    def from_path(cls, model_dir):
        return cls()
"""
    (tmp_path / "lengths_predictor.py").write_text(source)
    app = app_of(tmp_path, target=str(tmp_path / "lengths_predictor.py") + ":Lengths")
    page = open_playground(serve(app).url)
    assert page.get_by_text("Nothing tells what an instance").is_visible()
    assert not page.locator("#code").is_visible()
    page.get_by_role("button", name="Send", exact=True).click()
    assert "JSON is needed" in page.get_by_role("alert").filter(has_text=LABEL).text_content()
    page.get_by_role("textbox", name="instance").fill("[1, 2, 3]")
    page.get_by_role("textbox", name="unit").fill("km")
    send(page)
    assert predictions(page).text_content() == "3 km"
    assert page.locator("#code").is_visible()
    app.extensions["cpr"].close()
