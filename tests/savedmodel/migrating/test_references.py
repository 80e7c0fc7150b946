"""Graphs with reference variables, rewritten with resources, answer the same."""

import numpy as np
import pytest

from cpr.errors import LoadError
from cpr.savedmodel.migrating.parts import Part


def run_both(tf, build, feeds):
    """What a TF1 graph answers, and what its rewritten part does; fetches may have effects."""
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session() as session:
        outputs = build(v1)
        names = [tensor.name for tensor in outputs]
        values = {v.op.name: v.initial_value.op.name for v in v1.global_variables()}
        part = Part.made(graph, graph.as_graph_def(), names)
        session.run(v1.global_variables_initializer())
        initial = session.run(
            {name: graph.get_tensor_by_name(f"{n}:0") for name, n in values.items()}
        )
        wanted = session.run(outputs, feeds)
    with tf.Graph().as_default() as graph, v1.Session() as session:
        tf.graph_util.import_graph_def(part.graph, name="")
        for name, value in initial.items():
            if name in {node.name for node in part.graph.node}:
                handle = graph.get_tensor_by_name(f"{name}:0")
                session.run(tf.raw_ops.AssignVariableOp(resource=handle, value=value))
        return wanted, session.run(part.outputs, feeds), part.graph


def reads(v1):
    a = v1.get_variable("a", initializer=[1.0, 2.0], use_resource=False)
    x = v1.placeholder("float32", [None, 2], "x")
    return [x * a, a.value() + 1.0]


def writes(v1):
    a = v1.get_variable("a", initializer=1.0, use_resource=False)
    added = v1.assign_add(a, 2.0)
    return [v1.assign(a, added * 10.0) + 1.0]


def fetches_the_variable(v1):
    a = v1.get_variable("a", initializer=[3, 4], use_resource=False)
    return [a.op.outputs[0]]


def scatters(v1):
    a = v1.get_variable("a", initializer=[3, 4], use_resource=False)
    return [v1.scatter_add(a, [1], [5])[1]]


def branches(v1):
    a = v1.get_variable("a", initializer=2.0, use_resource=False)
    x = v1.placeholder("float32", [], "x")
    v1.disable_control_flow_v2()
    try:
        return [v1.cond(x > 0, lambda: v1.assign_add(a, x), lambda: a * 3.0)]
    finally:
        v1.enable_control_flow_v2()


def looped(v1):
    a = v1.get_variable("a", initializer=2.0, use_resource=False)
    x = v1.placeholder("float32", [], "x")
    v1.disable_control_flow_v2()
    try:
        return [v1.while_loop(lambda v: v < 100.0, lambda v: v * a, [x])]
    finally:
        v1.enable_control_flow_v2()


def is_initialized(v1):
    a = v1.get_variable("a", initializer=2.0, use_resource=False)
    return [v1.is_variable_initialized(a), a.count_up_to(5) if a.dtype.is_integer else a + 0.0]


def parts(v1):
    v1.get_variable_scope().set_use_resource(False)
    rows = v1.fixed_size_partitioner(2)
    a = v1.get_variable("a", [4, 2], initializer=v1.ones_initializer(), partitioner=rows)
    return [v1.nn.embedding_lookup(a, [0, 3], partition_strategy="div")]


@pytest.mark.parametrize(
    ("build", "feeds"),
    [
        (reads, {"x:0": [[1.0, 1.0], [2.0, 3.0]]}),
        (writes, {}),
        (fetches_the_variable, {}),
        (scatters, {}),
        (branches, {"x:0": 1.5}),
        (branches, {"x:0": -1.5}),
        (looped, {"x:0": 3.0}),
        (is_initialized, {}),
        (parts, {}),
    ],
    ids=[
        "reads",
        "writes",
        "the-variable",
        "scatters",
        "branch",
        "other-branch",
        "loop",
        "asks",
        "parts",
    ],
)
def test_a_graph_without_references_answers_the_same(tf, build, feeds):
    wanted, got, graph = run_both(tf, build, feeds)
    for one, other in zip(wanted, got, strict=True):
        assert np.array_equal(one, other)
    assert not {node.op for node in graph.node} & {"Variable", "VariableV2", "Assign", "RefSwitch"}


def test_only_what_the_outputs_need_is_kept(tf):
    def build(v1):
        x = v1.placeholder("float32", [None], "x")
        used = v1.get_variable("used", initializer=1.0, use_resource=False)
        v1.train.AdamOptimizer().minimize((x * used - 1.0) ** 2, name="train")
        return [x + used]

    *_, graph = run_both(tf, build, {"x:0": [1.0]})
    assert {node.op for node in graph.node} == {
        "Placeholder",
        "VarHandleOp",
        "ReadVariableOp",
        "AddV2",
    }


def test_names_an_op_that_has_no_counterpart(tf):
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        w = v1.get_variable("w", initializer=1.0, use_resource=False)
        stepped = tf.raw_ops.ApplyGradientDescent(var=w.op.outputs[0], alpha=0.1, delta=1.0)
        with pytest.raises(LoadError) as raised:
            Part.made(graph, graph.as_graph_def(), [stepped.name])
    assert "ApplyGradientDescent" in raised.value.problem
    assert "writes a reference variable" in raised.value.problem
    assert "serving needs no training op" in raised.value.hint
