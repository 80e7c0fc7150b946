"""Graphs that do not restore what their signatures read are mended, and said so before."""

import numpy as np
import pytest

from cpr.inspecting import inspect_model
from cpr.savedmodel.shrinking import shrink
from cpr.savedmodel.shrinking.accepting import judge
from cpr.savedmodel.shrinking.asking import Tolerance

ROWS = np.array([[0.5, -1.0, 2.0, 0.25], [0.0, 1.0, -3.0, 4.0]], "f4")


def ask_modern_loader(tf, folder):
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    (name,) = signature.structured_input_signature[1]
    (answer,) = signature(**{name: tf.constant(ROWS)}).values()
    return answer.numpy()


def ask_old_loader(tf, folder):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        found = v1.saved_model.load(session, ["serve"], str(folder)).signature_def
        (given,) = found["serving_default"].inputs.values()
        (output,) = found["serving_default"].outputs.values()
        return session.run(output.name, {given.name: ROWS})


@pytest.mark.parametrize("freeze", [False, True], ids=["not frozen", "frozen"])
def test_a_compiled_model_of_keras_3_answers_through_both_loaders(
    tf, keras_trained, tmp_path, freeze
):
    with pytest.raises(tf.errors.FailedPreconditionError, match="Could not find variable"):
        ask_old_loader(tf, keras_trained)
    result = shrink(keras_trained, tmp_path / "small", weights="float32", freeze=freeze)
    assert result.outcome == "smaller", result.reason
    told = "restored in the graph too, for TensorFlow Serving: 4 variables"
    assert told in result.steps[0].details
    assert result.loaders == ("tf2", "v1")
    expected = ask_modern_loader(tf, keras_trained)
    for ask in (ask_modern_loader, ask_old_loader):
        np.testing.assert_allclose(ask(tf, result.output), expected, atol=1e-5)
    (graph,) = inspect_model(result.output).graphs
    assert graph.unrestored == ()
    if freeze:
        assert result.steps[1].details[0] == "variables frozen into constants: 4"


def test_a_loader_that_answers_nothing_is_not_said_to_have_compared(keras_trained):
    samples = {("serve",): {"serving_default": [{"inputs": ROWS}, {"keras_tensor": ROWS}]}}
    verdict = judge(keras_trained, [keras_trained], samples, Tolerance(0, 0))
    assert verdict.asked == ("serve: serving_default",)
    assert verdict.loaders == ("tf2",)
