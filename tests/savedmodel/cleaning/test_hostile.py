"""Damaged and hostile models end in a message, and leave nothing behind."""

import ctypes
import shutil

import pytest

from cpr.errors import EnvironmentProblem, LoadError
from cpr.savedmodel import protos
from cpr.savedmodel.cleaning import clean
from cpr.savedmodel.reader import read_saved_model, write_saved_model
from cpr.savedmodel.wire_format import varint

DATA, INDEX, GRAPH = (
    "variables/variables.data-00000-of-00001",
    "variables/variables.index",
    "saved_model.pb",
)


@pytest.fixture
def model(training_dir, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(training_dir / "export" / "1700000000", folder)
    return folder


@pytest.fixture
def keras_model(keras_cnn, tmp_path):
    shutil.copytree(keras_cnn, tmp_path / "model")
    return tmp_path / "model"


def refused(model, tmp_path):
    with pytest.raises(LoadError) as caught:
        clean(model, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert caught.value.hint
    return caught.value.problem


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


DAMAGE = {
    "data file missing": (
        DATA,
        lambda path: path.unlink(),
        "variables.data-00000-of-00001 is missing",
    ),
    "data file cut off": (DATA, cut, "variables.data-00000-of-00001 has"),
    "data file changed": (
        DATA,
        lambda path: path.write_bytes(bytes(path.stat().st_size)),
        "do not have the checksum",
    ),
    "data file empty": (DATA, lambda path: path.write_bytes(b""), "has 0 bytes and ends before"),
    "index missing": (INDEX, lambda path: path.unlink(), "variables.index is missing beside"),
    "index cut off": (INDEX, cut, "is damaged: it does not end as an index does"),
    "index changed": (INDEX, lambda path: flip(path, 20), "is damaged: the checksum of a block"),
    "index empty": (INDEX, lambda path: path.write_bytes(b""), "is damaged: it does not end"),
    "graph cut off": (GRAPH, cut, "is not a SavedModel, or is damaged"),
    "graph empty": (GRAPH, lambda path: path.write_bytes(b""), "it holds no graph"),
    "graph of text": (GRAPH, lambda path: path.write_bytes(b"<html>"), "is not a SavedModel"),
    "asset missing": ("assets/colours.txt", lambda path: path.unlink(), "which the graph reads"),
}


@pytest.mark.parametrize(("file", "damage", "said"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_told(model, tmp_path, file, damage, said):
    damage(model / file)
    assert said in refused(model, tmp_path)


def test_variables_of_another_model_are_told(model, keras_cnn, tmp_path):
    shutil.rmtree(model / "variables")
    shutil.copytree(keras_cnn / "variables", model / "variables")
    said = refused(model, tmp_path)
    assert "variables.index has no 'net/embedding', which the graph restores, and 1 more" in said


def test_variables_that_are_not_there_are_told(model, tmp_path):
    shutil.rmtree(model / "variables")
    assert "variables.index is missing, which the graph restores" in refused(model, tmp_path)


def edited(model, edit):
    message = read_saved_model(model)
    edit(message.meta_graphs[0])
    write_saved_model(message, model)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            lambda graph: _node(graph, "scores").input.__setitem__(0, "gone"),
            "saved_model.pb is damaged: the node 'scores' lacks its input 'gone'.",
        ),
        (
            lambda graph: _node(graph, "size").__setattr__("name", "sIze"),
            "lacks its input 'size'",
        ),
    ],
    ids=["input", "name"],
)
def test_a_graph_with_gaps_is_damaged(model, tmp_path, edit, said):
    edited(model, edit)
    assert said in refused(model, tmp_path)


@pytest.mark.parametrize(
    "name", ["../../secret", "/etc/passwd", "", "a/../../b", "..\\b"], ids=repr
)
def test_an_asset_does_not_lead_out_of_the_model(model, tmp_path, name):
    def rename(graph):
        for packed in graph.collection_def["saved_model_assets"].any_list.value:
            asset = protos.AssetFileDef()
            packed.Unpack(asset)
            asset.filename = name
            packed.Pack(asset)

    edited(model, rename)
    (tmp_path / "secret").write_text("mine")
    with pytest.raises(LoadError, match="leads out of the model's directory"):
        clean(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_asset_is_not_followed_out_of_the_model(model, tmp_path):
    secret = tmp_path.with_name("secret")
    secret.write_text("mine")
    (model / "assets" / "colours.txt").unlink()
    (model / "assets" / "colours.txt").symlink_to(secret)
    assert "leads out of the model's directory" in refused(model, tmp_path)


def test_an_asset_that_is_a_link_to_itself_is_missing(model, tmp_path):
    (model / "assets" / "colours.txt").unlink()
    (model / "assets" / "colours.txt").symlink_to("colours.txt")
    assert "the asset 'colours.txt' is missing, which the graph reads" in refused(model, tmp_path)


@pytest.mark.parametrize(
    ("name", "options"),
    [("labels.txt", {}), ("assets.extra/more", {}), ("notes.md", {"keep": ["*.md"]})],
    ids=["companion", "extra", "kept"],
)
def test_no_link_is_followed_out_of_the_source(model, tmp_path, name, options):
    secret = tmp_path.with_name("secret")
    secret.write_text("mine")
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).symlink_to(secret)
    with pytest.raises(LoadError) as caught:
        clean(model, tmp_path / "out", **options)
    assert caught.value.problem == f"{model / name} is a link that leads out of {model}."
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("target", "said"),
    [("nowhere", "No such file or directory."), ("more", "Too many levels of symbolic links.")],
    ids=["nowhere", "itself"],
)
def test_a_file_that_cannot_be_read_is_told_as_that(model, tmp_path, target, said):
    link = model / "assets.extra" / "more"
    link.parent.mkdir()
    link.symlink_to(target)
    with pytest.raises(EnvironmentProblem) as caught:
        clean(model, tmp_path / "out")
    assert caught.value.problem == f"{link} cannot be read: {said}"
    assert "remove what is not needed" in caught.value.hint
    assert not (tmp_path / "out").exists()


