"""The scores that are taken out of predictions, whatever those are."""

import re

import pytest

from cpr.errors import BadInput, BadOutput
from cpr.explaining.scores import Scorer


@pytest.mark.parametrize(
    ("scorer", "predictions"),
    [
        (Scorer("a", "a", 0), [{"a": 1}, [1]]),
        (Scorer("a", "a", 0), [{"a": 1}, {"b": 1}]),
        (Scorer(None, "", 2, ["x", "y"], is_object=True), [{"x": 1, "y": 2}, 3]),
        (Scorer(None, "", 0), [1, 10**400]),
        (Scorer(None, "", 0), [1, "one"]),
    ],
    ids=["no object", "without the output", "no labels", "beyond floats", "text"],
)
def test_what_is_not_of_one_form_is_a_bad_output(scorer, predictions):
    with pytest.raises(BadOutput, match="not all numbers of one form"):
        scorer.scores(predictions)


@pytest.mark.parametrize("score", [float("inf"), float("nan"), -1e308, 1.1e150])
def test_what_is_too_large_to_be_compared_is_a_bad_input(score):
    with pytest.raises(BadInput, match=re.escape(f"has the score {score:.6g}; only finite")):
        Scorer(None, "", 0).scores([1, score])
    assert Scorer(None, "", 0).scores([1e150]) == [[1e150]]
