"""`cpr run-signature` as a process: inputs, outputs, failures."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from cpr.savedmodel import protos
from cpr.savedmodel.running.declared import read_signatures


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A SavedModel with two inputs and two outputs, and a signature of its own for words."""
    tf = pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")
    spec = tf.TensorSpec

    class Model(tf.Module):
        @tf.function(
            input_signature=[
                spec([None, 2], tf.float32, name="x"),
                spec([None], tf.int32, name="times"),
            ]
        )
        def scale(self, x, times):
            scaled = x * tf.cast(times, tf.float32)[:, None]
            return {"scaled": scaled, "sum": tf.reduce_sum(scaled, axis=1)}

        @tf.function(input_signature=[spec([None], tf.string, name="word")])
        def shout(self, word):
            return {"loud": tf.strings.upper(word), "count": tf.size(word)}

    folder = tmp_path_factory.mktemp("model")
    made = Model()
    signatures = {"serving_default": made.scale, "shout": made.shout}
    tf.saved_model.save(made, str(folder / "1"), signatures)
    return folder


def test_prints_a_line_for_each_instance_and_nothing_of_tensorflow(cpr, model):
    # As a process inherits it from another of ours; logged on every processor.
    environ = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}
    arguments = ("--input", "x=[[1, 2], [3, 4]]", "--input", "times=[10, 1]")
    done = cpr("run-signature", model, *arguments, env=environ)
    assert done.stdout == "scaled        sum\n[10.0, 20.0]  30.0\n[3.0, 4.0]    7.0\n"
    assert done.stderr == ""


def test_reads_and_writes_files_of_numpy(cpr, model, tmp_path):
    np.savez(tmp_path / "in.npz", x=np.ones((3, 2)), times=np.arange(3))
    done = cpr("run-signature", model, "--inputs", "in.npz", "-o", "out", "--json")
    document = json.loads(done.stdout)
    assert document["schema"] == "cpr.run-signature/1"
    assert document["summary"]["files"] == ["out/scaled.npy", "out/sum.npy"]
    assert np.load(tmp_path / "out" / "sum.npy").tolist() == [0, 2, 4]
    (tmp_path / "out" / "sum.npy").write_bytes(b"mine")
    again = cpr("run-signature", model, "--inputs", "in.npz", "-o", "out", expected=2)
    assert "out/scaled.npy exists." in again.stderr
    assert "Give --force to replace it." in again.stderr
    assert (tmp_path / "out" / "sum.npy").read_bytes() == b"mine"


def test_prints_one_document_with_types_and_shapes(cpr, model):
    done = cpr("run-signature", model, "--signature-name", "shout", "--input", "word=cat", "--json")
    document = json.loads(done.stdout)
    assert document["ok"]
    assert document["summary"]["signature"] == "shout"
    assert document["summary"]["outputs"] == {
        "count": {"dtype": "int32", "shape": [], "values": 1},
        "loud": {"dtype": "string", "shape": [1], "values": ["CAT"]},
    }


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["--input", "x=[[1, 2]]"],
            11,
            "Input times is missing; signature 'serving_default' takes",
        ),
        (
            ["--input", "x=[[1, 2], [3, 4]]", "--input", "times=[1, 2, 3]"],
            11,
            "The model refuses these",
        ),
        (["--inputs", "a.json", "--input", "x=1"], 2, "the input 'x' is given in two ways."),
        (["--tags", "train"], 10, "has no graph with the tags train; its graphs have: serve."),
        (["--signature-name", "shuot"], 11, "No signature found for signature key shuot."),
    ],
    ids=["missing", "shapes", "twice", "tags", "signature"],
)
def test_says_what_is_wrong(cpr, model, tmp_path, arguments, code, message):
    (tmp_path / "a.json").write_text('{"x": [[1, 2]], "times": [1]}')
    done = cpr("run-signature", model, *arguments, expected=code)
    assert message in done.stderr
    assert done.stdout == ""


WITHOUT_TENSORFLOW = """
import sys
from cpr.cli import main
sys.modules["tensorflow"] = None  # to import it is an error
sys.exit(main(["run-signature", *sys.argv[1:]]))
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "x=[[1, 2]]"], "Input times is missing; signature 'serving_default' takes"),
        (["--input", "y=1"], "signature 'serving_default' has no input 'y'"),
        (["--input", "x=[[1, 2, 3]]", "--input", "times=[1]"], "shape [1, 3]; expected [any, 2]."),
        (["--input", "x=[1, 2]", "--input", "times=[1]"], "Nest the values as deep"),
        (["--input", "x=[[1, 2]]", "--input", "times=[0.5]"], "times[0] is 0.5"),
        (["--input", "x=[[1, 2], [3]]", "--input", "times=[1, 2]"], "x[1]"),
        (["--signature-name", "shout", "--input", "word=[[1]]"], "word[0][0] is 1"),
        (["--signature-name", "shuot"], "Did you mean 'shout'?"),
        (["--examples", 'x=[{"a": 1}]'], "input 'x' takes float32 values, and no serialized"),
    ],
    ids=[
        "missing",
        "unknown",
        "width",
        "rank",
        "type",
        "ragged",
        "strings",
        "signature",
        "examples",
    ],
)
def test_a_wrong_input_is_refused_before_tensorflow_is_imported(model, arguments, message):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, model, *arguments],
        capture_output=True,
        text=True,
    )
    assert message in done.stderr
    assert done.returncode == 11, done.stderr


def test_the_type_of_a_placeholder_counts_where_an_old_exporter_wrote_another(tmp_path):
    model = protos.SavedModel()
    graph = model.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    graph.graph_def.node.add(name="x", op="Placeholder").attr["dtype"].type = 7  # string
    told = graph.signature_def["serving_default"].inputs["x"]
    told.name, told.dtype = "x:0", 1  # float32
    (tmp_path / "saved_model.pb").write_bytes(model.SerializeToString())
    [signature] = read_signatures(tmp_path, ()).values()
    assert signature.inputs["x"].dtype == "string"


def test_a_model_without_signatures_is_led_to_predict(cpr, tmp_path):
    sklearn = pytest.importorskip("sklearn.dummy", reason="needs the extra cpr[sklearn]")
    joblib = pytest.importorskip("joblib", reason="needs the extra cpr[sklearn]")
    fitted = sklearn.DummyClassifier().fit([[0], [1]], [0, 1])
    joblib.dump(fitted, tmp_path / "model.joblib")
    done = cpr("run-signature", tmp_path, "--input", "x=1", expected=10)
    assert "holds a scikit-learn model, which has no signatures." in done.stderr
    assert "Use cpr predict with --model-dir." in done.stderr
