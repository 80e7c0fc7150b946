"""Which model there is, and whether it is whole."""

import json
import shutil
import zipfile

import pytest

from cpr.checks.run import check_routine
from cpr.savedmodel import protos


@pytest.fixture
def model_dir(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A SavedModel of TensorFlow with an optimizer, after one step."""
    tf = pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")
    keras = tf.keras
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(tf.ones((2, 4)), tf.ones((2, 1)), verbose=0)
    folder = tmp_path_factory.mktemp("trained")
    tf.saved_model.save(model, str(folder / "whole"))
    model.export(str(folder / "inference"), verbose=False)
    return folder


def found(model_dir, **options):
    report = check_routine(None, str(model_dir), only=["artifacts"], **options)
    return [(item.id, item.severity, item.message) for item in report.findings]


def test_no_model_is_an_error(model_dir):
    ((identity, severity, message),) = found(model_dir)
    assert (identity, severity) == ("CPR310", "error")
    assert message.startswith(f"No model was found in {model_dir}: looked for saved_model.pb")


@pytest.mark.parametrize(
    "names", [("model.joblib", "model.onnx"), ("a.onnx", "b.onnx")], ids=["kinds", "files"]
)
def test_several_models_are_an_error(model_dir, names):
    for name in names:
        (model_dir / name).write_bytes(b"\x08\x07")
    ((identity, severity, message),) = [item for item in found(model_dir) if item[0] != "CPR312"]
    assert (identity, severity) == ("CPR311", "error")
    assert message.startswith(f"Multiple model files are found in the model_path {model_dir}")


WRONG = {
    "empty": ("model.onnx", b"", "it is empty"),
    "pointer": (
        "model.joblib",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "it is a Git LFS pointer, not the file itself; run git lfs pull",
    ),
    "web page": ("model.keras", b"<!DOCTYPE html>\n<html>", "it is a web page"),
    "graph": ("saved_model.pb", b"\x08\x01\x12\x70", "it is not a whole protocol buffer"),
    "no graph": ("saved_model.pb", b"\x08\x01", "it holds no graph"),
    "hdf5": ("model.h5", b"PK\x03\x04", r"it starts with b'PK\x03\x04', not as HDF5 does"),
    "zip": ("model.keras", b"PK\x03\x04cut", "it is not a whole zip file"),
    "litert": ("model.tflite", b"12345678", "it has not the mark of a LiteRT model"),
    "json": ("model.json", b'{"learner": {"gra', "it is not JSON"),
    "ubjson": ("model.ubj", b"{L\0", ""),
}


@pytest.mark.parametrize(("name", "content", "fault"), WRONG.values(), ids=WRONG)
def test_a_damaged_file_is_an_error(model_dir, name, content, fault):
    (model_dir / name).write_bytes(content)
    ((identity, severity, message),) = found(model_dir)
    assert (identity, severity) == ("CPR312", "error")
    assert message.startswith(f"{name} is damaged: {fault}")


def test_whole_files_are_not_told(model_dir):
    with zipfile.ZipFile(model_dir / "model.keras", "w") as file:
        file.writestr("config.json", json.dumps({}))
    assert found(model_dir) == []


def test_a_saved_model_that_is_whole_has_no_finding(trained):
    assert found(trained / "inference") == []


def test_the_state_of_an_optimizer_is_told_with_its_size(trained):
    ((identity, severity, message),) = found(trained / "whole")
    assert (identity, severity) == ("CPR331", "warning")
    assert " bytes of " in message
    assert "are the state of an optimizer" in message


@pytest.mark.parametrize("part", ["data", "index", "graph"])
def test_a_saved_model_that_is_cut_off_is_damaged(trained, model_dir, part):
    shutil.copytree(trained / "inference", model_dir, dirs_exist_ok=True)
    names = {"data": "variables/*.data*", "index": "variables/*.index", "graph": "saved_model.pb"}
    (path,) = model_dir.glob(names[part])
    path.write_bytes(path.read_bytes()[:-30])
    ((identity, _, message),) = found(model_dir)
    assert identity == "CPR312"
    said = {
        "data": "bytes and ends before",
        "index": "the index of the variables is damaged: it does not end as an index does",
        "graph": "saved_model.pb is damaged: it is not a whole protocol buffer",
    }
    assert said[part] in message


def test_variables_without_their_data_are_damaged(trained, model_dir):
    shutil.copytree(trained / "inference", model_dir, dirs_exist_ok=True)
    next(model_dir.glob("variables/*.data*")).unlink()
    ((identity, _, message),) = found(model_dir)
    assert identity == "CPR312"
    assert "variables.data-00000-of-… with " in message
    assert message.endswith(" is missing")


METADATA = {
    "inputs": {"rows": {"input_tensor_name": "rows", "input_baselines": [[0, 0, 0]]}},
    "outputs": {"scores": {"output_tensor_name": "scores"}},
}


def changed(side, **item):
    [name] = METADATA[side]
    return {**METADATA, side: {name: {**METADATA[side][name], **item}}}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (METADATA, None),
        (changed("inputs", input_tensor_name="row"), "rows.input_tensor_name is 'row'; the model"),
        (changed("inputs", input_baselines=[[0, 0]]), "input_baselines[0] has 2 values; the input"),
        (changed("outputs", output_tensor_name="score"), "output_tensor_name is 'score'; the"),
        ({**METADATA, "outputs": {}}, "outputs is {}; expected an object with the outputs to"),
        ([], "the document is []; expected an object"),
    ],
    ids=["fits", "input", "width", "output", "no output", "no object"],
)
def test_explanation_metadata_fits_the_signature(model_dir, document, said):
    graph = protos.SavedModel(saved_model_schema_version=1)
    own = graph.meta_graphs.add()
    own.meta_info_def.tags.append("serve")
    signature = own.signature_def["serving_default"]
    for side, name in ((signature.inputs, "rows"), (signature.outputs, "scores")):
        side[name].name = f"{name}_1:0"
        side[name].dtype = 1
        for size in (-1, 3):
            side[name].tensor_shape.dim.add(size=size)
    (model_dir / "1").mkdir()
    (model_dir / "1" / "saved_model.pb").write_bytes(graph.SerializeToString())
    (model_dir / "1" / "explanation_metadata.json").write_text(json.dumps(document))
    findings = found(model_dir)
    if said is None:
        assert findings == []
    else:
        [(identity, severity, message)] = findings
        assert (identity, severity) == ("CPR313", "error")
        assert message.startswith("1/explanation_metadata.json: ")
        assert said in message
