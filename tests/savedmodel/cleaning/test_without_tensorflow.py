"""The commands that look at models and copy them do not import TensorFlow."""

import json
import subprocess
import sys

import pytest

PREDICTOR = """
import pathlib


class Flag:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return [0 for _ in instances]
"""
SCRIPT = """
import json, sys
from cpr.cli.app import main
code = main(json.loads(sys.argv[1]))
print(json.dumps([code, sorted({"tensorflow", "keras"} & set(sys.modules))]), file=sys.stderr)
"""


@pytest.fixture
def project(tmp_path, keras_trained):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "predictor.py").write_text(PREDICTOR)
    (folder / "cpr.toml").write_text(
        '[project]\nname = "flag"\nversion = "0.1"\nprediction_class = "predictor.Flag"\n'
    )
    return folder


COMMANDS = {
    "clean": (["clean", "MODEL", "OUT"], 0),
    "inspect": (["inspect", "MODEL"], 0),
    "check": (["check", "PROJECT", "--model-dir", "MODEL"], 0),
    "package": (["package", "PROJECT", "--model-dir", "MODEL", "--output", "OUT"], 0),
}


@pytest.mark.parametrize(("words", "code"), COMMANDS.values(), ids=COMMANDS)
def test_the_command_does_not_import_tensorflow(words, code, project, keras_trained, tmp_path):
    places = {
        "MODEL": str(keras_trained), "PROJECT": str(project), "OUT": str(tmp_path / "out"),
    }  # fmt: skip
    arguments = json.dumps([places.get(word, word) for word in words])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert json.loads(done.stderr.splitlines()[-1]) == [code, []], done.stderr
