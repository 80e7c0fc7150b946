"""A diff's report: both sides, what changed, how the outputs moved."""

import re

import pytest

from cpr.replay.results import RequestDiff, Side
from cpr.replay.shifts import LabelChange, LabelShift
from cpr.reports.diff_page import render


def text_of(html):
    """The page's text without tags, style, script and data."""
    body = re.sub(r"<(style|script)\b.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_headline_says_what_changed(make_diff):
    text = text_of(render(make_diff(10), title="Two models"))
    assert "1 of 10 predictions changed." in text
    assert "A: iris-0.1.tar.gz B: iris-0.2.tar.gz tolerance: atol 1e-06" in text
    assert "changed · 10.0 % 1 " in text
    assert "differ at all 2 " in text


@pytest.mark.parametrize(
    ("differing", "sentence"),
    [
        (0, "A and B agree exactly on 1 prediction."),
        (1, "A and B agree within tolerance on 1 pred"),
    ],
    ids=["exactly", "within tolerance"],
)
def test_headline_says_how_far_both_agree(make_diff, differing, sentence):
    same = RequestDiff("r:1", 1, Side(200, 1.0, 0.0), Side(200, 1.0, 0.0), predictions=1)
    result = make_diff(1)
    result = type(result)(**{**vars(result), "requests": [same], "differing": differing})
    assert sentence in text_of(render(result, title="T"))


def test_failures_of_each_side_are_told_apart(make_diff):
    failed = RequestDiff(
        "r:1", 1, Side(200, 1.0, 0.0), Side(500, 1.0, 0.0, "UserCodeError: predict raised <x>")
    )
    result = make_diff(1)
    result = type(result)(**{**vars(result), "requests": [failed], "beyond": 0})
    html = render(result, title="T")
    assert "B failed on 1 request." in text_of(html)
    assert re.findall("<h2[^>]*>(Errors[^<]*)", html) == ["Errors of B"]
    assert "predict raised &lt;x&gt;" in html


def test_latencies_stand_side_by_side(make_diff):
    text = text_of(render(make_diff(), title="T"))
    assert "latency A, ms B, ms B against A min 2 1 -50.0 % p50 4 3 -25.0 %" in text


def test_each_number_has_its_distribution_and_figures(make_diff):
    html = render(make_diff(), title="T")
    assert "value: 10 values of A and 10 of B, from 0 to 1." in html
    text = text_of(html)
    assert "predictions[*].score" in text
    assert "beyond tolerance 1 greatest difference 0.250 mean difference 0.0250 KS 0.100" in text


def test_labels_are_a_table_of_both_sides(make_diff):
    html = render(make_diff(), title="T")
    rows = re.findall(r'<tr><th scope="row">&quot;(\w+)&quot;</th>(.*?)</tr>', html)
    cells = {label: re.findall(r"<td[^>]*>([^<]*)</td>", row) for label, row in rows}
    assert cells == {"setosa": ["9", "1"], "virginica": ["·", "·"]}


def test_rare_labels_are_counted_as_left_out(make_diff):
    pairs = tuple(LabelChange(f"{n:02}", f"{n:02}", 100 - n) for n in range(20))
    shift = LabelShift("p", sum(pair.count for pair in pairs) + 7, 0, pairs, others=7)
    text = text_of(render(make_diff(labels=[shift]), title="T"))
    # Twelve labels are shown; the counts of the other eight are 88 down to 81.
    assert f"{sum(range(81, 89)) + 7} pairs of rarer labels are left out." in text


def test_a_diff_without_answers_has_a_page(make_diff):
    empty = make_diff(0, numbers=[], labels=[])
    empty = type(empty)(**{**vars(empty), "latency_a_ms": None, "latency_b_ms": None})
    assert "There was no request." in text_of(render(empty, title="T"))
