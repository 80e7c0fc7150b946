"""Which variables of a graph may become constants."""

import pytest

from cpr.savedmodel.protos import MetaGraphDef
from cpr.savedmodel.shrinking.variable_uses import only_read


def exported(tf, make):
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.int32, [None], "x")
        y = tf.identity(make(tf, x), "y")
        made = v1.train.export_meta_graph(graph=graph)
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        made.signature_def["serve"].CopyFrom(signature)
    return MetaGraphDef.FromString(made.SerializeToString())


def variable(tf, *, is_resource=True, shape=(4, 3)):
    return tf.compat.v1.get_variable("v", shape, use_resource=is_resource)


def function(tf, body):
    return tf.function(body, autograph=False)


def in_a_loop(tf, x, *, is_read=True):
    handle = variable(tf).handle
    read = tf.raw_ops.ReadVariableOp if is_read else tf.raw_ops.ResourceGather

    def body(i, total):
        options = {"resource": handle, "dtype": tf.float32}
        value = read(**options) if is_read else read(**options, indices=[0, 1, 2, 3])
        return i + 1, total + value

    return tf.while_loop(lambda i, _: i < 3, body, (0, tf.zeros((4, 3))))[1]


def one_of(tf, x, op):
    handle = variable(tf)

    def read():
        return handle.read_value() + 1

    def zeros():
        return tf.zeros((4, 3))

    if op is tf.raw_ops.If:
        return tf.cond(tf.size(x) > 1, read, zeros)
    return tf.switch_case(tf.size(x), [read, zeros])


@pytest.fixture
def _version_2_loops(tf):
    is_on = tf.compat.v1.control_flow_v2_enabled()
    tf.compat.v1.enable_control_flow_v2()
    yield
    if not is_on:
        tf.compat.v1.disable_control_flow_v2()


PLAIN = {
    "read": lambda tf, x: tf.matmul(tf.ones((2, 4)), variable(tf)),
    "gathered": lambda tf, x: tf.gather(variable(tf), x),
    "reference": lambda tf, x: tf.gather(variable(tf, is_resource=False), x),
    "read in a function": lambda tf, x: function(tf, lambda v: v + 1)(variable(tf)),
    "read in a loop": in_a_loop,
    "read in a branch": lambda tf, x: one_of(tf, x, tf.raw_ops.If),
    "read in a case": lambda tf, x: one_of(tf, x, tf.raw_ops.Case),
}
OTHERS = {
    "assigned": (lambda tf, x: variable(tf).assign(tf.ones((4, 3))), "AssignVariableOp uses it"),
    "reference assigned": (
        lambda tf, x: variable(tf, is_resource=False).assign(tf.ones((4, 3))),
        "Assign changes it",
    ),
    "gathered in batches": (
        lambda tf, x: tf.raw_ops.ResourceGather(
            resource=variable(tf).handle, indices=[[0], [1]] * 2, dtype=tf.float32, batch_dims=1
        ),
        "ResourceGather uses it",
    ),
    "gathered in a loop": (
        lambda tf, x: in_a_loop(tf, x, is_read=False),
        "ResourceGather uses it in a function",
    ),
}


@pytest.mark.usefixtures("_version_2_loops")
@pytest.mark.parametrize("make", PLAIN.values(), ids=PLAIN)
def test_what_is_only_read_may_be_a_constant(tf, make):
    assert only_read(exported(tf, make)) == ({"v"}, {})


@pytest.mark.usefixtures("_version_2_loops")
@pytest.mark.parametrize(("make", "reason"), OTHERS.values(), ids=OTHERS)
def test_what_is_changed_stays(tf, make, reason):
    plain, others = only_read(exported(tf, make))
    assert (plain, others) == (set(), {"v": reason})


@pytest.mark.usefixtures("_version_2_loops")
@pytest.mark.parametrize("make", PLAIN.values(), ids=PLAIN)
def test_looking_leaves_the_graph_as_it_is(tf, make):
    meta_graph = exported(tf, make)
    before = meta_graph.SerializeToString(deterministic=True)
    only_read(meta_graph)
    assert meta_graph.SerializeToString(deterministic=True) == before
