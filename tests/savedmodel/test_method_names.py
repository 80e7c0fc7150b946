"""Method names are rewritten in the protocol buffer, and only where a server could use them."""

import logging
import shutil

import pytest

from cpr.errors import LoadError, UsageError
from cpr.savedmodel.method_names import set_method_names, short_name
from cpr.savedmodel.reader import read_saved_model


@pytest.fixture(scope="session")
def written(tf, tmp_path_factory):
    """A TF2 export whose signatures have the names that servers ask for, and one that has not."""
    spec = tf.TensorSpec([None], tf.string, name="inputs")

    class Model(tf.Module):
        @tf.function(input_signature=[spec])
        def scored(self, inputs):
            length = tf.cast(tf.strings.length(inputs), tf.float32)
            return {"scores": length[:, None], "classes": inputs[:, None]}

        @tf.function(input_signature=[spec])
        def measured(self, inputs):
            return {"outputs": tf.cast(tf.strings.length(inputs), tf.float32)[:, None]}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def doubled(self, x):
            return {"y": 2.0 * x}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="inputs")])
        def halved(self, inputs):
            return {"outputs": inputs / 2.0}

    model = Model()
    signatures = {
        "scored": model.scored,
        "measured": model.measured,
        "serving_default": model.doubled,
        "halved": model.halved,
    }
    folder = tmp_path_factory.mktemp("methods") / "1"
    tf.saved_model.save(model, str(folder), signatures)
    return folder


@pytest.fixture
def model(written, tmp_path):
    return shutil.copytree(written, tmp_path / "1")


def methods(folder):
    [graph] = read_saved_model(folder).meta_graphs
    names = {name: proto.method_name for name, proto in graph.signature_def.items()}
    names.pop("__saved_model_init_op", None)
    return {name: method.removeprefix("tensorflow/serving/") for name, method in names.items()}


def test_changes_what_is_named_and_nothing_else(tf, model):
    lines = set_method_names(
        model, {"scored": "classify", "measured": "tensorflow/serving/regress"}
    )
    assert methods(model) == {
        "scored": "classify",
        "measured": "regress",
        "serving_default": "predict",
        "halved": "predict",
    }
    assert lines == [
        "scored: tensorflow/serving/predict → tensorflow/serving/classify",
        "measured: tensorflow/serving/predict → tensorflow/serving/regress",
    ]
    loaded = tf.saved_model.load(str(model))
    assert loaded.signatures["measured"](tf.constant(["abc"]))["outputs"].numpy().tolist() == [
        [3.0]
    ]


def test_is_what_the_v1_updater_writes(tf, model, tmp_path):
    other = shutil.copytree(model, tmp_path / "other")
    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(other))
    updater.replace_method_name("scored", "tensorflow/serving/classify")
    updater.save()
    set_method_names(model, {"scored": "classify"})
    assert methods(model) == methods(other)
    # Whatever else is in the file is as it was, but for the order of its maps.
    assert read_saved_model(model) == read_saved_model(other)


def test_removes_the_fingerprint_of_the_old_bytes(model):
    assert (model / "fingerprint.pb").is_file()
    set_method_names(model, {"measured": "regress"})
    assert not (model / "fingerprint.pb").exists()


def test_writes_nothing_where_nothing_changes(model):
    before = (model / "saved_model.pb").read_bytes()
    assert set_method_names(model, {"scored": "predict"}) == []
    assert (model / "saved_model.pb").read_bytes() == before
    assert (model / "fingerprint.pb").is_file()


@pytest.mark.parametrize(
    ("names", "problem", "hint"),
    [
        (
            {"scord": "classify"},
            "has no signature 'scord'; known are 'halved', 'measured', 'scored', 'serving",
            "Did you mean 'scored'?",
        ),
        (
            {"scored": "clasify"},
            "The method name 'clasify' is unknown; known are predict, classify, regress.",
            "Did you mean 'classify'?",
        ),
        (
            {"serving_default": "regress"},
            "Signature 'serving_default' cannot regress: its inputs are 'x' (float32); "
            "a server asks for the input 'inputs' (string).",
            "Name and cast the tensors so when you export, then set the method name.",
        ),
        (
            {"scored": "regress"},
            "Signature 'scored' cannot regress: its outputs are 'classes' (string), "
            "'scores' (float32); a server asks for the output 'outputs' (float32).",
            "Name and cast the tensors so when you export, then set the method name.",
        ),
    ],
    ids=["signature", "method", "inputs", "outputs"],
)
def test_refuses_what_a_server_could_not_call(model, names, problem, hint):
    before = (model / "saved_model.pb").read_bytes()
    with pytest.raises(UsageError) as raised:
        set_method_names(model, names)
    assert problem in raised.value.problem
    assert raised.value.hint == hint
    assert (model / "saved_model.pb").read_bytes() == before


def test_warns_of_an_input_that_no_serialized_example_fits(model, caplog):
    with caplog.at_level(logging.WARNING, "cpr.savedmodel.method_names"):
        set_method_names(model, {"halved": "regress"})
    assert caplog.messages == [
        "a server that is asked to regress sends serialized examples, but the input of "
        "'halved' is not a string."
    ]


def test_changes_only_the_metagraph_with_the_tags(tf1_two_graphs, tmp_path):
    folder = shutil.copytree(tf1_two_graphs, tmp_path / "1")
    set_method_names(folder, {"classify": "predict"}, tags=["serve"])
    with pytest.raises(UsageError, match="has no signature 'classify'"):
        set_method_names(folder, {"classify": "predict"}, tags=["gpu", "serve"])
    with pytest.raises(LoadError, match="has no MetaGraph with exactly the tags tpu"):
        set_method_names(folder, {"classify": "predict"}, tags=["tpu"])


def test_a_signature_without_a_method_predicts():
    assert short_name("") == "predict"
