"""How variables are restored is told, or it is said why it cannot be."""

import pytest

from cpr.savedmodel import protos
from cpr.savedmodel.restores import Unclear, restorations
from cpr.savedmodel.trackables import same_objects

STRING = protos.DataType.Value("DT_STRING")


def add_names(body, name, values, size=None):
    tensor = body.add(name=name, op="Const").attr["value"].tensor
    tensor.dtype = STRING
    tensor.tensor_shape.dim.add(size=len(values) if size is None else size)
    tensor.string_val.extend(values)


@pytest.fixture
def graph():
    """A graph that restores ``weights`` by a function."""
    made = protos.MetaGraphDef()
    made.saver_def.restore_op_name = "restore"
    made.graph_def.node.add(name="variable", op="VarHandleOp")
    call = made.graph_def.node.add(name="restore", op="PartitionedCall", input=["variable"])
    call.attr["f"].func.name = "restoring"
    function = made.graph_def.library.function.add()
    function.signature.name = "restoring"
    function.signature.input_arg.add(name="v", type=protos.DataType.Value("DT_RESOURCE"))
    add_names(function.node_def, "names", [b"weights"])
    add_names(function.node_def, "slices", [b""])
    function.node_def.add(name="read", op="RestoreV2", input=["prefix", "names", "slices"])
    function.node_def.add(name="assign", op="AssignVariableOp", input=["v", "read:tensors:0"])
    return made


def nodes_of(graph):
    return {node.name: node for node in graph.graph_def.library.function[0].node_def}


def test_a_function_restores_what_the_call_gives_it(graph):
    [found] = restorations(graph)
    assert (found.keys, found.targets, found.function) == (
        ("weights",),
        ("variable",),
        "restoring",
    )


def with_own_variable(graph):
    graph.graph_def.library.function[0].node_def.add(name="own", op="VarHandleOp")
    nodes_of(graph)["assign"].input[0] = "own:resource:0"


def with_many_names(graph):
    body = graph.graph_def.library.function[0].node_def
    add_names(body, "million", [b"w"], 1_000_000)
    for number in range(100):
        body.add(name=f"read_{number}", op="RestoreV2", input=["prefix", "million", "slices"])


def with_output(graph, number):
    nodes_of(graph)["assign"].input[1] = f"read:tensors:{number}"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (with_own_variable, "the function that restores has a variable of its own, own"),
        (with_many_names, "more than 1,000,000 names are restored"),
        (lambda graph: nodes_of(graph)["read"].input.pop(), "read lacks inputs"),
        (lambda graph: with_output(graph, "²"), "read:tensors:² is no output"),
        (lambda graph: with_output(graph, "9" * 5000), "is no output"),
    ],
    ids=["own-variable", "many", "inputs", "digit", "digits"],
)
def test_what_cannot_be_told_is_unclear(graph, edit, said):
    edit(graph)
    with pytest.raises(Unclear, match=said):
        restorations(graph)


@pytest.mark.parametrize("number", [-5, 7])
def test_objects_that_are_not_there_are_not_followed(number):
    objects, trackables = protos.SavedObjectGraph(), protos.TrackableObjectGraph()
    for graph in (objects, trackables):
        graph.nodes.add().children.add(node_id=number, local_name="x")
    assert same_objects(objects, trackables) == {0: 0}
