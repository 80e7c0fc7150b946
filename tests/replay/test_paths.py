"""Patterns: what they read as, and which places they match and reach."""

import pytest

from cpr.errors import UsageError
from cpr.replay.paths import format_path, parse_pattern

PATHS = {
    "plain": (("predictions", 3, "score"), "predictions[3].score"),
    "document": ((), "(response)"),
    "nested list": (("predictions", 0, 12), "predictions[0][12]"),
    "odd key": (("predictions", 0, "a b"), 'predictions[0]["a b"]'),
    "quote in a key": (('say "hi"',), '["say \\"hi\\""]'),
    "digits are a key": (("0",), '["0"]'),
    "dash": (("a-b", "c_d"), "a-b.c_d"),
    "not ASCII": (("größe",), "größe"),
    "empty key": (("",), '[""]'),
}


@pytest.mark.parametrize(("steps", "text"), PATHS.values(), ids=PATHS)
def test_path_is_written_and_matches_as_its_own_pattern(steps, text):
    assert format_path(steps) == text
    if steps:
        assert parse_pattern(text).matches(steps)


MATCHES = {
    "any index": ("predictions[*].score", ("predictions", 7, "score"), True),
    "any index is no key": ("predictions[*]", ("predictions", "a"), False),
    "any key": ("predictions.*", ("predictions", "a"), True),
    "any key is no index": ("predictions.*", ("predictions", 0), False),
    "any key in front": ("*[0]", ("outputs", 0), True),
    "dollar": ("$.predictions[0]", ("predictions", 0), True),
    "another index": ("predictions[1]", ("predictions", 0), False),
    "a number is no key": ("predictions[1]", ("predictions", "1"), False),
    "shorter": ("predictions", ("predictions", 0), False),
    "longer": ("predictions[*].a.b", ("predictions", 0, "a"), False),
    "inner any": ("a.*.c[*][2]", ("a", "x", "c", 9, 2), True),
    "spaces within": ("predictions[0].a b", ("predictions", 0, "a b"), True),
}


@pytest.mark.parametrize(("pattern", "path", "expected"), MATCHES.values(), ids=MATCHES)
def test_pattern_matches(pattern, path, expected):
    assert parse_pattern(pattern).matches(path) is expected


def test_pattern_reaches_what_lies_below():
    pattern = parse_pattern("predictions[*].box")
    assert pattern.reaches(("predictions", 2, "box", 0, "x"))
    assert pattern.reaches(("predictions", 2, "box"))
    assert not pattern.reaches(("predictions", 2))
    assert not pattern.reaches(("predictions", 2, "boxes", 0))


@pytest.mark.parametrize(
    "text", ["", "$", "predictions[", "predictions[x]", "a..b", "[1", ".", "a[*", 'a["b]', "a]"]
)
def test_what_is_no_path_is_refused(text):
    with pytest.raises(UsageError, match="is not a path into a response") as caught:
        parse_pattern(text)
    assert "predictions[0].score" in caught.value.hint
