"""Reports in a real browser: nothing logged, nothing requested, usable by keyboard, readable."""

import json
import re
from dataclasses import replace

import pytest

from cpr.replay.results import Mismatch
from cpr.replay.results import RequestResult as Result
from cpr.replay.shifts import LabelChange
from cpr.reports import diff_page, replay_page
from cpr.reports.columns import names, numbers, places, steps, to_json

HOSTILE = [
    "</script><script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "\"'><svg onload=window.pwned=1>",
    "</title></style><!--<script>",
    "a\u2028b\u2029c",
    "&lt;b&gt; &amp; ]]>",
    "${window.pwned = 1} {{7 * 7}} `",
    "javascript:window.pwned=1",
    "__proto__",
    "constructor",
]

ROWS = "[data-table] > .scroll > table > tbody > tr:not(.details)"


@pytest.fixture(scope="module")
def reports(make_replay, make_diff):
    return {
        "10 requests": replay_page.render(make_replay(10), title="Ten"),
        "100,000 requests": replay_page.render(make_replay(100_000), title="Many"),
        "diff": diff_page.render(make_diff(40), title="Two models"),
    }


@pytest.fixture
def ten(reports, open_report):
    return open_report(reports["10 requests"])


@pytest.fixture
def many(reports, open_report):
    return open_report(reports["100,000 requests"])


def requests_of(page):
    return page.locator("#requests")


def first_column(page):
    return requests_of(page).locator(f"{ROWS} > td:first-child").all_text_contents()


def shown(page):
    return requests_of(page).locator(".shown").text_content()


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["10 requests", "100,000 requests", "diff"])
def test_opens_without_a_word_and_fits_the_screen(reports, open_report, name, scheme, size):
    page = open_report(reports[name], size=size, scheme=scheme)
    width, room = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert width == room
    assert shown(page).endswith(" requests")
    assert not page.said


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["10 requests", "diff"])
def test_text_stands_out_from_what_is_behind_it(reports, open_report, contrast, name, scheme, size):
    # A colour on its way to another is not measured.
    page = open_report(reports[name], size=size, scheme=scheme, reduced_motion="reduce")
    for opener in page.locator("tr:not(.ok):not(.same) .opener").all():
        opener.click()
    for button in page.locator("[aria-pressed]").all()[1:]:
        button.click()
    found = contrast(page)
    assert found["seen"] > 50
    assert found["ratio"] >= 4.5, found


def test_contrast_is_measured(open_report, contrast):
    page = open_report("<body style='background: #fff'><p style='color: #777'>text</p>")
    assert contrast(page)["ratio"] == pytest.approx(4.48, abs=0.01)


def test_search_finds_every_request_that_has_all_words(many):
    search = requests_of(many).get_by_role("searchbox", name="Search")
    search.fill("ROWS-3 BadInput")
    assert shown(many) == "2,500 of 100,000 requests"
    assert first_column(many)[0] == "requests/rows-3.jsonl:4"
    search.fill("rows-1.jsonl:24999")
    assert first_column(many) == ["requests/rows-1.jsonl:24999"]
    search.fill("no such request")
    assert "No request is like that." in requests_of(many).locator("tbody").text_content()
    many.get_by_role("button", name="Show all").click()
    assert shown(many) == "100,000 requests"


def test_filters_by_result_and_by_latency(many, make_replay):
    section = requests_of(many)
    section.get_by_role("button", name=re.compile("failed")).click()
    assert shown(many) == "10,000 of 100,000 requests"
    section.get_by_role("button", name=re.compile("mismatched")).click()
    assert shown(many) == "20,000 of 100,000 requests"
    section.get_by_role("combobox", name="Latency").select_option(label="p99 or slower")
    result = make_replay(100_000)
    slow = [item for item in result.requests if not item.is_ok]
    slow = [item for item in slow if item.latency_ms >= result.latency_ms.p99]
    assert shown(many) == f"{len(slow)} of 100,000 requests"


