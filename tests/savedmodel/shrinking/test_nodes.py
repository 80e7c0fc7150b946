"""Constants are read and written as TensorFlow does."""

import numpy as np
import pytest

from cpr.savedmodel.protos import GraphDef
from cpr.savedmodel.shrinking.nodes import constant, fill


def node_of(tf, values, dtype):
    theirs = tf.make_tensor_proto(values, dtype=dtype)
    node = GraphDef().node.add(name="constant", op="Const")
    node.attr["dtype"].type = theirs.dtype
    node.attr["value"].tensor.ParseFromString(theirs.SerializeToString())
    return node


@pytest.mark.parametrize(
    "values",
    [3.5, [], [[1.0, 2.0], [3.0, 4.0]], np.zeros((2, 0, 3)), np.ones((4, 4))],
    ids=["scalar", "empty", "matrix", "empty matrix", "one value repeated"],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_a_constant_is_what_tensorflow_says(tf, values, dtype):
    values = np.array(values).astype(dtype)
    found = constant(node_of(tf, values, dtype))
    assert (found.dtype, found.shape) == (values.dtype, values.shape)
    assert (found == values).all()


def test_a_constant_of_the_same_values_is_read_as_tensorflow_compresses_it(tf):
    node = node_of(tf, np.ones((4, 4)), "float32")
    tensor = node.attr["value"].tensor
    tensor.tensor_content = b""
    tensor.float_val[:] = [1.0, 2.0]
    assert constant(node).ravel().tolist() == [1.0] + [2.0] * 15


def test_a_few_bytes_that_claim_a_large_constant_are_not_spelled_out(tf):
    node = node_of(tf, np.ones(4), "float32")
    tensor = node.attr["value"].tensor
    tensor.tensor_content = b""
    tensor.float_val[:] = [1.0]
    tensor.tensor_shape.dim[0].size = 1 << 50
    assert constant(node) is None


@pytest.mark.parametrize("dtype", ["string", "float16", "bool"])
def test_other_types_are_not_read(tf, dtype):
    values = ["a"] if dtype == "string" else np.ones(1, dtype)
    assert constant(node_of(tf, values, dtype)) is None
    assert constant(None) is None


def test_a_constant_takes_another_value(tf):
    node = node_of(tf, np.ones((4, 4)), "float32")
    fill(node, np.arange(6, dtype="f4").reshape(2, 3))
    assert constant(node).tolist() == [[0, 1, 2], [3, 4, 5]]
