"""Runs the command line as a real process, and writes small routines for it."""

import subprocess
import sys
import textwrap

import pytest

DOUBLER = """
    class MyPredictor:
        @classmethod
        def from_path(cls, model_dir):
            return cls()

        def predict(self, instances, **kwargs):
            return [2 * instance for instance in instances]
"""


@pytest.fixture
def cpr(tmp_path):
    """Runs `python -m cpr` in a folder of its own; returns the finished process."""

    def run(*arguments, expected=0, stdin="", **options):
        command = [sys.executable, "-m", "cpr", *map(str, arguments)]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, input=stdin, **options
        )
        assert done.returncode == expected, f"{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def project(tmp_path):
    """Writes a project directory with a model directory; returns the flags that name both."""

    def write(source=DOUBLER, **files):
        folder = tmp_path / "project"
        (folder / "model").mkdir(parents=True)
        (folder / "predictor.py").write_text(textwrap.dedent(source))
        for name, content in files.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(content))
        return [folder, f"--model-dir={folder / 'model'}"]

    return write
