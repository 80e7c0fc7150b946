"""Markup that user data cannot break out of."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpr.reports.columns import to_json
from cpr.reports.html import Markup, element, escape, join, page

ANY_TEXT = st.text(st.characters(exclude_categories=()))


class Reader(HTMLParser):
    """The tags, attributes and text of a document, as a browser takes them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], {}, ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<b>", "&lt;b&gt;"),
        ("a & b", "a &amp; b"),
        ("\"'", "&quot;&#x27;"),
        (12, "12"),
        ("a\0b\x1b[31m", "a␀b␛[31m"),
        ("one\n\ttwo", "one\n\ttwo"),
        ("half \ud800", "half \ufffd"),
        (Markup("<b>"), "<b>"),
    ],
    ids=["tag", "ampersand", "quotes", "number", "control", "white space", "surrogate", "markup"],
)
def test_text_is_escaped_and_markup_is_not(value, expected):
    assert escape(value) == expected


@given(ANY_TEXT)
def test_any_text_comes_out_as_text(text):
    made = element("p", text, title=text)
    made.encode("utf-8")
    read = Reader(made)
    assert read.tags == ["p"]
    assert set(read.attributes) == {"title"}
    assert read.attributes["title"] == read.text


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (element("p", "a", None, 1), "<p>a1</p>"),
        (element("div", element("b", "<")), "<div><b>&lt;</b></div>"),
        (
            element("input", type="radio", checked=True, hidden=False),
            '<input type="radio" checked>',
        ),
        (element("i", class_="x", data_row=0, title=None), '<i class="x" data-row="0"></i>'),
        (join(["<", element("i")], ", "), "&lt;, <i></i>"),
    ],
    ids=["children", "nested", "void", "attributes", "join"],
)
def test_elements_are_written_as_said(made, expected):
    assert made == expected


@given(st.recursive(st.text() | st.integers() | st.none(), lambda v: st.lists(v), max_leaves=5))
def test_data_stays_inside_its_script_element(value):
    text = to_json(value)
    assert not re.search("[<>&\u2028\u2029]", text)
    text.encode("ascii")
    assert json.loads(text) == value


def test_data_is_strict_json():
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(float("nan"))


@pytest.fixture(scope="module")
def whole():
    return page("A <title>", element("p", "body"), data={"tables": {}})


def test_the_policy_allows_this_style_and_this_script_and_no_other(whole):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', whole)[1]
    policy = policy.replace("&#x27;", "'")
    for kind in ("style", "script"):
        (inside,) = re.findall(f"<{kind}>(.*?)</{kind}>", whole, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy


def test_the_page_names_no_other_place(whole):
    assert not re.findall(r"https?://|@import|url\(|//cdn", whole)
    assert re.findall(r'(?:src|href)="([^"]*)"', whole) == ["data:,"]


def test_script_never_writes_markup(whole):
    ways = "innerHTML outerHTML insertAdjacentHTML document.write eval( Function("
    assert not [way for way in ways.split() if way in whole]


def test_title_is_text(whole):
    assert "<title>A &lt;title&gt;</title>" in whole
