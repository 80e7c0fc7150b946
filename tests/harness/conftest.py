"""Small projects to put a harness on, and pytest runs of them."""

import json
import subprocess
import sys
import textwrap

import pytest

import cpr

DOUBLER = """
    class MyPredictor:
        @classmethod
        def from_path(cls, model_dir):
            return cls()

        def predict(self, instances, **kwargs):
            return [self.double(instance) + kwargs.get("plus", 0) for instance in instances]

        def double(self, instance):
            return 2 * instance
"""
SETTINGS = """
    [project]
    name = "doubler"
    version = "0.1"
    prediction_class = "predictor.MyPredictor"
    model_dir = "model"
"""


@pytest.fixture
def project(tmp_path):
    """A project directory that doubles numbers; has a request file, and no golden files."""
    folder = tmp_path / "doubler"
    (folder / "model").mkdir(parents=True)
    (folder / "requests").mkdir()
    (folder / "predictor.py").write_text(textwrap.dedent(DOUBLER))
    (folder / "cpr.toml").write_text(textwrap.dedent(SETTINGS))
    (folder / "requests" / "rows.jsonl").write_text("1\n2.5\n")
    return folder


@pytest.fixture
def golden(project):
    """Writes the golden file of the project's requests."""

    def write(*predictions):
        (project / "golden").mkdir(exist_ok=True)
        lines = [json.dumps({"predictions": [value]}) for value in predictions]
        (project / "golden" / "rows.jsonl").write_text("\n".join(lines) + "\n")

    return write


@pytest.fixture
def harness(project):
    with cpr.Harness(project) as opened:
        yield opened


@pytest.fixture
def run_pytest(project):
    """Runs pytest in the project, in a process of its own; returns its output."""

    def run(*arguments, expected=0):
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True)
        assert done.returncode == expected, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return run
