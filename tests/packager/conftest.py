"""Projects to package, made on the spot."""

from pathlib import Path

import pytest

from cpr.config import load_settings
from cpr.packager import build_package

PREDICTOR = """
class MyPredictor:
    def predict(self, instances, **kwargs):
        return [2 * x for x in instances]

    @classmethod
    def from_path(cls, model_dir):
        return cls()
"""
CLASSIC_SETUP = """
from setuptools import setup

setup(
    name='my_custom_code',
    version='0.1',
    scripts=['predictor.py', 'preprocess.py'])
"""


@pytest.fixture
def make_project(tmp_path):
    """Write files, given as name → text, into a project directory."""

    def make(files, *, folder="project"):
        project = tmp_path / folder
        for name, text in files.items():
            path = project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return project

    return make


@pytest.fixture
def classic(make_project):
    """The project of the AI Platform tutorial: a setup.py with scripts and nothing else."""
    return make_project(
        {
            "setup.py": CLASSIC_SETUP,
            "predictor.py": "import preprocess\n" + PREDICTOR,
            "preprocess.py": "FACTOR = 2\n",
            "train.py": "raise SystemExit('training')\n",
        }
    )


@pytest.fixture
def build(tmp_path):
    """Package a project with flags, as ``table.key`` → value, and no environment."""

    def build(project, flags=None, *, out_dir=None, environ=None):
        defaults = {"project.prediction_class": "predictor.MyPredictor"}
        given = {**defaults, **(flags or {})}
        settings = load_settings(Path(project), flags=given, environ={})
        out_dir = out_dir or tmp_path / "out"
        return build_package(project, out_dir=out_dir, settings=settings, environ=environ or {})

    return build


@pytest.fixture
def files_of(build):
    """The names of a built package's files, but the generated ones."""
    generated = {"setup.py", "setup.cfg", "PKG-INFO"}

    def files(project, flags=None):
        members = build(project, flags).manifest.members
        return sorted(n for n in members if n not in generated and ".egg-info/" not in n)

    return files


@pytest.fixture
def predictor_source():
    return PREDICTOR
