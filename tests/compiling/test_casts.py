"""Integers that a graph makes of numbers: harmless only where they surely fit."""

import numpy as np
import pytest

from cpr.compiling.casts import LARGEST_INPUT, check_casts
from cpr.compiling.declined import Declined
from cpr.config import PredictorSettings
from cpr.predictors.tf_saved_model import TfSavedModel

HARMLESS = {
    "an input": lambda tf, x: tf.cast(x, tf.int32),
    "a rounded and scaled input": lambda tf, x: tf.cast(tf.round(x * 255.0), tf.int32),
    "a clipped product": lambda tf, x: tf.cast(tf.clip_by_value(x * x, 0.0, 255.0), tf.uint8),
    "a probability": lambda tf, x: tf.cast(100.0 * tf.sigmoid(x @ tf.ones((3, 2))), tf.int32),
    "truth": lambda tf, x: tf.cast(x > 0.5, tf.int32),
    "a size": lambda tf, x: tf.cast(tf.cast(tf.shape(x)[0], tf.float32) * 0.5, tf.int64),
}
HARMFUL = {
    "a product": lambda tf, x: tf.cast(x * x, tf.int32),
    "an input, to few bits": lambda tf, x: tf.cast(x, tf.uint8),
    "what may be NaN": lambda tf, x: tf.cast(tf.sigmoid(tf.math.log(x)), tf.int32),
    "a quotient": lambda tf, x: tf.cast(1.0 / x, tf.int64),
    "in a branch": lambda tf, x: tf.cond(
        x[0, 0] > 0, lambda: tf.cast(x * x, tf.int32), lambda: tf.cast(x > 0, tf.int32)
    ),
}


@pytest.fixture
def graph_of(tf):
    def trace(make):
        function = tf.function(lambda x: make(tf, x))
        spec = tf.TensorSpec([None, 3], tf.float32, "x")
        return function.get_concrete_function(spec).graph.as_graph_def()

    return trace


@pytest.mark.parametrize("make", HARMLESS.values(), ids=HARMLESS)
def test_takes_casts_of_numbers_that_surely_fit(tf, graph_of, make):
    graph = graph_of(make)
    is_of_truth = "Greater" in {node.op for node in graph.node}
    assert check_casts(tf, graph, "litert") == (None if is_of_truth else LARGEST_INPUT)


@pytest.mark.parametrize("make", HARMFUL.values(), ids=HARMFUL)
def test_declines_casts_of_numbers_that_may_be_too_large(tf, graph_of, make):
    with pytest.raises(Declined, match="which may be too large for it"):
        check_casts(tf, graph_of(make), "litert")


def test_onnx_runtime_makes_the_same_of_every_number(tf, graph_of):
    assert check_casts(tf, graph_of(HARMFUL["a product"]), "onnx") is None
    assert check_casts(tf, graph_of(lambda tf, x: tf.cast(x, tf.bool)), "litert") is None
    with pytest.raises(Declined, match="it makes uint32 of"):
        check_casts(tf, graph_of(lambda tf, x: tf.cast(x * x, tf.uint32)), "onnx")


def test_leaves_numbers_that_are_too_large_to_the_original(tf, saved_module, compiled):
    module = tf.Module()
    generator = np.random.default_rng(0)
    module.rows = [
        tf.Variable(generator.normal(size=(32, 32)).astype(np.float32) / 6) for _ in range(6)
    ]

    def count(x):
        wide = tf.tile(x, [1, 16])
        for layer in module.rows:
            wide = tf.nn.relu(wide @ layer)
        return {"y": wide, "n": tf.cast(tf.round(x), tf.int32)}

    signature = tf.function(count).get_concrete_function(tf.TensorSpec([None, 2], tf.float32, "x"))
    folder, report = compiled(
        saved_module(module, {"serving_default": signature}), runtimes=("litert",)
    )
    assert report.is_compiled, report.reason
    predictor = TfSavedModel.from_path(folder)
    assert predictor.predict([[1.6, -7.2]])[0]["n"].tolist() == [2, -7]
    assert not predictor.has_loaded_original
    native = TfSavedModel.from_path(folder, settings=PredictorSettings(runtime="native"))
    rows = [[3e9, 1.0]]
    expected = native.predict(rows)[0]["n"].tolist()
    assert predictor.predict(rows)[0]["n"].tolist() == expected == [-(2**31), 1]
    assert predictor.has_loaded_original
