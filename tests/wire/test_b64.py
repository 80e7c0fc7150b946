"""Bytes in JSON: the object whose only key is b64."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpr.errors import BadInput
from cpr.wire.b64 import decode_b64, may_hold_b64
from cpr.wire.json_codec import dumps

DECODED = {
    "plain": ({"b64": "YWJj"}, b"abc"),
    "empty": ({"b64": ""}, b""),
    "padded": ({"b64": "YQ=="}, b"a"),
    "without_padding": ({"b64": "YQ"}, b"a"),
    "half_padded": ({"b64": "YQ="}, b"a"),
    "lines_of_old_encoders": ({"b64": base64.encodebytes(b"x" * 100).decode()}, b"x" * 100),
    "spaces": ({"b64": " YW Jj\r\n"}, b"abc"),
    "both_special_characters": ({"b64": "+/+/"}, b"\xfb\xff\xbf"),
    "in_a_list": ([{"b64": "YQ=="}, "YQ=="], [b"a", "YQ=="]),
    "in_an_object": ({"image": {"b64": "YQ=="}, "n": 1}, {"image": b"a", "n": 1}),
    "at_depth": ([{"a": [[{"b": {"b64": "YQ=="}}]]}], [{"a": [[{"b": b"a"}]]}]),
    "with_further_keys": ({"b64": "YQ==", "n": 1}, {"b64": "YQ==", "n": 1}),
    "below_further_keys": ({"b64": {"b64": "YQ=="}, "n": 1}, {"b64": b"a", "n": 1}),
    "other_case": ({"B64": "YQ=="}, {"B64": "YQ=="}),
    "nothing_to_do": ([1, 2.5, None, True, "b64", {}], [1, 2.5, None, True, "b64", {}]),
}
REFUSED = {
    "alphabet_of_urls": ([{"b64": "-_-_"}], "at instances[0]: "),
    "one_character": ({"a": {"b64": "Y"}}, "at instances.a: "),
    "padding_inside": ([[{"b64": "YQ==YQ=="}]], "at instances[0][0]: "),
    "only_padding": ({"b64": "===="}, "at instances: "),
    "not_ascii": ([1, {"x": [{"b64": "é"}]}], "at instances[1].x[0]: string argument"),
    "surrogate": ({"b64": "\ud800"}, "at instances: "),
    "number": ([{"b64": 1}], "at instances[0]: b64 is 1, not a string."),
    "null": ([{"b64": None}], "at instances[0]: b64 is None, not a string."),
    "list": ([{"b64": ["YQ=="]}], "at instances[0]: b64 is ['YQ=='], not a string."),
    "nested": ([{"b64": {"b64": "YQ=="}}], "at instances[0]: b64 is {'b64': 'YQ=='}, not"),
}


@pytest.mark.parametrize(("value", "expected"), DECODED.values(), ids=DECODED)
def test_decodes(value, expected):
    assert decode_b64(value) == expected


@pytest.mark.parametrize(("value", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses_and_names_the_place(value, message):
    with pytest.raises(BadInput) as caught:
        decode_b64(value)
    assert caught.value.problem.startswith("Base64 decode failed")
    assert message in caught.value.problem


def test_a_huge_bad_value_makes_a_short_message():
    with pytest.raises(BadInput) as caught:
        decode_b64({"b64": "-" * 1_000_000})
    assert len(caught.value.problem) < 250


def test_refuses_instances_too_deep_to_walk():
    value = {"b64": "YQ=="}
    for _ in range(5000):
        value = [value]
    with pytest.raises(BadInput, match="instances are nested too deeply"):
        decode_b64(value)


def test_leaves_its_argument_alone():
    value = [{"image": {"b64": "YQ=="}}]
    decode_b64(value)
    assert value == [{"image": {"b64": "YQ=="}}]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'[{"b64": ""}]', True),
        (b'[{"b64" :""}]', True),
        (rb'[{"\u006264": "YQ=="}]', True),
        ('[{"b64": ""}]'.encode("utf-16"), True),
        (b'{"instances": [[1.0, 2.0]]}', False),
        (b'["b64 in a text"]', False),
    ],
    ids=["key", "space", "escaped_key", "utf_16", "numbers", "text"],
)
def test_tells_which_bodies_need_the_walk(body, expected):
    assert may_hold_b64(body) is expected


@given(
    st.recursive(st.binary() | st.none() | st.integers(-9, 9), lambda s: st.lists(s, max_size=4))
)
def test_whatever_is_written_is_read_again(value):
    assert decode_b64(json.loads(dumps(value))) == value
