"""The error classes, their numbers, and how values are shortened in messages."""

import pytest

from cpr import errors
from cpr.errors import CprError, shorten

CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, CprError)
}


class BrokenRepr:
    def __repr__(self):
        raise ValueError("no text for you")


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("name", "exit_code", "http_status", "grpc_code"),
    [
        ("CprError", 70, 500, 13),
        ("UsageError", 2, 400, 3),
        ("ConfigError", 3, 500, 9),
        ("LoadError", 10, 503, 14),
        ("PackageRefused", 10, 503, 14),
        ("BadInput", 11, 400, 3),
        ("BodyTooLarge", 11, 413, 8),
        ("UnknownEncoding", 11, 415, 3),
        ("PredictionFailed", 12, 500, 13),
        ("BadOutput", 13, 500, 13),
        ("UserCodeError", 14, 500, 13),
        ("EnvironmentProblem", 20, 500, 9),
    ],
)
def test_every_class_has_its_documented_numbers(name, exit_code, http_status, grpc_code):
    kind = CLASSES[name]
    assert issubclass(kind, CprError)
    assert (kind.exit_code, kind.http_status, kind.grpc_code) == (exit_code, http_status, grpc_code)


def test_no_error_class_is_missing_from_the_table():
    (mark,) = test_every_class_has_its_documented_numbers.pytestmark
    assert {row[0] for row in mark.args[1]} == set(CLASSES)


def test_text_is_the_problem_and_the_hint_on_a_line_of_its_own():
    assert str(CprError("it broke.", hint="Mend it.")) == "it broke.\nMend it."


def test_text_without_a_hint_is_the_problem_alone():
    error = CprError("it broke.")
    assert str(error) == "it broke."
    assert (error.hint, error.user_traceback) == ("", "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("iris", "'iris'"),
        (None, "None"),
        ([1, 2], "[1, 2]"),
        (b"\x00", "b'\\x00'"),
        ("x" * 78, repr("x" * 78)),
        ("", "''"),
    ],
    ids=["string", "none", "list", "bytes", "exactly the limit", "empty"],
)
def test_short_values_are_shown_whole(value, text):
    assert shorten(value) == text


@pytest.mark.parametrize(
    ("value", "start", "end"),
    [
        ("a" * 79, "'aaa", "aaa'"),
        ("a" * 160 + "z", "'aaa", "aaz'"),
        ("first" + "-" * 10**6 + "last", "'first", "last'"),
        (b"first" + b"-" * 10**6 + b"last", "b'first", "last'"),
        (list(range(1000)), "[0, 1,", "999]"),
        ({"key": "v" * 100}, "{'key'", "vvv'}"),
        ("\n" * 100, "'\\n", "\\n'"),
    ],
    ids=["one over", "twice and one", "huge text", "huge bytes", "list", "dict", "escapes"],
)
def test_long_values_are_cut_in_the_middle_and_keep_both_ends(value, start, end):
    text = shorten(value)
    assert text.startswith(start)
    assert text.endswith(end)
    assert "…" in text
    assert len(text) == 80


def test_limit_is_the_longest_result():
    assert len(shorten("a" * 1000, 20)) == 20


@pytest.mark.parametrize(
    ("value", "text"),
    [(BrokenRepr(), "<BrokenRepr>"), (nested(5000), "<list>")],
    ids=["repr raises", "nested too deeply"],
)
def test_value_without_a_repr_is_named_by_its_type(value, text):
    assert shorten(value) == text
