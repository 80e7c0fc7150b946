"""JSON in and out: what is taken, what is refused, and what strict means."""

import contextlib
import gc
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpr.errors import BadInput, BadOutput
from cpr.wire.json_codec import collector_at_rest, dumps, holds_null, loads

MUST_READ = {
    "null": b"null",
    "space_around": b" \n\t\r[1]\r ",
    "empty_string": b'""',
    "escapes": rb'"\"\\\/\b\f\n\r\t\u0041"',
    "surrogate_pair": rb'"\ud83d\ude00"',
    "escaped_nul": rb'"\u0000"',
    "raw_delete_and_u2028": '"\x7f\u2028"'.encode(),
    "noncharacter": rb'"\uffff"',
    "negative_zero": b"[-0, -0.0]",
    "exponents": b"[1E22, 1e-2, 1e+2, 0.5E-1]",
    "underflow": b"1e-999",
    "sixty_four_bits": b"[9223372036854775807, -9223372036854775808, 18446744073709551615]",
    "beyond_double": b"9007199254740993",
    "empty_key": b'{"": 0}',
    "hundred_levels": b"[" * 100 + b"]" * 100,
    "unicode_key": '{"клюŋ": "日本"}'.encode(),
}
MUST_REFUSE = {
    "empty": b"",
    "space_only": b" ",
    "trailing_comma": b"[1,]",
    "double_comma": b"[1,,2]",
    "no_comma": b"[1 true]",
    "open_array": b"[1",
    "open_object": b'{"a":',
    "open_string": b'"a',
    "trailing_text": b"[1]x",
    "two_documents": b"1 2",
    "single_quotes": b"['a']",
    "bare_key": b"{a: 1}",
    "number_key": b"{1: 1}",
    "no_colon": b'{"a" 1}',
    "comment": b"[1] // one",
    "leading_zero": b"012",
    "hexadecimal": b"0x1",
    "plus": b"+1",
    "bare_fraction": b".5",
    "open_fraction": b"1.",
    "open_exponent": b"1e",
    "minus": b"-",
    "raw_newline_in_string": b'"a\nb"',
    "raw_tab_in_string": b'"\t"',
    "bad_escape": rb'"\x41"',
    "short_escape": rb'"\u00"',
    "capital_true": b"True",
    "undefined": b"undefined",
    "form_feed": b"[\x0c]",
    "no_break_space": b"[\xc2\xa0]",
    "nul": b"\0",
    "million_brackets": b"[" * 1_000_000,
    "million_objects": b'{"a":' * 1_000_000,
}
# Read by Python's json and so by the platform; refused unless strict.
ONLY_STRICT = {
    "nan": (b"NaN", math.isnan),
    "infinity": (b"[Infinity]", [math.inf]),
    "minus_infinity": (b"-Infinity", -math.inf),
    "overflow": (b"1e400", math.inf),
    "lone_surrogate": (rb'"\ud800"', "\ud800"),
    "utf_16": ('{"a": "é"}'.encode("utf-16"), {"a": "é"}),
    "utf_32": ("[1]".encode("utf-32"), [1]),
    "byte_order_mark": (b"\xef\xbb\xbf[]", []),
}


@pytest.mark.parametrize("body", MUST_READ.values(), ids=MUST_READ)
@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
def test_reads_what_is_json(body, strict):
    assert loads(body, strict=strict) == json.loads(body)


@pytest.mark.parametrize("body", MUST_REFUSE.values(), ids=MUST_REFUSE)
@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
def test_refuses_what_is_not_json(body, strict):
    with pytest.raises(BadInput) as caught:
        loads(body, strict=strict)
    assert caught.value.problem.endswith(".")
    assert len(caught.value.problem) < 200


@pytest.mark.parametrize(("body", "value"), ONLY_STRICT.values(), ids=ONLY_STRICT)
def test_reads_pythons_dialect_only_when_strict(body, value):
    with pytest.raises(BadInput):
        loads(body)
    found = loads(body, strict=True)
    assert value(found) if callable(value) else found == value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"a": }', "line 1 column 7"),
        (b'[\n"a" "b"]', "line 2 column 5"),
        (b'"\xff"', "UTF-8"),
    ],
    ids=["where", "which_line", "encoding"],
)
def test_says_what_is_wrong_and_where(body, message):
    with pytest.raises(BadInput) as caught:
        loads(body)
    assert message in caught.value.problem


def test_names_the_encoding_that_failed_when_strict():
    with pytest.raises(BadInput, match=r"not valid UTF-8: invalid start byte\."):
        loads(b'["\xff"]', strict=True)


def test_the_last_of_two_equal_keys_counts():
    assert loads(b'{"a": 1, "a": 2}') == loads(b'{"a": 1, "a": 2}', strict=True) == {"a": 2}


def test_integers_are_exact_to_64_bits_and_at_any_size_when_strict():
    assert loads(b"18446744073709551615") == 2**64 - 1
    assert loads(b"18446744073709551616") == float(2**64)
    assert loads(b"-9223372036854775809") == float(-(2**63))
    assert loads(b"18446744073709551617", strict=True) == 2**64 + 1


def test_an_integer_of_too_many_digits_is_bad_input_when_strict():
    with pytest.raises(BadInput, match="4300"):
        loads(b"1" * 5000, strict=True)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_any_json_value_round_trips(value):
    body = dumps(value)
    assert loads(body) == json.loads(body) == value


@given(JSON_VALUES)
def test_strict_writes_exactly_what_pythons_json_writes(value):
    assert dumps(value, strict=True) == json.dumps(value).encode()
    assert loads(dumps(value, strict=True), strict=True) == value


