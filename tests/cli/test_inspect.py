"""`cpr inspect` as a process: what people and programs read, and what it may not import."""

import json
import subprocess
import sys

import pytest

from cpr.savedmodel import protos


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    tf = pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")

    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            self.weight = tf.Variable(tf.ones([4, 3]), name="weight")
            self.copies = [tf.Variable(tf.ones([4, 3])) for _ in range(30)]

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "x")])
        def __call__(self, x):
            return {"y": tf.matmul(x, self.weight)}

    folder = tmp_path_factory.mktemp("model") / "1"
    made = Model()
    tf.saved_model.save(made, str(folder), signatures=made.__call__)
    return folder


def test_prints_what_a_person_asks_for(cpr, model):
    shown = cpr("inspect", model).stdout
    assert "SavedModel (binary), tensorflow" in shown
    assert "Signature serving_default  tensorflow/serving/predict" in shown
    assert "in  x  float32 (?, 4)  serving_default_x:0" in shown
    assert 'request  {"instances": [[0.0, 0.0, 0.0, 0.0]]}' in shown
    assert "… and 11 more: --all lists them" in shown
    assert "aiplatform-mls1 takes 500 MB; aiplatform-n1 takes 10 GB." in shown


def test_nothing_is_filled_with_spaces_where_no_terminal_is(cpr, model):
    assert " \n" not in cpr("inspect", model, "--all").stdout


def test_all_lists_every_row(cpr, model):
    assert "--all lists them" not in cpr("inspect", model, "--all").stdout


def test_a_request_that_is_printed_is_answered(cpr, model, tmp_path):
    summary = json.loads(cpr("inspect", model, "--json").stdout)["summary"]
    sample = summary["graphs"][0]["signatures"]["serving_default"]["sample"]
    (tmp_path / "sample.json").write_text(json.dumps(sample), encoding="utf-8")
    done = cpr("predict", "--model-dir", model, "--json-request", "sample.json", "--json")
    assert json.loads(done.stdout)["ok"]


def test_json_is_one_document(cpr, model):
    document = json.loads(cpr("inspect", model, "--json").stdout)
    assert (document["schema"], document["ok"]) == ("cpr.inspect/1", True)
    summary = document["summary"]
    assert (summary["kind"], len(summary["variables"])) == ("tensorflow", 32)
    [graph] = summary["graphs"]
    assert graph["tags"] == ["serve"]
    assert graph["signatures"]["serving_default"]["inputs"] == {
        "x": {
            "dtype": "float32",
            "shape": [None, 4],
            "tensor": "serving_default_x:0",
            "encoding": "dense",
        }
    }
    assert [item["severity"] for item in document["findings"]] == ["note"]


def test_names_in_a_model_do_not_command_the_terminal(cpr, tmp_path):
    hostile = protos.SavedModel()
    graph = hostile.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    graph.graph_def.node.add(name="n", op="\x1b[2J\nerror")
    graph.signature_def["\x1b]0;title\x07"].method_name = "predict"
    (tmp_path / "saved_model.pb").write_bytes(hostile.SerializeToString())
    shown = cpr("inspect", tmp_path).stdout
    assert "\x1b" not in shown
    assert "␛[2J␊error" in shown
    assert "Signature ␛]0;title␇" in shown


def test_what_cannot_be_served_is_a_finding(cpr, model, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes((model / "saved_model.pb").read_bytes())
    (broken / "variables").mkdir()
    index = (model / "variables" / "variables.index").read_bytes()
    (broken / "variables" / "variables.index").write_bytes(index)
    document = json.loads(cpr("inspect", broken, "--json", expected=1).stdout)
    assert not document["ok"]
    assert document["findings"][0]["severity"] == "error"
    assert "variables.data-00000-of-… is missing" in document["findings"][0]["message"]


def test_what_cannot_be_read_ends_with_a_clear_error(cpr, tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\x12\xff")
    done = cpr("inspect", ".", expected=10)
    assert "is not a SavedModel, or is damaged: it is not a whole protocol buffer" in done.stderr
    done = cpr("inspect", "nowhere", expected=10)
    assert "does not exist" in done.stderr


MEASURED = """
import re, sys
from cpr.cli import main
assert main(["inspect", sys.argv[1]]) == 0
heavy = {"tensorflow", "keras", "sklearn", "h5py", "onnx", "pandas"} & set(sys.modules)
peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
print(sorted(heavy), peak, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """A SavedModel of 100 MB whose weights are constants of its graph."""
    from cpr.savedmodel import protos

    model = protos.SavedModel(saved_model_schema_version=1)
    graph = model.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    graph.signature_def["serving_default"].inputs["x"].name = "x:0"
    for number in range(100):
        node = graph.graph_def.node.add(name=f"w{number}", op="Const")
        tensor = node.attr["value"].tensor
        tensor.dtype, tensor.tensor_content = 1, bytes(1_000_000)
        tensor.tensor_shape.dim.add(size=250_000)
    folder = tmp_path_factory.mktemp("frozen")
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", ["model", "frozen"])
def test_neither_a_framework_nor_more_than_a_little_memory_is_taken(request, name):
    command = [sys.executable, "-c", MEASURED, request.getfixturevalue(name)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    heavy, kilobytes = done.stderr.rsplit(" ", 1)
    assert heavy == "[]"
    assert int(kilobytes) < 60_000


def test_html_is_a_file_or_standard_output(cpr, model, tmp_path):
    done = cpr("inspect", model, "--html", "page.html")
    assert done.stdout == ""
    assert done.stderr == "cpr: wrote page.html\n"
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert cpr("inspect", model, "--html", "-").stdout == f"{text}\n"
    both = cpr("inspect", model, "--html", "page.html", "--json", "--quiet")
    assert json.loads(both.stdout)["schema"] == "cpr.inspect/1"
    assert both.stderr == ""


def test_a_page_and_a_document_are_not_written_into_each_other(cpr, model):
    done = cpr("inspect", model, "--html", "-", "--json", expected=2)
    [finding] = json.loads(done.stdout)["findings"]
    assert finding["message"].startswith("--json and --html - would both write to standard output.")
