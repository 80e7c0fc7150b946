"""The samples, copied out of the checkout and trained once by their own train.py."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parent.parent.parent / "sample_routines"


def trained_copy(name, folder):
    copy = folder / name
    shutil.copytree(
        SAMPLES / name, copy, ignore=shutil.ignore_patterns("model", "dist", "__pycache__")
    )
    subprocess.run([sys.executable, "train.py"], cwd=copy, check=True, capture_output=True)
    return copy


@pytest.fixture(scope="session")
def iris(tmp_path_factory):
    return trained_copy("iris_sklearn", tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="session")
def wine(tmp_path_factory):
    return trained_copy("wine_savedmodel", tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="session")
def census(tmp_path_factory):
    return trained_copy("census_forest", tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="session")
def reviews(tmp_path_factory):
    return trained_copy("reviews_text", tmp_path_factory.mktemp("samples"))


@pytest.fixture
def cpr(tmp_path):
    """Runs the command line in a folder of its own; returns the finished process."""

    def run(*arguments, expected=0):
        command = [sys.executable, "-m", "cpr", *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == expected, done.stderr
        return done

    return run