@given(st.text())
def test_any_text_round_trips_lone_surrogates_included(text):
    assert json.loads(dumps({text: [text]})) == {text: [text]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "NaN",
        "\0",
        "\x7f",
        "\u2028",
        "</script>",
        "田中さん",
        "👩\u200d🔬",
        "\ufeff",
        "ﷺ",
    ],
    ids=ascii,
)
def test_naughty_strings_come_out_byte_for_byte(text):
    assert dumps([text]) == json.dumps([text], ensure_ascii=False).encode().replace(
        b"\x7f", b"\x7f"
    )


NAN, INF = float("nan"), float("inf")
NONFINITE = {
    "scalar": (NAN, "nan at predictions,"),
    "list": ([0.5, INF], "inf at predictions[1],"),
    "beside_none": ([None, {"score": [-INF]}], "-inf at predictions[1].score[0],"),
    "array": (np.array([[1, 2], [3, NAN]]), "nan at predictions[1][1],"),
    "array_of_float32": ({"p": np.array([INF], "float32")}, "inf at predictions.p[0],"),
    "numpy_scalar": ([np.float32("nan")], "nan at predictions[0],"),
    "integer_key": ({7: {"x": NAN}}, "nan at predictions.7.x,"),
    "tuple": ((1, (2, NAN)), "nan at predictions[1][1],"),
}


@pytest.mark.parametrize(("value", "place"), NONFINITE.values(), ids=NONFINITE)
def test_a_number_that_json_cannot_hold_is_an_error_with_its_place(value, place):
    with pytest.raises(BadOutput) as caught:
        dumps(value)
    assert f"predict returned {place} which JSON cannot hold." in caught.value.problem
    assert "nonfinite" in caught.value.hint


@pytest.mark.parametrize(("value", "place"), NONFINITE.values(), ids=NONFINITE)
def test_a_number_that_json_cannot_hold_can_become_null(value, place):
    body = dumps(value, nonfinite="null")
    assert b"null" in body
    loads(body)


@pytest.mark.parametrize(("value", "place"), NONFINITE.values(), ids=NONFINITE)
def test_a_number_that_json_cannot_hold_can_stay_as_a_bare_word(value, place):
    word = place.split()[0].replace("nan", "NaN").replace("inf", "Infinity").encode()
    assert word in dumps(value, nonfinite="literal")


@pytest.mark.parametrize("nonfinite", ["error", "null", "literal"])
def test_none_and_the_word_null_are_themselves_under_every_policy(nonfinite):
    value = [None, "null", {"null": None}]
    assert dumps(value, nonfinite=nonfinite) == b'[null,"null",{"null":null}]'


STRICT_REFUSES = {
    "float32": np.float32(0.5),
    "int64": np.int64(3),
    "bool_": np.bool_(True),
    "array": np.array([1.0]),
    "bytes": b"x",
    "set": {1},
    "tuple_key": {(1, 2): 3},
    "generator": (x for x in [1]),
    "circular": (lambda loop: loop.append(loop) or loop)([]),
}


@pytest.mark.parametrize("value", STRICT_REFUSES.values(), ids=STRICT_REFUSES)
def test_strict_refuses_with_the_platforms_text(value):
    with pytest.raises(Exception) as expected:
        json.dumps(value)
    with pytest.raises(BadOutput) as caught:
        dumps(value, strict=True)
    assert caught.value.problem == (
        f"Failed to json encode the prediction response: {expected.value} If your output is not "
        "text, did you forget to suffix the alias of your output tensor with _bytes?"
    )


@pytest.mark.parametrize(
    "value",
    [NAN, [INF, -INF], (1, 2), "é\ud800", {2: 1, None: 3, True: 4, 0.5: 5}, 2**80, np.float64(0.1)],
    ids=["nan", "infinities", "tuple", "ascii_only", "keys", "huge", "float64"],
)
def test_strict_writes_what_the_platform_wrote(value):
    assert dumps(value, strict=True) == json.dumps(value).encode()


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize(
    "body", [b"[" + b"[]," * 50_000 + b"1]", b"[" * 200_000], ids=["good", "bad"]
)
def test_the_garbage_collector_is_left_as_it_was(body, enabled):
    was_enabled = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with contextlib.suppress(BadInput):
            assert len(loads(body)) == 50_001
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


def test_the_garbage_collector_rests_until_the_last_thread_is_done():
    """Two threads' work overlaps here; where each comes and goes is all that matters."""
    one, other = collector_at_rest(), collector_at_rest()
    was_enabled = gc.isenabled()
    gc.enable()
    try:
        one.__enter__()
        other.__enter__()
        one.__exit__(None, None, None)
        assert not gc.isenabled()
        other.__exit__(None, None, None)
        assert gc.isenabled()
    finally:
        (gc.enable if was_enabled else gc.disable)()


@pytest.mark.parametrize("size", [60, 99_999, 100_000, 100_001, 100_002, 100_003])
@pytest.mark.parametrize("place", [0, 1, 2, 3, 4, 5, -4, -5, -6, -7])
def test_finds_a_null_wherever_it_stands(size, place):
    body = bytearray(b"unul" * (size // 4 + 1))[:size]
    assert not holds_null(bytes(body))

    start = place % (size - 3) if place >= 0 else size + place
    body[start : start + 4] = b"null"

    assert holds_null(bytes(body))


@pytest.mark.parametrize("size", [1, 200_000])
def test_looks_into_an_answer_with_a_long_text(size):
    text = "nul" * size
    assert dumps([text, None], key="predictions") == b'{"predictions":["%b",null]}' % text.encode()
    with pytest.raises(BadOutput, match=r"nan at predictions\[1\]"):
        dumps([text, math.nan], key="predictions")
    assert json.loads(dumps([text, math.nan], nonfinite="null", key="a")) == {"a": [text, None]}