@pytest.mark.parametrize("order", ["descending", "ascending"])
def test_sorts_by_a_column(many, make_replay, order):
    heading = requests_of(many).get_by_role("columnheader", name="Latency, ms")
    for _ in range(2 if order == "ascending" else 1):
        heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == order
    sign = 1 if order == "ascending" else -1
    expected = sorted(make_replay(100_000).requests, key=lambda item: sign * item.latency_ms)
    assert first_column(many) == [item.place for item in expected[:25]]


def test_places_are_sorted_as_people_count(ten):
    heading = requests_of(ten).get_by_role("columnheader", name="Request")
    heading.get_by_role("button").click()
    assert first_column(ten) == [f"requests/rows-0.jsonl:{line}" for line in range(1, 11)]


def test_differences_without_a_number_come_last_in_either_order(ten):
    section = ten.locator("#differences")
    heading = section.get_by_role("columnheader", name="Absolute").get_by_role("button")
    for _ in "twice":
        heading.click()
        paths = section.locator("tbody td:first-child").all_text_contents()
        assert paths == ["predictions[0].score", "predictions[0].label"]


def test_pages_are_turned(many):
    pager = many.get_by_role("navigation", name="Pages of requests")
    assert pager.get_by_role("button", name="Previous page").is_disabled()
    pager.get_by_role("button", name="Next page").click()
    assert first_column(many)[0] == "requests/rows-0.jsonl:26"
    pager.get_by_role("button", name="Last page").click()
    assert pager.locator(".page-place").text_content() == "99,976 to 100,000 of 100,000"
    assert pager.get_by_role("button", name="Next page").is_disabled()
    pager.get_by_role("combobox", name="Rows a page").select_option("500")
    assert len(first_column(many)) == 500


def test_details_of_a_request_hold_its_error_or_its_differences(ten):
    section = requests_of(ten)
    for line, texts in (
        (4, ["BadInput: instances[0][3] is text"]),
        (7, ["0.5", "0.75", "virginica"]),
    ):
        name = f"Details of requests/rows-0.jsonl:{line}"
        section.get_by_role("button", name=name, exact=True).click()
        told = section.locator("tr.details").last.text_content()
        assert all(text in told for text in texts)


def test_details_say_how_many_differences_they_leave_out(open_report, make_replay):
    found = tuple(Mismatch(f"p[{n}]", 0, 1, 1.0, None, excess=2.0) for n in range(30))
    weak = (Mismatch("p", 0, 1, 1.0, None, excess=1.5),)
    requests = [
        *(Result(f"r:{n}", 1, 200, 1.0, 1.0, "", found, 900, True) for n in range(200)),
        Result("last:1", 1, 200, 1.0, 1.0, "", weak, 1, True),
    ]
    page = open_report(replay_page.render(make_replay(requests), title="T"))
    section = requests_of(page)
    section.locator(".opener").first.click()
    assert section.locator(".details h3").text_content() == "Differences, 20 of 900"
    section.get_by_role("searchbox").fill("last")
    section.locator(".opener").click()
    assert "This report holds worse ones only." in section.locator(".details").text_content()


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [Result("a:1", 1, 200, 0.0, 0.0)],
        [Result("a:1", 0, 0, 0.0, 0.0, "EnvironmentProblem: no answer")] * 3,
        [Result("a:1", 1, 200, 1e-9, 0.0), Result("a:2", 1, 200, 1e9, 1e9)],
    ],
    ids=["none", "one", "all failed", "far apart"],
)
def test_a_report_of_strange_requests_opens(open_report, make_replay, requests):
    page = open_report(replay_page.render(make_replay(requests), title="T"))
    assert shown(page).startswith(f"{len(requests)} request")
    assert len(first_column(page)) == max(len(requests), 1)


