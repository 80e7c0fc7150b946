"""Checkpoints that are not what they should be: named, or read all the same."""

import os
import shutil

import numpy as np
import pytest

from cpr.errors import LoadError
from cpr.savedmodel import export, protos
from cpr.savedmodel.migrating.graph_cut import tensor_of

NAMES = {"inputs": {"x": "x:0"}, "outputs": {"y": "y:0"}}


@pytest.fixture
def copied(trained, tmp_path):
    """The directory of a checkpoint, free to be damaged."""
    return shutil.copytree(trained.path.parent, tmp_path / "copied")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("checkpoint", ""),
        ("model.ckpt-3.index", "model.ckpt-3.meta"),
        ("model.ckpt-3.data-00000-of-00001", "model.ckpt-3.meta"),
    ],
)
def test_a_pipe_is_refused_before_it_is_waited_for(tf, copied, tmp_path, name, source):
    (copied / name).unlink()
    os.mkfifo(copied / name)
    options = NAMES if source else {"build": dict}
    with pytest.raises(LoadError) as caught:
        export(copied / source, tmp_path / "out", **options)
    assert caught.value.problem.startswith(f"{copied / name} is no file")
    assert not (tmp_path / "out" / "1").exists()


def test_a_variable_that_its_collection_has_twice_is_one(tf, trained, copied, tmp_path):
    meta = copied / "model.ckpt-3.meta"
    model = protos.MetaGraphDef.FromString(meta.read_bytes())
    for key in ("variables", "trainable_variables"):
        listed = model.collection_def[key].bytes_list.value
        listed.extend(list(listed))
    meta.write_bytes(model.SerializeToString())
    done = export(meta, tmp_path / "out", **NAMES)
    answered = tf.saved_model.load(str(done.path)).signatures["serving_default"](
        tf.constant(trained.feeds["x"])
    )
    assert np.allclose(answered["y"], trained.answer["y"], atol=1e-6)


def test_a_collection_that_cannot_be_read_is_told(tf, copied, tmp_path):
    meta = copied / "model.ckpt-3.meta"
    model = protos.MetaGraphDef.FromString(meta.read_bytes())
    model.collection_def["variables"].bytes_list.value[0] = b"\xff\xff"
    meta.write_bytes(model.SerializeToString())
    with pytest.raises(LoadError, match=r"^TensorFlow [\d.]+ cannot import .*ckpt-3\.meta: "):
        export(meta, tmp_path / "out", **NAMES)


@pytest.mark.parametrize("name", ["x:0_", "x:-1", "x:y"])
def test_a_tensor_without_a_number_is_told(name):
    with pytest.raises(LoadError, match="is no tensor's name: a number is expected") as caught:
        tensor_of(name)
    assert caught.value.hint
