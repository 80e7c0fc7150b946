"""Signatures that neither LiteRT nor ONNX Runtime has the operations for, but XLA does."""

import json

import numpy as np
import pytest

from cpr.config import PredictorSettings
from cpr.predictors.tf_saved_model import TfSavedModel

ROWS = np.random.default_rng(2).normal(size=(70, 8)).round(3).tolist()


@pytest.fixture(scope="module")
def looping(tf, saved_module):
    """A loop, with an operation in it that only TensorFlow has."""
    module = tf.Module()
    generator = np.random.default_rng(0)
    module.weights = tf.Variable(generator.normal(size=(8, 8)).astype(np.float32) / 3)

    def iterate(x):
        def step(i, y):
            return i + 1, y + 0.1 * tf.math.erfinv(0.9 * tf.tanh(y @ module.weights))

        return {"y": tf.while_loop(lambda i, _: i < 40, step, (0, x))[1]}

    spec = tf.TensorSpec([None, 8], tf.float32, "x")
    signature = tf.function(iterate).get_concrete_function(spec)
    return saved_module(module, {"serving_default": signature})


@pytest.fixture(scope="module")
def for_xla(looping, compiled):
    folder, report = compiled(looping, batch_sizes=(1, 32))
    assert report.is_compiled, report.reason
    return folder, report


def test_compiles_for_xla_what_no_other_runtime_can(for_xla):
    folder, report = for_xla
    assert report.chosen.runtime == "xla"
    model = json.loads((folder / "compiled" / "compiled.json").read_text())["model"]
    assert model["batch_sizes"] == [1, 2, 4, 8, 16, 32]
    # It is timed where it fills up most, too.
    assert {figure.batch_size for figure in report.chosen.figures} == {1, 17, 32}


@pytest.mark.parametrize("count", [1, 3, 32, 33, 70])
def test_answers_any_number_of_instances_as_the_original_does(for_xla, count):
    folder, _ = for_xla
    native = TfSavedModel.from_path(folder, settings=PredictorSettings(runtime="native"))
    predictor = TfSavedModel.from_path(folder, settings=PredictorSettings(runtime="xla"))
    np.testing.assert_allclose(
        predictor.predict(ROWS[:count]), native.predict(ROWS[:count]), rtol=1e-4, atol=1e-5
    )
    assert not predictor.has_loaded_original


def test_is_not_tried_where_a_runtime_wins_that_spares_tensorflow(compiled_network):
    _, report = compiled_network
    (xla,) = [item for item in report.candidates if item.runtime == "xla"]
    assert xla.why_not.startswith(f"not tried: it needs TensorFlow, and {report.chosen.name} does")


DECLINED = {
    "a size that varies": (
        lambda tf, x: tf.math.erfinv(x),
        [None, None],
        "float32",
        "the size of 'x' varies, and XLA compiles for each anew",
    ),
    "text": (
        lambda tf, x: tf.identity(x),
        [None],
        "string",
        "it answers 'y' with text that Placeholder makes, of which no other runtime knows enough",
    ),
    "a fixed number of instances": (
        lambda tf, x: tf.math.erfinv(x),
        [4, 2],
        "float32",
        "it does not declare any number of instances for each input and output",
    ),
    "an operation of TensorFlow's own": (
        lambda tf, x: tf.strings.to_number(tf.strings.as_string(x)),
        [None, 2],
        "float32",
        "XLA cannot compile it: ",
    ),
}


@pytest.mark.parametrize(("make", "shape", "dtype", "said"), DECLINED.values(), ids=DECLINED)
def test_declines_what_xla_cannot_compile_once(
    tf, saved_module, compiled, make, shape, dtype, said
):
    function = tf.function(lambda x: {"y": make(tf, x)})
    signature = function.get_concrete_function(tf.TensorSpec(shape, dtype, "x"))
    _, report = compiled(
        saved_module(tf.Module(), {"serving_default": signature}), runtimes=("xla",)
    )
    assert report.reason.startswith(f"xla: serving_default: {said}")
