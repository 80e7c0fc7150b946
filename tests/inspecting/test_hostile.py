"""Damaged and hostile SavedModels end in a clear error, or are shown as what they are."""

import os
import random
import shutil

import pytest

from cpr.errors import LoadError
from cpr.inspecting import inspect_model
from cpr.savedmodel import protos, reader
from cpr.savedmodel.warmup_file import framed


@pytest.fixture
def copy(text_vocabulary, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(text_vocabulary, folder)
    return folder


def change(folder, edit):
    model = reader.read_saved_model(folder)
    edit(model.meta_graphs[0])
    reader.write_saved_model(model, folder)


def errors(folder):
    return [item.message for item in inspect_model(folder).problems if item.severity == "error"]


def test_a_whole_model_has_no_error(copy):
    assert errors(copy) == []


def test_a_folder_that_cannot_be_listed_is_told(copy):
    # A path too long to be opened is unreadable for every user, root too.
    deep = os.open(copy, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("x" * 250, dir_fd=deep)
        deeper = os.open("x" * 250, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = deeper
    os.close(deep)
    [problem] = [p for p in inspect_model(copy).problems if p.id == "folder-unreadable"]
    assert problem.severity == "warning"
    assert problem.message.endswith(
        "cannot be listed: File name too long. What it holds is not counted here."
    )


def test_a_missing_shard_is_named(copy):
    (copy / "variables" / "variables.data-00000-of-00001").unlink()
    [message] = errors(copy)
    assert message.startswith("variables/variables.data-00000-of-… is missing; '")


def test_a_shard_that_is_too_short_is_named(copy):
    path = copy / "variables" / "variables.data-00000-of-00001"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])
    [message] = errors(copy)
    assert message.startswith(
        f"variables/variables.data-00000-of-00001 has {size - 1:,} bytes and ends before"
    )


def test_a_missing_index_is_named(copy):
    (copy / "variables" / "variables.index").unlink()
    assert errors(copy) == ["variables/variables.index is missing."]


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_index_never_crashes(copy, seed):
    path = copy / "variables" / "variables.index"
    data = bytearray(path.read_bytes())
    chance = random.Random(seed)
    for _ in range(1 + seed % 4):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(data if seed % 3 else data[: chance.randrange(len(data))])
    found = inspect_model(copy)
    assert len(found.graphs) == 1
    for problem in found.problems:
        assert problem.message


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..\\..\\secret", "a/../../b", ""]
)
def test_an_asset_that_leads_out_of_the_model_is_an_error(copy, name):
    def edit(graph):
        graph.asset_file_def[0].filename = name

    change(copy, edit)
    found = inspect_model(copy)
    assert errors(copy) == [
        f"The graph serve reads the asset {name!r}, which leads out of assets/."
    ]
    assert found.graphs[0].assets[0].size is None


def test_an_asset_whose_name_no_file_can_have_is_missing(copy):
    def edit(graph):
        graph.asset_file_def[0].filename = "x" * 5000

    change(copy, edit)
    [message] = errors(copy)
    assert message.endswith(", which is missing.")


def test_a_missing_asset_is_an_error(copy):
    (copy / "assets" / "words.txt").unlink()
    assert errors(copy) == ["The graph serve reads assets/words.txt, which is missing."]


def test_a_missing_asset_that_nothing_reads_is_a_warning(copy):
    def edit(graph):
        graph.asset_file_def.add(filename="readme.txt").tensor_info.name = "nothing:0"

    change(copy, edit)
    assert errors(copy) == []
    [warning] = [item for item in inspect_model(copy).problems if item.severity == "warning"]
    assert warning.message.startswith("The graph serve names assets/readme.txt, which is missing;")


