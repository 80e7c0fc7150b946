"""What a killed `cpr export-model` leaves: whole versions only, and nothing after the next."""

import signal
import subprocess
import sys

import pytest

from cpr.savedmodel import export

EXPORT = """
import os, signal, sys
import tensorflow as tf
from cpr.savedmodel import export

def kill(event, arguments):
    if event == "shutil.copyfile" and str(arguments[0]) == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)

twice = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec([None], tf.float32)])
sys.addaudithook(kill)
export(twice, sys.argv[2], extra_files=[sys.argv[1]], version=eval(sys.argv[3]))
"""


@pytest.mark.parametrize("version", ["next", None], ids=["numbered", "the directory itself"])
def test_the_next_export_removes_what_a_killed_one_left(tf, tmp_path, version):
    notes = tmp_path / "notes.txt"
    notes.write_text("")
    twice = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec([None], tf.float32)])
    out = tmp_path / "here" / "out"
    if version == "next":
        export(twice, out)
    command = [sys.executable, "-c", EXPORT, notes, out, repr(version)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (left,) = out.parent.rglob(".out.*.tmp")
    assert (left / "model" / "saved_model.pb").is_file()
    assert export(twice, out, version=version).path == (out / "2" if version == "next" else out)
    assert not list(out.parent.rglob(".*"))
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    if version == "next":
        assert sorted(path.name for path in out.iterdir()) == ["1", "2"]
        assert all((path / "saved_model.pb").is_file() for path in out.iterdir())
