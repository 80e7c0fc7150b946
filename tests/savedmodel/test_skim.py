"""Large files are read without their large values, and lose nothing else."""

import tracemalloc

import pytest

from cpr.errors import LoadError
from cpr.savedmodel import protos, reader
from cpr.savedmodel.skim import Malformed, skim


def tensor(size, **more):
    return protos.TensorProto(
        dtype=1, tensor_shape={"dim": [{"size": size // 4}]}, tensor_content=bytes(size), **more
    )


def frozen(*sizes):
    """A SavedModel whose weights are constants, in the graph and in a function."""
    made = protos.SavedModel(saved_model_schema_version=1)
    graph = made.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    graph.signature_def["serving_default"].inputs["x"].name = "x:0"
    function = graph.graph_def.library.function.add()
    function.signature.name = "body"
    for number, size in enumerate(sizes):
        for nodes, name in ((graph.graph_def.node, "w"), (function.node_def, "f")):
            node = nodes.add(name=f"{name}{number}", op="Const", input=["^x"])
            node.attr["dtype"].type = 1
            node.attr["value"].tensor.CopyFrom(tensor(size))
    return made


def write(model, folder):
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    return folder


def without_content(model):
    made = protos.SavedModel.FromString(model.SerializeToString())
    for graph in made.meta_graphs:
        functions = [function.node_def for function in graph.graph_def.library.function]
        for nodes in (graph.graph_def.node, *functions):
            for node in nodes:
                node.attr["value"].tensor.ClearField("tensor_content")
    return made


def test_leaves_out_the_contents_and_nothing_else(tmp_path):
    made = frozen(3_000_000, 70_000, 2_000)
    found = reader.skim_saved_model(write(made, tmp_path))
    assert found.model == without_content(made)
    assert {name: size // 1000 for (_, name), size in found.elided.items()} == {
        "w0": 3000, "w1": 70, "w2": 2, "body/f0": 3000, "body/f1": 70, "body/f2": 2,
    }  # fmt: skip


def test_small_files_and_small_values_are_kept(tmp_path):
    small = frozen(1_000)
    assert reader.skim_saved_model(write(small, tmp_path)).model == small
    mixed = frozen(5_000_000, 500)
    found = reader.skim_saved_model(write(mixed, tmp_path)).model
    assert len(found.meta_graphs[0].graph_def.node[1].attr["value"].tensor.tensor_content) == 500


def test_leaves_out_values_of_every_form(tmp_path):
    made = frozen(5_000_000)
    nodes = made.meta_graphs[0].graph_def.node
    nodes.add(name="floats").attr["value"].tensor.float_val.extend([0.5] * 1000)
    nodes.add(name="words").attr["value"].tensor.string_val.extend([b"word"] * 300_000)
    nodes.add(name="names").attr["value"].tensor.string_val.extend([b"a/variable"] * 1000)
    nodes.add(name="engine").attr["serialized"].s = bytes(9_000)
    made.meta_graphs[0].object_graph_def.nodes.add().user_object.metadata = "m" * 9_000
    found = reader.skim_saved_model(write(made, tmp_path))
    assert found.elided[0, "floats"] == 4_000
    assert found.elided[0, "words"] == 1_200_000
    assert (0, "names") not in found.elided
    assert found.elided[0, "engine"] == 9_000
    assert found.elided[0, ""] == 9_000
    assert found.model.ByteSize() < 14_000


def test_graphs_with_the_same_names_are_told_apart(tmp_path):
    made = frozen(3_000_000)
    made.meta_graphs.add().meta_info_def.tags.append("small")
    made.meta_graphs.append(frozen(2_000_000).meta_graphs[0])
    found = reader.skim_saved_model(write(made, tmp_path))
    assert found.elided[0, "w0"] == 3_000_000
    assert found.elided[2, "w0"] == 2_000_000


def test_memory_does_not_grow_with_the_weights(tmp_path):
    write(frozen(*[200_000] * 100), tmp_path)
    tracemalloc.start()
    reader.skim_saved_model(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "saved_model.pb").stat().st_size > 40_000_000
    assert peak < 1_000_000


@pytest.mark.parametrize("part", range(1, 12))
def test_a_large_file_that_is_cut_off_never_crashes(tmp_path, part):
    write(frozen(5_000_000, 2_000_000), tmp_path)
    path = tmp_path / "saved_model.pb"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * part // 12])
    with pytest.raises(LoadError, match="is not a SavedModel, or is damaged: "):
        reader.skim_saved_model(tmp_path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x13" * 2_000, "a field of kind 3 at byte 0"),
        (b"\xff" * 2_000, "a number that does not end at byte 0"),
        (b"\x12\xd0\x0f" + b"\x12\xff\xff\x7f" * 500, "the field at byte 3 is longer than what"),
        (b"\0" * 2_000, "the field at byte 0 is"),
    ],
    ids=["groups", "an endless number", "a field longer than its message", "field zero"],
)
def test_says_that_bytes_are_no_message(tmp_path, data, said):
    path = tmp_path / "saved_model.pb"
    path.write_bytes(data)
    with pytest.raises(Malformed, match=said):
        skim(path, protos.SavedModel)
