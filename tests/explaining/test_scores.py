"""The scores that are taken out of predictions, whatever those are."""

import pytest

from cpr.errors import BadOutput
from cpr.explaining.scores import Scorer


@pytest.mark.parametrize(
    ("scorer", "predictions"),
    [
        (Scorer("a", "a", 0), [{"a": 1}, [1]]),
        (Scorer("a", "a", 0), [{"a": 1}, {"b": 1}]),
        (Scorer(None, "", 2, ["x", "y"], is_object=True), [{"x": 1, "y": 2}, 3]),
        (Scorer(None, "", 0), [1, 10**400]),
        (Scorer(None, "", 0), [1, "one"]),
        (Scorer(None, "", 0), [1, 1e308 * 10]),
    ],
    ids=["no object", "without the output", "no labels", "beyond floats", "text", "infinite"],
)
def test_what_is_not_of_one_form_is_a_bad_output(scorer, predictions):
    with pytest.raises(BadOutput, match=r"no finite number|not all numbers of one form"):
        scorer.scores(predictions)