def test_an_error_leads_to_its_requests(many):
    many.locator("#errors").get_by_role("button", name="Show in the table").first.click()
    assert shown(many) == "5,000 of 100,000 requests"
    search = requests_of(many).get_by_role("searchbox", name="Search")
    assert search.evaluate("node => node === document.activeElement")


def test_theme_is_toggled_by_keyboard_and_kept(ten):
    def ground():
        return ten.evaluate("getComputedStyle(document.documentElement).backgroundColor")

    light = ground()
    ten.keyboard.press("Tab")
    ten.keyboard.press("Tab")
    toggle = ten.get_by_role("button", name="Theme: auto")
    assert toggle.evaluate("node => node === document.activeElement")
    ten.keyboard.press("Enter")
    assert ground() == light
    ten.keyboard.press("Enter")
    assert ground() != light
    assert ten.get_by_role("button", name="Theme: dark").is_visible()
    ten.said.clear()
    ten.reload()
    ten.said.clear()
    assert ground() != light


def test_whole_report_is_used_by_keyboard(ten):
    ten.keyboard.press("Tab")
    assert ten.evaluate("document.activeElement.textContent") == "Skip to the report"
    ten.keyboard.press("Enter")
    requests_of(ten).get_by_role("searchbox").focus()
    ten.keyboard.type("jsonl:4")
    assert len(first_column(ten)) == 1
    heading = requests_of(ten).get_by_role("columnheader", name="Result")
    heading.get_by_role("button").focus()
    ten.keyboard.press("Space")
    assert heading.get_attribute("aria-sort") == "ascending"
    opener = requests_of(ten).get_by_role("button", name="Details of requests/rows-0.jsonl:4")
    opener.focus()
    ten.keyboard.press("Enter")
    opener = requests_of(ten).locator(".opener")
    assert opener.get_attribute("aria-expanded") == "true"
    assert opener.evaluate("node => node === document.activeElement")
    ring = opener.evaluate("node => getComputedStyle(node).outlineStyle")
    assert ring == "solid"


def test_plots_switch_to_a_logarithmic_scale(ten):
    plots = ten.locator("#latency figure:visible svg")
    before = plots.all()[0].inner_html()
    ten.get_by_role("radio", name="log").check()
    assert plots.count() == 2
    assert plots.all()[0].inner_html() != before


def test_a_bar_says_what_it_is_when_pointed_at(ten):
    bar = ten.locator("#latency figure:visible .bar").first
    bar.hover()
    assert ten.locator("#tip").text_content() == bar.get_attribute("data-tip")
    assert "request" in ten.locator("#tip").text_content()


