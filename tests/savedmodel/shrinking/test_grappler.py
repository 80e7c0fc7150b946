"""Grappler takes the graphs that exporters write, and leaves what is fed."""

import pytest

from cpr.savedmodel.protos import MetaGraphDef
from cpr.savedmodel.shrinking.grappler import FOLDING, kept_nodes, optimize
from cpr.savedmodel.shrinking.steps import cleaned, folded


def exported(tf, make, *, strip=True):
    """A MetaGraph with a signature, as an exporter writes it."""
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        inputs, outputs = make(tf)
        made = v1.train.export_meta_graph(graph=graph, strip_default_attrs=strip)
        signature = v1.saved_model.predict_signature_def(inputs, outputs)
        made.signature_def["serve"].CopyFrom(signature)
    return MetaGraphDef.FromString(made.SerializeToString())


def ops(meta_graph):
    return [node.op for node in meta_graph.graph_def.node]


def unknown_shape(tf):
    x = tf.compat.v1.placeholder(tf.float32, name="x")
    return {"x": x}, {"y": tf.identity(x * (tf.constant(2.0) * 3.0), "y")}


@pytest.mark.parametrize("strip", [True, False], ids=["stripped", "whole"])
def test_a_placeholder_of_unknown_shape_is_no_obstacle(tf, strip):
    meta_graph = exported(tf, unknown_shape, strip=strip)
    optimize(tf, meta_graph, FOLDING)
    assert ops(meta_graph).count("Mul") == 1
    assert {"x", "y"} <= set(kept_nodes(meta_graph))


def fed_constant(tf):
    x = tf.constant(2.0, name="x")
    return {"x": x}, {"y": tf.identity(x * 3.0, "y")}


def test_a_constant_that_is_fed_is_not_folded(tf):
    meta_graph = exported(tf, fed_constant)
    optimize(tf, meta_graph, FOLDING)
    assert "Mul" in ops(meta_graph)
    (node,) = (node for node in meta_graph.graph_def.node if node.name == "x")
    assert node.op == "Const"
    assert node.attr["value"].tensor.float_val[0] == 2


def asset(tf):
    v1 = tf.compat.v1
    path = v1.constant("words.txt", name="path")
    v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, path)
    read = tf.io.read_file(tf.identity(path))
    x = v1.placeholder(tf.string, [None], "x")
    return {"x": x}, {"y": tf.strings.join([x, read], name="y")}


def test_the_path_of_an_asset_is_not_folded(tf):
    meta_graph = exported(tf, asset)
    meta_graph.asset_file_def.add(filename="words.txt").tensor_info.name = "path:0"
    optimize(tf, meta_graph, FOLDING)
    (read,) = (node for node in meta_graph.graph_def.node if node.op == "ReadFile")
    assert list(read.input) == ["path"]


def test_the_step_folds_every_graph_of_tensorflow_1(tf1_two_graphs, tmp_path):
    cleaned(tf1_two_graphs, tmp_path / "clean")
    (told,) = folded(tmp_path / "clean", tmp_path / "folded")
    assert told.startswith("graph folded by Grappler: ")
