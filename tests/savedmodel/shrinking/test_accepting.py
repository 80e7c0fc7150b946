"""Every signature has to be compared, or the result is declined."""

import numpy as np
import pytest

from cpr.errors import BadInput, UsageError
from cpr.savedmodel.shrinking import shrink


@pytest.fixture(scope="module")
def picky(tf, tmp_path_factory):
    """One of its two signatures takes a batch of a size that nobody guesses."""

    class Picky(tf.Module):
        def __init__(self):
            super().__init__()
            values = np.random.default_rng(0).normal(size=(64, 64)) / 64
            self.weight = tf.Variable(values, dtype=tf.float32)

        @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, "x")])
        def plain(self, x):
            return {"y": tf.matmul(x, self.weight)}

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, "x")])
        def odd(self, x):
            return {"y": tf.matmul(tf.reshape(x, [-1, 59]), self.weight[:59])}

    model = Picky()
    folder = tmp_path_factory.mktemp("picky") / "1"
    signatures = {"serving_default": model.plain, "odd": model.odd}
    tf.saved_model.save(model, str(folder), signatures=signatures)
    return folder


def test_a_signature_that_takes_no_sample_is_named_and_the_result_declined(picky, tmp_path):
    result = shrink(picky, tmp_path / "small")
    assert result.outcome == "declined"
    assert result.reason.startswith("the original answers no sample that was made up for odd: ")
    assert "--instances odd=FILE" in result.hint
    assert result.asked == ("serve: serving_default",)
    assert list(tmp_path.iterdir()) == []


def test_the_user_may_do_without(picky, tmp_path):
    result = shrink(picky, tmp_path / "small", allow_unchecked=True)
    assert result.outcome == "smaller"
    ((label, reason),) = result.not_asked
    assert label == "serve: odd"
    assert "InvalidArgumentError" in reason


def test_instances_are_given_by_signature(picky, tmp_path):
    rows = {"odd": [[0.5] * 59, [1.0] * 59]}
    result = shrink(picky, tmp_path / "small", instances=rows)
    assert result.outcome == "smaller"
    assert set(result.asked) == {"serve: odd", "serve: serving_default"}


def test_instances_for_no_signature_are_refused(picky, tmp_path):
    with pytest.raises(
        UsageError, match="no signature 'od'; it has odd, serving_default"
    ) as raised:
        shrink(picky, tmp_path / "small", instances={"od": [[0.5]]})
    assert "odd" in raised.value.hint


def test_instances_that_their_signature_does_not_take_are_refused(picky, tmp_path):
    with pytest.raises(BadInput, match="instances of odd"):
        shrink(picky, tmp_path / "small", instances={"odd": [["half"]]})