@pytest.mark.parametrize("text", HOSTILE)
def test_what_users_wrote_is_shown_as_text(open_report, make_replay, text):
    found = (Mismatch(text, text, {text: text}), Mismatch("p", [text], "x"))
    requests = [
        Result(f"{text}:1", 1, 500, 1.0, 0.0, f"UserCodeError: {text}"),
        Result(text, 1, 200, 1.0, 1.0, "", found, 2, True),
    ]
    result = make_replay(requests, notes=[text], tolerance=text)
    page = open_report(replay_page.render(result, title=text))
    for opener in page.locator(".opener").all():
        opener.click()
    assert page.evaluate("window.pwned") is None
    assert page.title() == f"{text} – cpr replay"
    assert page.locator("h1").text_content() == text
    assert page.locator("script").count() == 2
    assert page.locator("img, svg[onload]").count() == 0
    assert first_column(page) == [f"{text}:1", text]
    assert page.locator("#requests .details pre").text_content() == f"UserCodeError: {text}"
    cells = page.locator("#differences tbody tr").first.locator("td").all_text_contents()
    quoted = json.dumps(text, ensure_ascii=False)
    assert cells[:3] == [text, quoted, f"{{{quoted}: {quoted}}}"]
    requests_of(page).get_by_role("searchbox").fill(text)
    assert len(first_column(page)) == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_a_diff_shows_what_users_wrote_as_text(open_report, make_diff, text):
    diff = make_diff(3)
    labels = [replace(diff.labels[0], output=text, confusion=(LabelChange(text, text, 3),))]
    numbers = [replace(diff.numbers[0], output=text)]
    diff = replace(diff, a=text, b=text, notes=[text], labels=labels, numbers=numbers)
    page = open_report(diff_page.render(diff, title=text))
    assert page.evaluate("window.pwned") is None
    assert page.locator("h1").text_content() == text
    assert page.locator("#outputs figcaption").text_content() == text
    assert page.locator("#labels thead th").last.text_content().startswith(text[:30])
    assert page.locator("script").count() == 2


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        (numbers([1.0, 2.5, None, float("inf")]), [1, 2.5, None, "Infinity"]),
        (numbers([3.0] * 9), [3] * 9),
        (numbers([0.123456789]), [0.1235]),
        (steps([0.0, 0.5, 0.5, 0.25, 12.0], per=100), [0, 0.5, 0.5, 0.25, 12]),
        (names(["a", "b", "a", None, ""]), ["a", "b", "a", None, ""]),
        (places(["a:1", "a:2", "b:7", "b:c:8"]), ["a:1", "a:2", "b:7", "b:c:8"]),
        (places(["a:1", "-"]), ["a:1", "-"]),
        (places(["a:01"]), ["a:01"]),
        (places([]), []),
    ],
    ids=["numbers", "runs", "rounded", "steps", "names", "places", "mixed", "odd", "empty"],
)
def test_columns_are_read_as_they_were_written(ten, packed, expected):
    assert ten.evaluate(f"column({to_json(packed)})") == expected


@pytest.mark.parametrize("value", [0, 7, 1234, 12.34, 0.5, 1e-7, 1e20], ids=str)
def test_numbers_in_tables_are_those_of_the_headline(ten, value):
    written = ten.evaluate(f"figure({value})").replace(",", "")
    assert float(written) == pytest.approx(value, rel=1e-2)


def test_without_script_the_figures_and_plots_are_there(reports, open_report):
    page = open_report(reports["10 requests"], java_script_enabled=False)
    assert page.locator(".verdict").is_visible()
    assert page.locator("#latency svg:visible").count() == 2
    assert page.locator("noscript").first.is_visible()
    assert not page.get_by_role("button", name=re.compile("Theme")).is_visible()


def test_a_printed_report_is_light_and_has_no_controls(reports, open_report):
    page = open_report(reports["diff"], scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    for hidden in ("#theme", ".controls", ".pager", ".scale", ".opener"):
        assert not page.locator(hidden).first.is_visible(), hidden
    assert page.pdf().startswith(b"%PDF")


def test_nothing_moves_where_the_reader_wants_no_motion(reports, open_report):
    page = open_report(reports["diff"], reduced_motion="reduce")
    moving = """() => [...document.querySelectorAll("*")].map(node => getComputedStyle(node))
      .filter(style => style.transitionDuration !== "0s").length"""
    assert page.evaluate(moving) == 0


@pytest.mark.parametrize("name", ["10 requests", "diff"])
def test_everything_has_a_name_that_can_be_read_out(reports, open_report, name):
    page = open_report(reports[name])
    for role in (
        "button",
        "searchbox",
        "combobox",
        "radio",
        "img",
        "table",
        "region",
        "navigation",
    ):
        every = page.get_by_role(role).count()
        assert every == page.get_by_role(role, name=re.compile(r"\S")).count(), role
    levels = page.locator("h1, h2, h3").evaluate_all("nodes => nodes.map(node => node.tagName)")
    assert levels[0] == "H1"
    assert levels.count("H1") == 1
    twice = "ids => ids.length - new Set(ids.map(node => node.id)).size"
    assert page.locator("[id]").evaluate_all(twice) == 0
