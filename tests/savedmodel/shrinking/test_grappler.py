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


def branch(tf):
    v1 = tf.compat.v1
    is_on = v1.control_flow_v2_enabled()
    v1.disable_control_flow_v2()
    try:
        x = v1.placeholder(tf.float32, [None], "x")
        y = v1.cond(tf.reduce_sum(x) > 0, lambda: x * 2, lambda: x)
        y = v1.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, tf.tanh(y)), (0, y))[1]
    finally:
        if is_on:
            v1.enable_control_flow_v2()
    return {"x": x}, {"y": tf.identity(y, "y")}


def test_what_tells_of_branches_and_loops_goes_with_their_nodes(tf):
    meta_graph = exported(tf, branch)
    assert {"cond_context", "while_context"} <= set(meta_graph.collection_def)
    optimize(tf, meta_graph, FOLDING)
    assert not {"cond_context", "while_context"} & set(meta_graph.collection_def)
    theirs = tf.compat.v1.MetaGraphDef.FromString(meta_graph.SerializeToString())
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.train.import_meta_graph(theirs)
        (answer,) = session.run("y:0", {"x:0": [1.0]})
    assert 0 < answer < 1


def test_the_step_folds_every_graph_of_tensorflow_1(tf1_two_graphs, tmp_path):
    cleaned(tf1_two_graphs, tmp_path / "clean")
    (told,) = folded(tmp_path / "clean", tmp_path / "folded")
    assert told.startswith("graph folded by Grappler: ")
