"""explanation_metadata.json: read, made from a signature, and checked against it."""

import json

import pytest

from cpr.errors import BadInput, LoadError
from cpr.explaining.fitting import check, generate, typical_instance
from cpr.explaining.metadata import parse, read

# The documented example of AI Platform, and Vertex AI's spelling of it.
PLATFORM = {
    "inputs": {"data": {"input_tensor_name": "x:0", "input_baselines": [0]}},
    "outputs": {"duration": {"output_tensor_name": "dense/BiasAdd:0"}},
    "framework": "tensorflow",
}
VERTEX = {
    "parameters": {"sampledShapleyAttribution": {"pathCount": 10}},
    "metadata": {
        "inputs": {"data": {"inputTensorName": "x:0", "inputBaselines": [0]}},
        "outputs": {"duration": {"outputTensorName": "dense/BiasAdd:0"}},
        "framework": "tensorflow",
    },
}
TENSORFLOW = {
    "kind": "tensorflow",
    "default_signature": "serving_default",
    "labels": None,
    "signatures": {
        "serving_default": {
            "form": "object",
            "inputs": {
                "age": {"dtype": "float32", "shape": [None], "tensor": "age:0"},
                "x": {"dtype": "float32", "shape": [None, 3], "tensor": "x:0"},
                "job": {"dtype": "string", "shape": [None], "tensor": "job:0"},
            },
            "outputs": {
                "scores": {"dtype": "float32", "shape": [None, 2], "tensor": "softmax:0"},
                "classes": {"dtype": "string", "shape": [None, 2], "tensor": "names:0"},
            },
        }
    },
}
TABLE = {
    "kind": "scikit-learn",
    "default_signature": "predict",
    "labels": ["no", "yes"],
    "signatures": {
        "predict": {
            "form": "row",
            "inputs": {f"x{n}": {"dtype": "float64", "shape": [None]} for n in range(3)},
            "outputs": {},
        }
    },
}


def changed(**keys):
    return json.loads(json.dumps({**PLATFORM, **keys}))


def with_input(**keys):
    return changed(inputs={"data": {"input_tensor_name": "x:0", **keys}})


