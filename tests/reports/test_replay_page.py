"""A replay's report: the figures are those of the result, and nothing grows without bounds."""

import json
import re

import pytest

from cpr.replay.results import Mismatch
from cpr.replay.results import RequestResult as Result
from cpr.reports.differences import MOST, value_text
from cpr.reports.replay_page import render


def text_of(html):
    """The page's text without tags, style, script and data."""
    body = re.sub(r"<(style|script)\b.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def data_of(html):
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])


def good(place="r.json:1", **changes):
    return Result(place, 1, 200, 2.0, 0.0, **changes)


@pytest.mark.parametrize(
    ("requests", "sentence"),
    [
        ([], "There was no request."),
        ([good()], "The request was answered."),
        ([good(is_compared=True)] * 3, "All 3 requests were answered as expected."),
        (
            [good(is_compared=True), good()],
            "All 2 requests were answered, 1 of them compared and as expected.",
        ),
        ([good(), good(error="BadInput: no")], "Of 2 requests, 1 failed."),
        (
            [good(error="BadInput: no"), good(mismatch_count=2, is_compared=True)],
            "Of 2 requests, 1 failed and 1 differs from what was expected.",
        ),
    ],
    ids=["none", "one", "all as expected", "some compared", "failed", "failed and mismatched"],
)
def test_first_sentence_says_how_it_went(make_replay, requests, sentence):
    assert sentence in text_of(render(make_replay(requests), title="T"))


def test_headline_has_the_figures_of_the_result(make_replay):
    result = make_replay(1000)
    text = text_of(render(result, title="The title"))
    for shown in (
        "The title", "iris:Flowers", "tolerance: atol 1e-06", "requests 1,000", "ok · 80.0 % 800",
        "failed 100", "mismatched 100", "requests/s 450", "instances 900", "took 2 s",
        f"p50 {result.latency_ms.p50:.2f} ms",
    ):  # fmt: skip
        assert f" {shown} " in text


def test_what_was_not_compared_is_not_called_equal(make_replay):
    html = render(make_replay([good()]), title="T")
    assert "compared none" in text_of(html)
    assert "mismatched" not in text_of(html)
    assert "Differences" not in text_of(html)


def test_notes_concurrency_and_lag_are_shown(make_replay):
    result = make_replay(concurrency=8, lag_ms=12.0, notes=["Replayed twice."])
    text = text_of(render(result, title="T"))
    assert "8 at a time" in text
    assert "latest request 12 ms late" in text
    assert "Replayed twice." in text


def test_errors_are_grouped_by_message_the_most_frequent_first(make_replay):
    errors = ["UserCodeError: KeyError: 'a'"] * 2 + ["BadInput: no"] * 3
    text = text_of(render(make_replay([good(error=error) for error in errors]), title="T"))
    assert re.search(r"3 × BadInput .*no .*2 × UserCodeError .*KeyError: &#x27;a", text)


def test_other_errors_are_counted(make_replay):
    requests = [good(error=f"BadInput: value {number}") for number in range(60)]
    assert "And 10 other messages." in text_of(render(make_replay(requests), title="T"))


def test_differences_come_worst_first(make_replay):
    found = (
        Mismatch("small", 1.0, 1.1, 0.1, 0.1, excess=2.0),
        Mismatch("text", "a", "b"),
        Mismatch("large", 1.0, 9.0, 8.0, 8.0, excess=80.0),
    )
    result = make_replay([good(mismatches=found, mismatch_count=3)])
    columns = data_of(render(result, title="T"))["tables"]["differences"]["columns"]
    paths = [columns["path"]["names"][at] for at in columns["path"]["at"]]
    assert paths == ["text", "large", "small"]
    assert columns["abs"] == [None, 8, 0.1]


def test_there_are_as_many_differences_as_can_be_read(make_replay):
    found = tuple(Mismatch(f"p[{n}]", 0, n, n, None, excess=float(n)) for n in range(MOST + 10))
    html = render(make_replay([good(mismatches=found, mismatch_count=9999)]), title="T")
    assert data_of(html)["tables"]["differences"]["rows"] == MOST
    assert "Of 9,999 differences, the table holds 5,000 of the worst." in text_of(html)


def test_a_replay_without_differences_has_no_such_table(make_replay):
    html = render(make_replay([good()]), title="T")
    assert list(data_of(html)["tables"]) == ["requests"]
    assert "Differences" not in re.findall("<h2[^>]*>([^<]*)", html)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'), (0.1, "0.1"), (None, "null"), ({"b64": "eA=="}, '{"b64": "eA=="}'),
        (float("nan"), '"NaN"'), ("é\0", '"é\\u0000"'), ([1, [2]], "[1, [2]]"),
    ],
    ids=str,
)  # fmt: skip
def test_values_are_shown_as_json(value, text):
    assert value_text(value) == text


def test_long_values_are_cut_in_the_middle():
    shown = value_text("start" + 10_000 * "x" + "end")
    assert len(shown) < 450
    assert shown.startswith('"start')
    assert shown.endswith('end"')


def test_a_hundred_thousand_requests_make_a_file_that_can_be_sent(make_replay):
    html = render(make_replay(100_000), title="T")
    size = len(html.encode())
    print(f"100,000 requests: {size / 1e6:.2f} MB")
    assert size < 5_000_000


def test_the_same_result_gives_the_same_page(make_replay):
    assert render(make_replay(), title="T") == render(make_replay(), title="T")


def test_no_element_has_style_or_script_of_its_own(make_replay):
    body = re.sub(r"<(style|script)\b.*?</\1>", "", render(make_replay(), title="T"), flags=re.S)
    assert not re.findall(r"\s(?:style|on\w+)=", body)
