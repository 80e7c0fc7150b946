"""The page of an inspection: complete, self-contained, readable in light and dark."""

from dataclasses import replace

import pytest

from cpr.inspecting import inspect_model
from cpr.inspecting.inspection import Constant, Problem
from cpr.inspecting.page import render

HOSTILE = ["</script><script>window.pwned = 1</script>", "<img src=x onerror='window.pwned=1'>"]


@pytest.fixture(scope="module")
def open_page(browser, tmp_path_factory):
    """Opens a page as a file; gives the page and what it logged or asked for."""

    def open_it(text, **options):
        path = tmp_path_factory.mktemp("page") / "page.html"
        path.write_text(text, encoding="utf-8")
        context = browser.new_context(**options)
        shown = context.new_page()
        seen = []
        shown.on("console", lambda message: seen.append(message.text))
        shown.on("pageerror", lambda error: seen.append(str(error)))
        shown.on("request", lambda request: seen.append(request.url))
        shown.goto(path.as_uri())
        assert seen.pop(0) == path.as_uri()
        return shown, [item for item in seen if not item.startswith("data:")]

    return open_it


@pytest.fixture(scope="module")
def found(keras_cnn):
    return inspect_model(keras_cnn)


def test_shows_signatures_with_their_requests(tf1_two_graphs):
    text = render(inspect_model(tf1_two_graphs))
    assert text.count('class="card"') == 4
    assert "Graph gpu, serve" in text
    assert "string (?)" in text
    assert "{&quot;instances&quot;: [&quot;text&quot;]}" in text


def test_a_version_is_called_by_the_folder_above_it_too(found):
    named = replace(found, path="/models/census/17")
    assert "<title>census/17: SavedModel (binary)</title>" in render(named)
    assert "<title>model: SavedModel" in render(replace(found, path="model/"))


def test_commands_in_messages_are_code(found):
    text = render(replace(found, problems=(Problem("note", "id", "m", "`cpr <b>` does."),)))
    assert "<code>cpr &lt;b&gt;</code> does." in text


def test_only_numbers_are_set_at_the_right(found, open_page):
    page, _ = open_page(render(found))
    aligned = "e => e.map(cell => getComputedStyle(cell).textAlign)"
    for row in ("thead th", "tbody tr:first-child td"):
        told = page.locator(f"#files table {row}").evaluate_all(aligned)
        assert told[-2:] == ["left", "right"]


def test_what_the_tile_counts_is_in_the_table(found, open_page):
    page, _ = open_page(render(found))
    names = page.locator("[data-table=variables] tbody").inner_text()
    assert "_CHECKPOINTABLE_OBJECT_GRAPH" not in names


def test_says_first_whether_it_can_be_served(found):
    assert "Nothing stands in the way of serving it." in render(replace(found, problems=()))
    warned = replace(found, problems=(Problem("warning", "id", "w"),))
    assert "It can be served; 1 warning." in render(warned)
    broken = replace(
        found, problems=(Problem("error", "id", "e", "f"), Problem("error", "id", "g"))
    )
    assert "It cannot be served as it is: 2 errors." in render(broken)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1200])
def test_is_readable_and_asks_for_nothing(found, open_page, contrast, scheme, width):
    graph = replace(found.graphs[0], constants=(Constant("c", "float32", (9,), 500),))
    text = render(replace(found, graphs=(graph,), problems=(Problem("warning", "id", "w", "f"),)))
    page, seen = open_page(text, color_scheme=scheme, viewport={"width": width, "height": 800})
    assert seen == []
    worst = contrast(page)
    assert worst["ratio"] >= 4.5, worst
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("rect.part").count() > 10
    assert page.locator("[data-table=variables] tbody tr").count() >= 10


def test_labels_can_be_read_on_their_boxes(found, open_page):
    for scheme in ("light", "dark"):
        page, _ = open_page(render(found), color_scheme=scheme)
        for name in ("weight", "copy", "file"):
            least = page.evaluate(
                """(name) => {
                  const ink = document.createElement("canvas").getContext("2d");
                  const light = (color) => {
                    ink.fillStyle = color; ink.fillRect(0, 0, 1, 1);
                    const [r, g, b] = [...ink.getImageData(0, 0, 1, 1).data].slice(0, 3)
                      .map((n) => n / 255)
                      .map((n) => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
                  };
                  const box = document.querySelector(`rect.part.${name}`);
                  const text = document.querySelector(".treemap text");
                  const pair = [light(getComputedStyle(box).fill),
                                light(getComputedStyle(text).fill)].sort((a, b) => a - b);
                  return (pair[1] + 0.05) / (pair[0] + 0.05);
                }""",
                name,
            )
            assert least >= 4.5, (scheme, name)


def test_names_of_a_hostile_model_stay_text(found, open_page):
    odd = tuple(
        replace(item, name=name, key=name)
        for item, name in zip(found.variables, HOSTILE * 20, strict=False)
    )
    signature = replace(found.graphs[0].signatures[0], name=HOSTILE[0])
    graph = replace(
        found.graphs[0], signatures=(signature,), tags=(HOSTILE[1],), ops={HOSTILE[0]: 3}
    )
    hostile = replace(
        found, path=HOSTILE[0], variables=odd, graphs=(graph,), facts={HOSTILE[0]: HOSTILE[1]}
    )
    page, seen = open_page(render(hostile))
    assert page.evaluate("window.pwned") is None
    assert seen == []
    assert HOSTILE[0] in page.locator(".card h3").first.text_content()


def test_a_model_without_graphs_has_a_page_too(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"cos\nsystem\n(S'x'\ntR.")
    text = render(inspect_model(path))
    assert "Names that loading it needs" in text
    assert "os.system" in text
