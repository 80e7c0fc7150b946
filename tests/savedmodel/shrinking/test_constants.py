import numpy as np
import pytest

from cpr.savedmodel.protos import MetaGraphDef
from cpr.savedmodel.shrinking.constants import narrow_constants


def graph_with(tf, values):
    meta_graph = MetaGraphDef()
    node = meta_graph.graph_def.node.add(name="constant", op="Const")
    theirs = tf.make_tensor_proto(values)
    node.attr["value"].tensor.ParseFromString(theirs.SerializeToString())
    return meta_graph


def read(tf, meta_graph):
    (node,) = meta_graph.graph_def.node
    theirs = tf.make_tensor_proto(0)
    theirs.ParseFromString(node.attr["value"].tensor.SerializeToString())
    return tf.make_ndarray(theirs)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_numbers_take_fewer_bytes_and_are_the_same(tf, dtype):
    values = np.arange(1000, dtype=dtype).reshape(10, 100)
    meta_graph = graph_with(tf, values)
    before = meta_graph.ByteSize()
    assert narrow_constants(meta_graph) == 1
    assert meta_graph.ByteSize() < 0.6 * before
    assert (read(tf, meta_graph) == values).all()
    assert read(tf, meta_graph).dtype == dtype


@pytest.mark.parametrize(
    "values",
    [
        np.arange(20),
        np.arange(1000) - 1,
        np.arange(1000) + 2**60,
        np.arange(1000.0),
    ],
    ids=["few", "negative", "long", "floats"],
)
def test_what_would_not_be_shorter_is_left(tf, values):
    meta_graph = graph_with(tf, values)
    before = meta_graph.SerializeToString()
    assert narrow_constants(meta_graph) == 0
    assert meta_graph.SerializeToString() == before
