"""What a training leaves that is no exported model is shown as what it is, and what to do."""

import shlex
import shutil
import subprocess
import sys

import pytest

from cpr.errors import LoadError
from cpr.inspecting import inspect_model


@pytest.fixture(scope="module")
def frozen(tf, tmp_path_factory):
    """The path of a frozen graph, in binary and beside it in text."""
    folder = tmp_path_factory.mktemp("frozen")
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        x = v1.placeholder("float32", [None, 3], "in/x")
        v1.matmul(x, tf.constant([[1.0] * 700] * 3), name="scores")
        v1.placeholder("bool", [], "unused")
    tf.io.write_graph(graph, str(folder), "graph.pb", as_text=False)
    tf.io.write_graph(graph, str(folder), "graph.pbtxt", as_text=True)
    return folder / "graph.pb"


def only_problem(found):
    [problem] = found.problems
    assert (problem.severity, problem.id) == ("error", "not-exported")
    return problem


@pytest.mark.parametrize("ending", ["", ".index", ".data-00000-of-00001"])
def test_a_checkpoint_is_its_variables(checkpoints, ending, tf):
    prefix = checkpoints["graph"]
    found = inspect_model(f"{prefix}{ending}")
    assert (found.kind, found.format) == ("tensorflow", "checkpoint of TensorFlow 1")
    theirs = dict(tf.train.list_variables(str(prefix)))
    assert {item.name: list(item.shape) for item in found.variables} == theirs
    assert {file.role for file in found.files} == {"variables", "index of variables"}
    problem = only_problem(found)
    assert problem.fix.endswith(f"which `cpr inspect {prefix}.meta` shows.")


def test_a_checkpoint_of_objects_is_told_from_one_of_a_graph(tf, tmp_path):
    prefix = tf.train.Checkpoint(weight=tf.Variable([1.0, 2.0])).write(str(tmp_path / "model"))
    found = inspect_model(prefix)
    assert found.format == "checkpoint of TensorFlow 2"
    assert "cpr export-model module:function OUT" in only_problem(found).fix


def test_what_is_missing_of_a_checkpoint_is_told(checkpoints, tmp_path):
    shutil.copy(f"{checkpoints['graph']}.index", tmp_path / "model.ckpt-5.index")
    found = inspect_model(tmp_path / "model.ckpt-5.index")
    assert {problem.id for problem in found.problems} == {"shard-missing", "not-exported"}
    assert "model.ckpt-5.data-00000-of-… is missing" in found.problems[0].message
    assert "--build module:function" in found.problems[1].fix


def test_a_meta_graph_is_its_graph(checkpoints, tmp_path):
    meta = checkpoints["graph"].with_name("graph.meta")
    found = inspect_model(meta)
    assert found.format == "MetaGraph (binary)"
    assert found.graphs[0].ops["SaveV2"] == 1
    problem = only_problem(found)
    assert problem.message.endswith("are in graph.index beside it.")
    assert f"`cpr export-model {meta} OUT --input NAME=TENSOR" in problem.fix
    alone = tmp_path / "alone.meta"
    shutil.copy(meta, alone)
    assert only_problem(inspect_model(alone)).fix.startswith("Put the checkpoint beside it.")
    alone.with_suffix("").write_bytes(b"as the first version of the format has it")
    problem = only_problem(inspect_model(alone))
    assert problem.message.endswith("are in alone beside it.")
    assert problem.fix.startswith("`cpr export-model ")


@pytest.mark.parametrize("suffix", [".pb", ".pbtxt"])
def test_a_frozen_graph_is_shown_with_the_command_that_exports_it(frozen, suffix, tmp_path):
    path = frozen.with_suffix(suffix)
    found = inspect_model(path)
    assert found.format == f"frozen graph ({'binary' if suffix == '.pb' else 'text'})"
    assert found.graphs[0].ops == {"Placeholder": 2, "Const": 1, "MatMul": 1}
    problem = only_problem(found)
    command = problem.fix.split("`")[1]
    assert command == f"cpr export-model {path} OUT --input x=in/x:0 --output scores=scores:0"
    if suffix == ".pb":
        done = [sys.executable, "-m", *shlex.split(command)]
        subprocess.run(done, cwd=tmp_path, check=True, capture_output=True)
        assert inspect_model(tmp_path / "OUT").graphs[0].signatures[0].inputs[0].alias == "x"


def test_a_graph_with_variables_is_not_called_frozen(checkpoints, tf, tmp_path):
    meta = tf.compat.v1.MetaGraphDef.FromString(
        checkpoints["graph"].with_name("graph.meta").read_bytes()
    )
    (tmp_path / "graph.pb").write_bytes(meta.graph_def.SerializeToString())
    found = inspect_model(tmp_path / "graph.pb")
    assert found.format == "graph without values (binary)"
    assert "neither the values of its variables nor signatures" in only_problem(found).message


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("events.out.tfevents.17.host", b"x", "holds TensorBoard events", "tensorboard --logdir"),
        ("checkpoint", b'model_checkpoint_path: "gone-3"', "gone-3, which is not there", "Name"),
        ("checkpoint", b"", "newest checkpoint of its folder: none", "Name the checkpoint"),
        ("graph.pb", b"\xff\xff", "is no GraphDef of TensorFlow, or is damaged", "Copy it"),
        ("labels.pbtxt", b"item { id: 1 }", "is no GraphDef of TensorFlow", "Copy it"),
        ("graph.pb", b"", "holds no graph of TensorFlow", "called saved_model.pb"),
        ("model.meta", b"", "holds no graph of TensorFlow", "called saved_model.pb"),
    ],
)
def test_what_has_nothing_to_show_is_told(tmp_path, name, content, message, hint):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LoadError) as error:
        inspect_model(tmp_path / name)
    assert message in error.value.problem
    assert hint in error.value.hint


def test_a_folder_of_checkpoints_names_the_newest(checkpoints, tmp_path):
    for ending in ("index", "meta"):
        shutil.copy(f"{checkpoints['graph']}.{ending}", tmp_path / f"model.ckpt-7.{ending}")
    with pytest.raises(LoadError, match="No model was found") as error:
        inspect_model(tmp_path)
    assert error.value.hint.endswith(f"cpr inspect {tmp_path / 'model.ckpt-7'}")
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-7"')
    with pytest.raises(LoadError, match=r"only names the newest .*: model\.ckpt-7\.\n") as error:
        inspect_model(tmp_path / "checkpoint")
    assert error.value.hint == f"cpr inspect {tmp_path / 'model.ckpt-7'}"


@pytest.mark.parametrize("part", ["variables", "variables/variables.index", "fingerprint.pb"])
def test_a_part_of_a_saved_model_names_the_whole(keras_cnn, part):
    with pytest.raises(LoadError, match=r"is a part of the SavedModel in ") as error:
        inspect_model(keras_cnn / part)
    assert error.value.hint == f"cpr inspect {keras_cnn}"


def test_a_folder_without_a_model_is_told_no_flag_of_another_command(tmp_path):
    (tmp_path / "weights.bin").write_bytes(b"x")
    with pytest.raises(LoadError, match="No model was found") as error:
        inspect_model(tmp_path)
    assert error.value.hint == "Name the file or directory of the model itself."