@pytest.fixture
def held_to_modes():
    """Root, too, may read only what modes allow: without two of its capabilities (capset(2))."""
    library = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this thread
    effective = (ctypes.c_uint32 * 6)()
    assert library.capget(header, effective) == 0
    reduced = (ctypes.c_uint32 * 6)(*effective)
    reduced[0] &= ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert library.capset(header, reduced) == 0
    yield
    assert library.capset(header, effective) == 0


@pytest.mark.parametrize("name", ["variables", "."])
@pytest.mark.usefixtures("held_to_modes")
def test_a_folder_that_may_not_be_read_is_told_as_that(model, tmp_path, name):
    (model / name).chmod(0)
    try:
        with pytest.raises(EnvironmentProblem, match=r"model/.* cannot be read: Permission den"):
            clean(model, tmp_path / "out")
    finally:
        (model / name).chmod(0o755)


def test_a_collection_nested_without_end_is_read(model, tmp_path):
    heads, size = [], 0
    for _ in range(150_000):
        heads.append(b"\x0a" + varint(size))
        size += len(heads[-1])
    entry = b"".join(reversed(heads))
    edited(model, lambda graph: graph.collection_def["c"].bytes_list.value.append(entry))
    assert clean(model, tmp_path / "out").notes == ()


def test_functions_nested_without_end_are_read(keras_model, tmp_path):
    """A chain of 5,000 functions, and a ring of two, each 2 kB: 10 MB."""

    def nest(graph):
        library = graph.graph_def.library
        for number in range(5000):
            function = library.function.add()
            function.signature.name = f"chain_{number}"
            node = function.node_def.add(name="n", op="PartitionedCall")
            node.attr["f"].func.name = f"chain_{(number + 1) % 5000}"
            node.attr["padding"].s = b"x" * 2000
        call = next(node for node in graph.graph_def.node if "f" in node.attr)
        call.attr["more"].func.name = "chain_0"

    edited(keras_model, nest)
    assert (keras_model / GRAPH).stat().st_size > 10_000_000
    report = clean(keras_model, tmp_path / "out")
    (graph,) = read_saved_model(report.path).meta_graphs
    assert (
        sum(f.signature.name.startswith("chain") for f in graph.graph_def.library.function) == 5000
    )


