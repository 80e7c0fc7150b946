"""Scales that follow weights become part of them: the same answers from fewer operations."""

import numpy as np
import pytest

from cpr.savedmodel.protos import GraphDef
from cpr.savedmodel.shrinking.scales import fold_scales


def channels(count=4, *, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 2, count).astype("f4")


def weights(*shape):
    return np.random.default_rng(7).normal(size=shape).astype("f4")


def conv(tf, x, out=4):
    return tf.nn.conv2d(x, weights(2, 2, 3, out), 1, "SAME")


def norm(tf, x, count=4, **options):
    v1 = tf.compat.v1
    return v1.nn.fused_batch_norm(
        x, channels(count), channels(count, seed=1), channels(count, seed=2),
        channels(count, seed=3), is_training=False, **options,
    )[0]  # fmt: skip


def depthwise(tf, x):
    return tf.nn.depthwise_conv2d(x, weights(2, 2, 3, 2), [1, 1, 1, 1], "SAME")


def flat(tf, x):
    return tf.reshape(x, [-1, 15])


CHAINS = {
    "batch norm": lambda tf, x: norm(tf, conv(tf, x)),
    "batch norm after a bias": lambda tf, x: norm(tf, tf.nn.bias_add(conv(tf, x), channels())),
    "batch norm with its own epsilon": lambda tf, x: norm(tf, conv(tf, x), epsilon=0.1),
    "depthwise": lambda tf, x: norm(tf, depthwise(tf, x), 6),
    "product and sum": lambda tf, x: channels(seed=5) + conv(tf, x) * channels(),
    "difference from": lambda tf, x: channels(seed=5) - conv(tf, x) * np.float32(3),
    "difference and quotient": lambda tf, x: (conv(tf, x) - channels()) / channels(seed=5),
    "of rank four": lambda tf, x: conv(tf, x) * channels().reshape(1, 1, 1, 4),
    "matrix": lambda tf, x: tf.matmul(flat(tf, x), weights(15, 4)) * channels(),
    "transposed": lambda tf, x: (
        tf.matmul(flat(tf, x), weights(4, 15), transpose_b=True) * channels()
    ),
}

KEPT = {
    "of rank five": lambda tf, x: conv(tf, x) * channels().reshape(1, 1, 1, 1, 4),
    "across channels": lambda tf, x: conv(tf, x, 1) * channels(),
    "by place": lambda tf, x: conv(tf, x) * weights(5, 4),
    "reciprocal": lambda tf, x: np.float32(1) / conv(tf, x),
    "a bias alone": lambda tf, x: tf.nn.bias_add(conv(tf, x), channels()),
    "infinite": lambda tf, x: conv(tf, x) * np.float32(np.inf),
    "beyond the type": lambda tf, x: conv(tf, x) * np.float32(1e38) * np.float32(1e38),
}


def built(tf, make):
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, 5, 5, 3], "x")
        tf.identity(make(tf, x), "y")
    return GraphDef.FromString(graph.as_graph_def().SerializeToString())


def answer(tf, graph):
    theirs = tf.compat.v1.GraphDef.FromString(graph.SerializeToString())
    x = np.random.default_rng(1).normal(size=(2, 5, 5, 3)).astype("f4")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.import_graph_def(theirs, name="")
        return session.run("y:0", {"x:0": x})


@pytest.mark.parametrize("make", CHAINS.values(), ids=CHAINS)
def test_scales_are_folded_and_the_answers_are_the_same(tf, make):
    graph = built(tf, make)
    before, ops = answer(tf, graph), len(graph.node)
    assert fold_scales(graph, {"x", "y"}) >= 0
    assert not {"Mul", "Sub", "RealDiv", "FusedBatchNormV3"} & {node.op for node in graph.node}
    assert [node.op for node in graph.node].count("BiasAdd") == 1
    assert len(graph.node) <= ops + 1
    np.testing.assert_allclose(answer(tf, graph), before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", KEPT.values(), ids=KEPT)
def test_what_is_no_scale_of_channels_is_left(tf, make):
    graph = built(tf, make)
    before = graph.SerializeToString(deterministic=True)
    assert fold_scales(graph, {"x", "y"}) == 0
    assert graph.SerializeToString(deterministic=True) == before


def test_a_batch_norm_in_training_is_left(tf):
    graph = built(
        tf,
        lambda tf, x: tf.compat.v1.nn.fused_batch_norm(conv(tf, x), channels(), channels())[0],
    )
    before = graph.SerializeToString(deterministic=True)
    fold_scales(graph, {"x", "y"})
    assert graph.SerializeToString(deterministic=True) == before


def twice(tf, x, one, other):
    shared = tf.constant(weights(2, 2, 3, 4))
    return tf.nn.conv2d(x, shared, 1, "SAME") * one + tf.nn.conv2d(x + 1, shared, 1, "SAME") * other


def test_weights_that_two_read_are_folded_if_both_scale_them_alike(tf):
    graph = built(tf, lambda tf, x: twice(tf, x, channels(), channels()))
    before = answer(tf, graph)
    fold_scales(graph, {"x", "y"})
    assert "Mul" not in {node.op for node in graph.node}
    np.testing.assert_allclose(answer(tf, graph), before, rtol=1e-5, atol=1e-5)


def test_weights_that_two_read_are_left_if_they_scale_them_differently(tf):
    graph = built(tf, lambda tf, x: twice(tf, x, channels(), channels(seed=9)))
    before = graph.SerializeToString(deterministic=True)
    assert fold_scales(graph, {"x", "y"}) == 0
    assert graph.SerializeToString(deterministic=True) == before


def test_what_is_read_between_is_left(tf):
    def both(tf, x):
        convolved = conv(tf, x)
        return convolved * channels() + tf.nn.relu(convolved)

    graph = built(tf, both)
    before = answer(tf, graph)
    fold_scales(graph, {"x", "y"})
    np.testing.assert_allclose(answer(tf, graph), before, rtol=1e-5, atol=1e-5)
