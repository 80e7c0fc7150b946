"""The nearest known word, or nothing."""

import pytest

from cpr.suggest import did_you_mean

KNOWN = ["predict", "from_path", "Labels", "b64"]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("predcit", "Did you mean 'predict'?"),
        ("PREDICT", "Did you mean 'predict'?"),
        ("form_path", "Did you mean 'from_path'?"),
        ("labels", "Did you mean 'Labels'?"),
        ("base64", "Did you mean 'b64'?"),
        ("zebra", ""),
        ("", ""),
    ],
    ids=["letters swapped", "case", "two swapped", "known has capitals", "longer", "far", "empty"],
)
def test_names_the_nearest_known_word(word, sentence):
    assert did_you_mean(word, KNOWN) == sentence


def test_known_words_may_be_any_iterable():
    assert did_you_mean("stats", (word for word in ["stat"])) == "Did you mean 'stat'?"


def test_nothing_known_suggests_nothing():
    assert did_you_mean("predict", []) == ""