def test_ten_megabytes_of_nested_functions_are_read(copy):
    def edit(graph):
        library = graph.graph_def.library
        for number in range(20_000):
            function = library.function.add()
            function.signature.name = f"f{number}_{'x' * 400}"
            node = function.node_def.add(name="call", op="PartitionedCall")
            node.attr["f"].func.name = f"f{number + 1}_{'x' * 400}"
        node = graph.graph_def.node.add(name="start", op="PartitionedCall")
        node.attr["f"].func.name = f"f0_{'x' * 400}"
        graph.signature_def["serving_default"].outputs["deep"].name = "start:0"

    change(copy, edit)
    assert (copy / "saved_model.pb").stat().st_size > 10_000_000
    found = inspect_model(copy)
    assert found.graphs[0].functions > 20_000
    assert found.graphs[0].ops["PartitionedCall"] > 20_000


def test_functions_that_call_themselves_end(copy):
    def edit(graph):
        for function in graph.graph_def.library.function:
            node = function.node_def.add(name="again", op="PartitionedCall")
            node.attr["f"].func.name = function.signature.name

    change(copy, edit)
    assert errors(copy) == []


def test_objects_that_point_nowhere_are_ignored(copy):
    def edit(graph):
        objects = graph.object_graph_def
        for child in objects.nodes[0].children:
            child.node_id = 1_000_000
        for function in objects.concrete_functions.values():
            function.bound_inputs.extend([-5, 1_000_000])

    change(copy, edit)
    assert errors(copy) == []


def test_shapes_that_no_memory_holds_have_no_sample(copy):
    def edit(graph):
        info = graph.signature_def["serving_default"].inputs["words"]
        info.tensor_shape.dim.extend([protos.TensorShapeProto.Dim(size=10**9)] * 4)

    change(copy, edit)
    found = inspect_model(copy)
    samples = {item.name: item.sample for item in found.graphs[0].signatures}
    assert samples == {
        "number": {"signature_name": "number", "instances": ["text"]},
        "serving_default": None,
    }


def test_an_example_that_no_memory_holds_is_not_made(tf1_two_graphs, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tf1_two_graphs, folder)

    def edit(graph):
        for node in graph.graph_def.node:
            for shape in node.attr["dense_shapes"].list.shape:
                shape.dim.add(size=10**12)

    change(folder, edit)
    found = inspect_model(folder)
    samples = {item.name: item.sample for item in found.graphs[0].signatures}
    assert samples["classify"] is None
    assert samples["serving_default"] is not None


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_graph_is_refused_or_shown(copy, seed):
    path = copy / "saved_model.pb"
    data = bytearray(path.read_bytes())
    chance = random.Random(seed)
    for _ in range(1 + seed % 5):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(data if seed % 3 else data[: chance.randrange(len(data))])
    try:
        found = inspect_model(copy)
    except LoadError as error:
        assert "is not a SavedModel, or is damaged" in error.problem
    else:
        assert found.graphs


@pytest.mark.parametrize("cut", [0, 1, 11, 13, 40])
def test_damaged_warm_up_requests_are_named(copy, cut):
    path = copy / "assets.extra" / "tf_serving_warmup_requests"
    path.parent.mkdir()
    log = protos.PredictionLog()
    log.predict_log.request.model_spec.name = "m"
    record = framed(log.SerializeToString())
    path.write_bytes(record * 3 + (b"\xff" * cut if cut else b""))
    found = inspect_model(copy)
    if cut:
        [warning] = [item for item in found.problems if item.severity == "warning"]
        assert "tf_serving_warmup_requests is damaged: " in warning.message
    else:
        assert found.facts["warm-up requests"] == "3 × predict"


def test_a_damaged_fingerprint_is_said(copy):
    (copy / "fingerprint.pb").write_bytes(b"\xff\xff")
    assert inspect_model(copy).facts["fingerprint"] == "damaged"


def test_links_out_of_the_model_are_not_followed(copy, tmp_path):
    (tmp_path / "big").write_bytes(bytes(1_000_000))
    (copy / "link").symlink_to(tmp_path / "big")
    (copy / "loop").symlink_to(copy)
    assert inspect_model(copy).size < 100_000
