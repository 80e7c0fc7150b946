"""What a signature reaches, and what is restored for it."""

import pytest

from cpr.savedmodel import protos
from cpr.savedmodel.reach import (
    initializers,
    is_state,
    node_of,
    reach,
    signature_nodes,
    tensors_of,
)
from cpr.savedmodel.reader import read_saved_model
from cpr.savedmodel.restores import Unclear, constant_strings, restorations


def graph_of(path):
    return read_saved_model(path).meta_graphs[0]


@pytest.mark.parametrize(
    ("reference", "node"),
    [("a", "a"), ("a:1", "a"), ("^a/b", "a/b"), ("a/b:output:0", "a/b")],
    ids=["node", "second output", "control", "in a function"],
)
def test_a_reference_names_its_node(reference, node):
    assert node_of(reference) == node


def test_signatures_reach_their_own_variables_and_tables(text_vocabulary):
    graph = graph_of(text_vocabulary)
    state = {node.name for node in graph.graph_def.node if is_state(node)}
    number, score = (
        reach(graph, signature_nodes(graph, [name])) for name in ("number", "serving_default")
    )
    tables = {node.name for node in graph.graph_def.node if node.op.startswith("HashTable")}
    assert number.nodes & state == tables
    assert len((score.nodes & state) - tables) == 1
    assert score.functions - number.functions
    assert number.functions - score.functions


def test_a_graph_of_tensorflow_1_reaches_by_its_nodes(tf1_two_graphs):
    graph = graph_of(tf1_two_graphs)
    found = reach(graph, signature_nodes(graph, ["serving_default"])).nodes
    assert {"colour", "scores", "weights"} <= found
    assert "examples" not in found
    assert "examples" in reach(graph, signature_nodes(graph)).nodes


def test_what_is_run_at_the_start_is_known_in_both_generations(tf1_two_graphs, text_vocabulary):
    (old,), (new,) = (initializers(graph_of(path)) for path in (tf1_two_graphs, text_vocabulary))
    assert "init_all_tables" in old
    assert new == "NoOp"


def test_roots_that_are_not_there_reach_nothing(tf1_text):
    found = reach(graph_of(tf1_text), ["nowhere"], functions=["none"])
    assert (found.nodes, found.functions) == (frozenset(), frozenset())


def test_a_sparse_tensor_has_three_names_and_a_composite_one_those_of_its_parts():
    info = protos.TensorInfo()
    part = info.composite_tensor.components.add()
    part.coo_sparse.values_tensor_name = "v:0"
    part.coo_sparse.indices_tensor_name = "i:0"
    part.coo_sparse.dense_shape_tensor_name = "s:0"
    info.composite_tensor.components.add(name="d:0")
    assert list(tensors_of(info)) == ["v:0", "i:0", "s:0", "d:0"]


def test_restorations_of_tensorflow_1_are_in_the_graph(tf1_text):
    (found,) = restorations(graph_of(tf1_text))
    assert (found.keys, found.targets, found.function) == (("w",), ("w",), "")


def test_restorations_of_tensorflow_2_are_in_a_function(keras_cnn):
    found = restorations(graph_of(keras_cnn))
    assert all(item.function.startswith("__inference__traced_restore") for item in found)
    keys = [key for item in found for key in item.keys]
    assert "variables/0/.ATTRIBUTES/VARIABLE_VALUE" in keys
    assert "_all_variables/0/.ATTRIBUTES/VARIABLE_VALUE" in keys


def test_a_graph_without_a_saver_restores_nothing(tf1_text):
    graph = graph_of(tf1_text)
    graph.ClearField("saver_def")
    assert restorations(graph) == []


def test_restored_names_that_are_computed_are_unclear(tf1_text):
    graph = graph_of(tf1_text)
    node = next(n for n in graph.graph_def.node if n.name.endswith("RestoreV2/tensor_names"))
    node.op = "StringJoin"
    with pytest.raises(Unclear, match="the names that save/RestoreV2 restores are computed"):
        restorations(graph)


def strings(values, count):
    node = protos.NodeDef(op="Const")
    tensor = node.attr["value"].tensor
    tensor.dtype = 7
    tensor.tensor_shape.dim.add(size=count)
    tensor.string_val.extend(values)
    return node


@pytest.mark.parametrize(
    ("node", "values"),
    [
        (strings([b"a", b"b"], 2), [b"a", b"b"]),
        (strings([b"a", b"b"], 4), [b"a", b"b", b"b", b"b"]),
        (strings([b"a", b"b"], 1), None),
        (strings([], 3), None),
        (strings([b"a"], 10**12), None),
        (protos.NodeDef(op="Identity"), None),
        (None, None),
    ],
    ids=["listed", "the last ones alike", "too many", "none", "too large", "computed", "missing"],
)
def test_constant_strings(node, values):
    assert constant_strings(node) == values
