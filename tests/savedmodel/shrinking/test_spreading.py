"""Graphs that no TensorFlow wrote end the search for their rows, too."""

import pytest

from cpr.savedmodel import protos
from cpr.savedmodel.shrinking.row_weights import RowWeights
from cpr.savedmodel.shrinking.spreading import Spread, TooLarge


def test_a_call_that_gets_what_it_gives_is_refused():
    meta_graph = protos.MetaGraphDef()
    graph = meta_graph.graph_def
    function = graph.library.function.add(ret={"r": "a"})
    function.signature.name = "same"
    function.signature.input_arg.add(name="a")
    function.signature.output_arg.add(name="r")
    graph.node.add(name="x", op="PartitionedCall", input=["x"]).attr["f"].func.name = "same"
    graph.node.add(name="y", op="Identity", input=["x"])

    with pytest.raises(TooLarge):
        Spread(meta_graph)


@pytest.mark.parametrize("op", ["Identity", "Cast", "StridedSlice"])
def test_nodes_in_a_circle_have_no_value(op):
    meta_graph = protos.MetaGraphDef()
    for name, other in (("x", "y"), ("y", "x")):
        meta_graph.graph_def.node.add(name=name, op=op, input=[other, other])

    assert Spread(meta_graph).value("x") is None


def test_slices_of_slices_are_looked_at_once():
    meta_graph = protos.MetaGraphDef()
    for number in range(45):
        below = f"x{number + 1}"
        meta_graph.graph_def.node.add(name=f"x{number}", op="StridedSlice", input=[below, below])

    assert Spread(meta_graph).value("x0") is None


def test_weights_are_not_looked_for_in_a_circle():
    meta_graph = protos.MetaGraphDef()
    for name, other in (("x", "y"), ("y", "x")):
        meta_graph.graph_def.node.add(name=name, op="Identity", input=[other])

    assert RowWeights(Spread(meta_graph))._source("x") is None