def test_a_function_that_is_missing_deep_inside_is_damage(keras_model, tmp_path):
    def damage(graph):
        called = {
            node.attr["f"].func.name for body in graph.graph_def.library.function
            for node in body.node_def if "f" in node.attr
        }  # fmt: skip
        for body in graph.graph_def.library.function:
            for node in body.node_def:
                if "f" in node.attr:
                    node.attr["f"].func.name += "_gone"
        assert called

    edited(keras_model, damage)
    problem = refused(keras_model, tmp_path)
    assert "saved_model.pb is damaged: the function '" in problem
    assert problem.endswith("_gone' is missing.")


def test_nodes_in_a_ring_are_read(model, tmp_path):
    def ring(graph):
        for number in range(3000):
            graph.graph_def.node.add(
                name=f"ring_{number}", op="Identity", input=[f"ring_{(number + 1) % 3000}"]
            )
        graph.graph_def.node.add(name="unused", op="NoOp", input=["^ring_0"])

    edited(model, ring)
    (graph,) = read_saved_model(clean(model, tmp_path / "out").path).meta_graphs
    assert not [node for node in graph.graph_def.node if node.name.startswith("ring")]


# What cannot be understood is kept whole, and said.
UNCLEAR = {
    "names computed": (
        lambda graph: _node(graph, "save_1/RestoreV2/tensor_names").__setattr__("op", "Identity"),
        "the names that save_1/RestoreV2 restores are computed",
    ),
    "old format": (
        lambda graph: _node(graph, "save_1/RestoreV2").__setattr__("op", "RestoreSlice"),
        "save_1/RestoreV2 is of the first format of checkpoints",
    ),
    "inputs missing": (
        lambda graph: _node(graph, "save_1/RestoreV2").input.__delitem__(slice(1, None)),
        "save_1/RestoreV2 lacks inputs",
    ),
    "no saver": (
        lambda graph: graph.ClearField("saver_def"),
        "the graph has no operation that restores the variables",
    ),
}


def _node(graph, name):
    return next(node for node in graph.graph_def.node if node.name == name)


@pytest.mark.parametrize(("edit", "said"), UNCLEAR.values(), ids=UNCLEAR)
def test_what_is_unclear_is_kept_and_said(model, tmp_path, edit, said):
    edited(model, edit)
    before = read_saved_model(model)
    report = clean(model, tmp_path / "out", signatures=["colours"])
    assert report.notes == (f"Nothing was taken out of the graph and the variables: {said}.",)
    assert report.signatures == ("colours", "predict")
    assert read_saved_model(report.path) == before


def test_an_asset_whose_tensor_is_not_there_is_kept_and_said(text_vocabulary, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(text_vocabulary, folder)
    edited(folder, lambda graph: setattr(graph.asset_file_def[0].tensor_info, "name", "no:0"))
    (note,) = clean(folder, tmp_path / "out").notes
    assert note.endswith("is asset 0, whose tensor is not there.")


UNCLEAR_OBJECTS = {
    "numbers": (
        lambda graph: graph.object_graph_def.nodes[0].children.add(node_id=9999),
        "the graph of objects names objects that are not there",
    ),
    "dependencies": (
        lambda graph: graph.object_graph_def.nodes[0].dependencies.add(node_id=-9999),
        "the graph of objects names objects that are not there",
    ),
    "function": (
        lambda graph: graph.object_graph_def.concrete_functions.clear(),
        "which is not there",
    ),
    "variable": (
        lambda graph: [
            setattr(child, "local_name", f"other_{child.local_name}")
            for child in graph.object_graph_def.nodes[0].children
            if child.local_name != "signatures"
        ],
        "a variable, is not in the bundle's graph of objects",
    ),
}


@pytest.mark.parametrize(("edit", "said"), UNCLEAR_OBJECTS.values(), ids=UNCLEAR_OBJECTS)
def test_objects_that_are_unclear_are_kept_and_said(keras_model, tmp_path, edit, said):
    edited(keras_model, edit)
    report = clean(keras_model, tmp_path / "out")
    (note,) = report.notes
    assert note.startswith("Nothing was taken out of the graph and the variables: ")
    assert said in note
