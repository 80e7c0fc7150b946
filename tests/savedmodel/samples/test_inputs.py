import numpy as np
import pytest

from cpr.errors import LoadError, UsageError
from cpr.savedmodel.protos import Example, MetaGraphDef
from cpr.savedmodel.samples.inputs import sample_inputs

FLOAT, STRING = 1, 7


def graph_taking(dtype, *sizes):
    meta_graph = MetaGraphDef()
    info = meta_graph.signature_def["serve"].inputs["x"]
    info.dtype, info.name = dtype, "x:0"
    for size in sizes:
        info.tensor_shape.dim.add(size=size)
    return meta_graph


def add_strings(meta_graph, name, *values):
    node = meta_graph.graph_def.node.add(name=name, op="Const")
    tensor = node.attr["value"].tensor
    tensor.dtype = STRING
    tensor.tensor_shape.dim.add(size=len(values))
    tensor.string_val.extend(values)


def test_open_dimensions_are_tried_from_large_to_small(tmp_path):
    tries = sample_inputs(graph_taking(FLOAT, -1, -1, 3), tmp_path)["serve"]
    assert [one["x"].shape for one in tries][:4] == [(8, 16, 3), (8, 16, 3), (8, 3, 3), (8, 1, 3)]


def test_what_is_said_to_be_a_scalar_is_tried_as_a_batch_too(tmp_path):
    tries = sample_inputs(graph_taking(FLOAT), tmp_path)["serve"]
    assert [one["x"].shape for one in tries][-5:] == [(), (8,), (8, 1), (1,), (1,)]


def test_a_single_instance_is_tried_last(tmp_path):
    tries = sample_inputs(graph_taking(FLOAT, -1, -1), tmp_path)["serve"]
    assert [one["x"].shape for one in tries][-3:] == [(8, 16), (1, 1), (1, 16)]


def test_examples_have_the_features_that_the_graph_parses(tmp_path):
    meta_graph = graph_taking(STRING, -1)
    node = meta_graph.graph_def.node.add(name="parse", op="ParseExampleV2")
    node.input.extend(["x", "names", "sparse", "dense"])
    add_strings(meta_graph, "sparse", b"tags")
    add_strings(meta_graph, "dense", b"age")
    node.attr["sparse_types"].list.type.append(STRING)
    node.attr["Tdense"].list.type.append(FLOAT)
    node.attr["dense_shapes"].list.shape.add().dim.add(size=2)
    rows = sample_inputs(meta_graph, tmp_path)["serve"][0]["x"]
    example = Example.FromString(rows[0])
    assert rows.shape == (8,)
    assert len(example.features.feature["age"].float_list.value) == 2
    assert len(example.features.feature["tags"].bytes_list.value) == 1


def test_values_have_the_type_that_the_graph_takes_where_the_signature_says_another(tmp_path):
    meta_graph = graph_taking(FLOAT)
    node = meta_graph.graph_def.node.add(name="x", op="Placeholder")
    node.attr["dtype"].type = STRING
    tries = sample_inputs(meta_graph, tmp_path)["serve"]
    assert {one["x"].dtype for one in tries} == {np.dtype(object)}


def test_instances_are_taken_as_a_request_has_them(tmp_path):
    (only,) = sample_inputs(graph_taking(FLOAT, -1, 2), tmp_path, [[1, 2], [3, 4]])["serve"]
    assert only["x"].tolist() == [[1, 2], [3, 4]]


def test_instances_that_nothing_takes_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"No signature takes the instances: .*'three'"):
        sample_inputs(graph_taking(FLOAT, -1, 2), tmp_path, [["three", 4]])


def test_what_has_no_rank_is_tried_as_a_batch_and_as_a_scalar(tmp_path):
    meta_graph = graph_taking(FLOAT)
    meta_graph.signature_def["serve"].inputs["x"].tensor_shape.unknown_rank = True
    tries = sample_inputs(meta_graph, tmp_path)["serve"]
    assert {one["x"].shape for one in tries} == {(8,), (8, 16), (), (1,)}


@pytest.mark.parametrize("sizes", [(-1, 2**31), (2**62, 4), (2**40, 2**40), (2**29,)], ids=str)
def test_no_samples_of_enormous_shapes_are_made_up(tmp_path, sizes):
    with pytest.raises(LoadError, match="no sample is made up: it has too many values") as caught:
        sample_inputs(graph_taking(FLOAT, *sizes), tmp_path)
    assert caught.value.hint


def test_a_type_without_values_is_told(tmp_path):
    with pytest.raises(LoadError, match="takes the type 'invalid', which has no values") as caught:
        sample_inputs(graph_taking(0, -1), tmp_path)
    assert caught.value.hint


def test_sizes_that_make_too_many_values_are_left_out(tmp_path):
    tries = sample_inputs(graph_taking(FLOAT, -1, -1, -1, -1, 3), tmp_path)["serve"]
    assert len(tries) == 8
    assert max(one["x"].shape for one in tries) == (8, 16, 16, 16, 3)


def test_nothing_is_made_up_for_a_signature_that_needs_no_samples(tmp_path):
    assert sample_inputs(graph_taking(FLOAT, 2**40), tmp_path, but=["serve"]) == {}
