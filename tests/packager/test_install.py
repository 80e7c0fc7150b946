"""Packages installed by the newest pip and by that of 2020, and loaded as AI Platform did."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OLD_PIP = "20.3"
# The platform's own way: install to a folder, append it to sys.path, locate the class.
LOAD = """
import pydoc, sys
sys.path.append(sys.argv[1])
print(pydoc.locate(sys.argv[2]).from_path("").predict([1, 2]))
"""
PACKAGE_PREDICTOR = """
import io, os
from routine.tables import lookup

class MyPredictor(object):
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        here = os.path.dirname(__file__)
        with io.open(os.path.join(here, "data", "fa[c]tor.txt"), encoding="utf-8") as file:
            return [lookup(x) * int(file.read().split()[1]) for x in instances[:1]] + [4]
"""


def run(*words, **options):
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def find_python(version):
    """An interpreter of this version on PATH or among pyenv's, that works."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    listed = [shutil.which(f"python{version}"), *pyenv.glob(f"versions/{version}.*/bin/python")]
    for python in filter(None, listed):
        probe = [python, "-c", "import sys, venv, ensurepip; print(sys.version_info[:2])"]
        done = subprocess.run(probe, capture_output=True, text=True, check=False)
        if done.stdout.strip() == repr(tuple(map(int, version.split(".")))):
            return python
    return None


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment with a pip of the wanted version, made once each."""
    made = {}

    def make(python, pip):
        if python not in made:
            folder = tmp_path_factory.mktemp("venv")
            run(python, "-m", "venv", folder)
            made[python] = folder / "bin" / "python"
            run(made[python], "-m", "pip", "install", "--quiet", "--upgrade", pip)
        return made[python]

    return make


@pytest.fixture
def newest(environment):
    return environment(sys.executable, "pip")


@pytest.fixture(params=["3.7", "3.8", "3.9"])
def old(request, environment):
    python = find_python(request.param)
    if python is None:
        pytest.skip(f"there is no Python {request.param} on PATH or in pyenv")
    return environment(python, f"pip=={OLD_PIP}")


@pytest.fixture
def routine(make_project):
    """A package in src/, with data, a namespace folder and a requirement that is not there."""
    return make_project(
        {
            "cpr.toml": "[project]\nname = 'My-Routine'\nversion = 'v1'\n"
            "requirements = ['no-such-library>=1; python_version < \"3.0\"']\n"
            "python = '>=3.7'\n",
            "src/routine/__init__.py": "",
            "src/routine/predictor.py": PACKAGE_PREDICTOR,
            "src/routine/tables/__init__.py": "from routine.tables.deep.numbers import lookup\n",
            "src/routine/tables/deep/numbers.py": "def lookup(x):\n    return x\n",
            "src/routine/data/fa[c]tor.txt": "caf\u00e9 2\n",
        }
    )


def check(python, package, name, tmp_path):
    target = tmp_path / "custom_lib"
    run(python, "-m", "pip", "install", "--quiet", "--target", target, "--no-deps", package)
    assert run(python, "-I", "-c", LOAD, target, name, cwd=tmp_path) == "[2, 4]"


def test_the_newest_pip_installs_the_classic_project(classic, build, newest, tmp_path):
    check(newest, build(classic).path, "predictor.MyPredictor", tmp_path)


def test_the_newest_pip_installs_a_project_with_data(routine, build, newest, tmp_path):
    name = "routine.predictor.MyPredictor"
    check(newest, build(routine, {"project.prediction_class": name}).path, name, tmp_path)


def test_the_newest_pip_installs_it_into_its_environment(routine, build, newest, tmp_path):
    name = "routine.predictor.MyPredictor"
    package = build(routine, {"project.prediction_class": name}).path
    run(newest, "-m", "pip", "install", "--quiet", package)
    assert run(newest, "-I", "-c", LOAD, tmp_path, name, cwd=tmp_path) == "[2, 4]"
    shown = run(newest, "-m", "pip", "show", "my-routine")
    assert "Version: 1\n" in shown


def test_an_old_pip_installs_the_classic_project(classic, build, old, tmp_path):
    check(old, build(classic).path, "predictor.MyPredictor", tmp_path)


def test_an_old_pip_installs_a_project_with_data(routine, build, old, tmp_path):
    name = "routine.predictor.MyPredictor"
    check(old, build(routine, {"project.prediction_class": name}).path, name, tmp_path)
