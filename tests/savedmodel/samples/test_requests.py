"""The sample request of a signature is one that the ready-made predictor answers."""

import base64
import json
import shutil

import pytest

from cpr.messages import Call
from cpr.savedmodel import protos
from cpr.savedmodel.meta_graph import Signature, TensorSpec, as_fed, choose_meta_graph
from cpr.savedmodel.reader import read_saved_model, write_saved_model
from cpr.savedmodel.samples.requests import NoSample, example_of, sample_request
from cpr.serving import open_routine


def samples(folder):
    graph = choose_meta_graph(read_saved_model(folder))
    found = as_fed(graph)
    return {
        name: sample_request(item, graph, is_only=len(found) == 1) for name, item in found.items()
    }


def test_every_sample_is_answered(any_saved_model):
    found = samples(any_saved_model)
    with open_routine(None, str(any_saved_model)) as routine:
        calls = [Call(json.dumps(request).encode()) for request in found.values()]
        for name, call in zip(found, calls, strict=True):
            (reply,) = routine.answer([call])
            assert reply.error is None, (name, call.body, reply.error)
            assert len(json.loads(reply.body)["predictions"]) == 1


def test_a_request_is_what_the_graph_takes_where_the_signature_says_otherwise(
    tf1_two_graphs, tmp_path
):
    folder = shutil.copytree(tf1_two_graphs, tmp_path / "1")
    model = read_saved_model(folder)
    for graph in model.meta_graphs:
        for info in graph.signature_def["classify"].inputs.values():
            info.dtype = 1
            info.tensor_shape.Clear()
    write_saved_model(model, folder)
    request = samples(folder)["classify"]
    assert set(request["instances"][0]) == {"b64"}
    with open_routine(None, str(folder)) as routine:
        (reply,) = routine.answer([Call(json.dumps(request).encode())])
    assert reply.error is None


def test_an_example_has_the_features_that_the_graph_parses(tf1_two_graphs):
    found = samples(tf1_two_graphs)
    assert found["serving_default"] == {"instances": ["text"]}
    request = found["classify"]
    assert request["signature_name"] == "classify"
    example = protos.Example.FromString(base64.b64decode(request["instances"][0]["b64"]))
    features = example.features.feature
    assert sorted(features) == ["colour", "size", "tags"]
    assert list(features["colour"].bytes_list.value) == [b"text"]
    assert list(features["size"].float_list.value) == [0.0, 0.0]
    assert list(features["tags"].int64_list.value) == [0]


@pytest.mark.parametrize("version", ["ParseExample", "ParseExampleV2", "ParseSingleExample"])
def test_examples_of_a_function_of_tensorflow_2(tf, tmp_path, version):
    features = {
        "age": tf.io.FixedLenFeature([2], tf.float32),
        "job": tf.io.FixedLenFeature([], tf.string),
        "tags": tf.io.VarLenFeature(tf.string),
    }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def score(examples):
        if version == "ParseSingleExample":
            parsed = tf.map_fn(
                lambda one: tf.io.parse_single_example(one, features)["age"],
                examples,
                fn_output_signature=tf.float32,
            )
            return {"age": parsed}
        if version == "ParseExample":
            age = tf.raw_ops.ParseExample(
                serialized=examples,
                names=tf.constant([], tf.string),
                sparse_keys=[tf.constant("tags")],
                dense_keys=[tf.constant("age"), tf.constant("job")],
                dense_defaults=[tf.constant([], tf.float32), tf.constant([], tf.string)],
                sparse_types=[tf.string],
                dense_shapes=[[2], []],
            ).dense_values[0]
            return {"age": age}
        return {"age": tf.io.parse_example(examples, features)["age"]}

    module = tf.Module()
    module.score = score
    tf.saved_model.save(module, str(tmp_path), {"serving_default": score})
    [request] = samples(tmp_path).values()
    example = base64.b64decode(request["instances"][0]["b64"])
    served = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    assert served(tf.constant([example]))["age"].numpy().tolist() == [[0.0, 0.0]]
    assert len(protos.Example.FromString(example).features.feature) == 3


def test_a_signature_without_inputs_is_asked_with_an_empty_object():
    signature = Signature("count", "", {}, {})
    assert sample_request(signature) == {"signature_name": "count", "instances": [{}]}


def test_an_input_with_a_default_is_sent_since_no_server_fills_it_in():
    meta_graph = protos.MetaGraphDef()
    signature = meta_graph.signature_def["serving_default"]
    for alias in ("rate", "x"):
        signature.inputs[alias].dtype = 1
        signature.inputs[alias].tensor_shape.dim.add(size=-1)
    signature.defaults["rate"].dtype = 1
    [found] = as_fed(meta_graph).values()
    assert sample_request(found) == {"instances": [{"rate": 0.0, "x": 0.0}]}


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (TensorSpec("float32", (None, 3), "v:0", "sparse"), "the input x is sparse"),
        (
            TensorSpec("float32", (None, 10**5, 10**5)),
            "it has 10,000,000,000 values with",
        ),
    ],
    ids=["sparse", "huge"],
)
def test_what_no_request_can_say_has_none(spec, reason):
    with pytest.raises(NoSample, match=reason):
        sample_request(Signature("serving_default", "", {"x": spec}, {}))


def test_many_inputs_are_huge_together():
    inputs = {f"x{number}": TensorSpec("float32", (None, 400_000)) for number in range(9)}
    with pytest.raises(NoSample, match="it has 1,200,000 values with those of x2"):
        sample_request(Signature("serving_default", "", inputs, {}))


def test_many_features_are_huge_together():
    parser = protos.NodeDef(name="parse", op="ParseSingleExample")
    for number in range(9):
        parser.attr["dense_keys"].list.s.append(f"f{number}".encode())
        parser.attr["Tdense"].list.type.append(protos.DataType.Value("DT_INT64"))
        parser.attr["dense_shapes"].list.shape.add().dim.add(size=400_000)
    with pytest.raises(NoSample, match="it has 1,200,000 values with those of f2"):
        example_of(parser, {})