@pytest.mark.parametrize("document", [PLATFORM, VERTEX], ids=["platform", "vertex"])
def test_both_platforms_files_are_read(document):
    metadata = parse(document)
    [entry], [output] = metadata.inputs, metadata.outputs
    assert (entry.name, entry.tensor, entry.baselines) == ("data", "x:0", [0])
    assert (output.name, output.tensor) == ("duration", "dense/BiasAdd:0")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "the document is []; expected an object"),
        (changed(inputs={}), "inputs is {}; expected an object with the inputs"),
        (changed(outputs={"a": {}, "b": {}}), "outputs is ['a', 'b']; expected exactly one output"),
        (changed(framework="torch"), "framework is 'torch'; expected one of tensorflow"),
        (with_input(input_baseline=[0]), "inputs.data has the unknown key 'input_baseline'"),
        (with_input(input_baselines=0), "inputs.data.input_baselines is 0; expected a list"),
        (with_input(input_baselines=[0] * 11), "expected at most 10 baselines"),
        (with_input(encoding="bag"), "inputs.data.encoding is 'bag'; expected one of identity"),
        (with_input(encoding="bag_of_features"), "index_feature_mapping is None; expected a list"),
        (
            with_input(index_feature_mapping=["a", "a"]),
            "index_feature_mapping is ['a', 'a']; expected names that are not given twice",
        ),
        (with_input(modality="sound"), "inputs.data.modality is 'sound'; expected one of numeric"),
        (with_input(input_tensor_name=3), "inputs.data.input_tensor_name is 3; expected a text"),
        (
            with_input(input_baselines=[0], encoded_baselines=[0]),
            "expected input_baselines or encoded_baselines, not both",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_breaks_a_rule_is_refused(document, said):
    with pytest.raises(LoadError) as caught:
        parse(document, source="m.json")
    assert "m.json: " in caught.value.problem
    assert said in caught.value.problem


@pytest.mark.parametrize("text", ["{", "[" * 100_000], ids=["cut off", "too deep"])
def test_a_file_that_is_no_json_is_refused(tmp_path, text):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(LoadError, match=r"m\.json is not JSON"):
        read(tmp_path / "m.json")


def test_metadata_of_a_saved_model_names_its_inputs_and_scores():
    metadata = generate(TENSORFLOW)
    assert metadata.to_json() == {
        "inputs": {
            "age": {
                "input_tensor_name": "age",
                "encoding": "identity",
                "modality": "numeric",
                "input_baselines": [0],
            },
            "x": {
                "input_tensor_name": "x",
                "encoding": "identity",
                "modality": "numeric",
                "input_baselines": [0],
            },
            "job": {
                "input_tensor_name": "job",
                "encoding": "identity",
                "modality": "categorical",
                "input_baselines": [""],
            },
        },
        "outputs": {"scores": {"output_tensor_name": "scores"}},
        "framework": "tensorflow2",
    }


def test_baselines_are_what_is_typical_of_samples():
    samples = [
        {"age": age, "x": [age, 1, 2], "job": job}
        for age, job in [(20, "clerk"), (30, "nurse"), (90, "clerk")]
    ]
    metadata = generate(TENSORFLOW, samples=samples)
    assert [entry.baselines for entry in metadata.inputs] == [[30], [[30, 1, 2]], ["clerk"]]
    assert typical_instance([[1.5, True], [None, True], [2.5, False]]) == [1.5, True]
    with pytest.raises(BadInput, match="different numbers of values"):
        typical_instance([[1], [1, 2]])


def test_metadata_of_a_table_has_a_baseline_of_a_row():
    metadata = generate(TABLE, samples=[[1, 2, 3], [3, 2, 1], [2, 9, 2]])
    assert [entry.baselines for entry in metadata.inputs] == [[[2, 2, 2]]]
    assert metadata.outputs[0].labels == ["no", "yes"]


@pytest.mark.parametrize("description", [TENSORFLOW, TABLE], ids=["tensorflow", "table"])
def test_what_is_generated_is_valid_and_fits(description):
    metadata = generate(description)
    again = parse(json.loads(json.dumps(metadata.to_json())))
    assert again == metadata
    check(again, description)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"signature_name": "serving"}, "there is no signature 'serving'; the model has"),
        ({"output": "classes"}, "there is no output 'classes' with scores"),
    ],
    ids=str,
)
def test_what_the_model_has_not_cannot_be_generated(keys, said):
    with pytest.raises(BadInput) as caught:
        generate(TENSORFLOW, **keys)
    assert said in caught.value.problem


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            changed(inputs={"a": {"input_tensor_name": "xx:0"}}),
            "inputs.a.input_tensor_name is 'xx:0'; the model has",
        ),
        (changed(), "outputs.duration.output_tensor_name is 'dense/BiasAdd:0'; the model has"),
        (
            with_input(input_baselines=[[0, 0]]),
            "inputs.data.input_baselines[0] has 2 values; the input has 3",
        ),
        (
            with_input(index_feature_mapping=["a", "b"], encoding="bag_of_features"),
            "inputs.data.index_feature_mapping has 2 values; the input has 3",
        ),
    ],
    ids=["input", "output", "baseline", "mapping"],
)
def test_metadata_that_does_not_fit_the_model_is_refused(document, said):
    with pytest.raises(LoadError) as caught:
        check(parse(document), TENSORFLOW)
    assert said in caught.value.problem
    assert caught.value.hint


def test_tensors_may_be_named_as_in_the_graph_or_as_in_the_signature():
    for name, output in (("x:0", "softmax:0"), ("x", "scores")):
        document = changed(
            inputs={"d": {"input_tensor_name": name}},
            outputs={"o": {"output_tensor_name": output}},
        )
        check(parse(document), TENSORFLOW)
