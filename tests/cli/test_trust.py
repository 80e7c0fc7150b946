"""Hostile pickles and pickles of one's own, on the command line."""

import os
import pickle
import subprocess
import sys

import pytest

joblib = pytest.importorskip("joblib", reason="needs the extra cpr[sklearn]")
pytest.importorskip("sklearn", reason="needs the extra cpr[sklearn]")

SCALER = """\
class MySimpleScaler:
    def preprocess(self, instances):
        return [[value / 2 for value in row] for row in instances]
"""


@pytest.fixture
def model_dir(tmp_path):
    from sklearn.linear_model import LinearRegression

    folder = tmp_path / "model"
    folder.mkdir()
    joblib.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]), folder / "model.joblib")
    return folder


@pytest.fixture
def with_scaler(tmp_path, model_dir):
    """A project without a class, and a pickled scaler of its module beside the model."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "preprocess.py").write_text(SCALER)
    (project / "cpr.toml").write_text('[project]\nname = "scaled"\n')
    path = model_dir / "preprocessor.pkl"
    code = "import pickle, preprocess as p, sys; pickle.dump(p.MySimpleScaler(), sys.stdout.buffer)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, check=True, capture_output=True
    )
    path.write_bytes(done.stdout)
    return project


def prediction(done):
    return round(float(done.stdout.strip().strip("[]")), 6)


class Surprise:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("compress", [0, 3], ids=["plain", "compressed"])
def test_predict_refuses_a_hostile_model(cpr, tmp_path, compress):
    folder = tmp_path / "hostile"
    folder.mkdir()
    joblib.dump(Surprise(tmp_path / "canary"), folder / "model.joblib", compress=compress)
    flags = ["predict", "--model-dir", folder, "--json-instances", "-"]
    refused = cpr(*flags, expected=10, stdin="[1]\n")
    assert "model.joblib is refused: loading it would use a name" in refused.stderr
    assert "'posix.mkdir'." in refused.stderr
    assert not (tmp_path / "canary").exists()
    data = cpr(*flags, "--trust", "data", expected=10, stdin="[1]\n")
    assert 'the setting trust = "data" refuses it' in data.stderr
    cpr(*flags, "--trust", "full", expected=10, stdin="[1]\n")
    assert (tmp_path / "canary").exists()


def test_replay_refuses_it_too(cpr, tmp_path, model_dir):
    (model_dir / "preprocessor.pkl").write_bytes(pickle.dumps(Surprise(tmp_path / "canary")))
    (tmp_path / "rows.jsonl").write_text("[1]\n")
    done = cpr("replay", "rows.jsonl", "--model-dir", model_dir, expected=10)
    assert "preprocessor.pkl is refused" in done.stderr
    assert not (tmp_path / "canary").exists()


def test_a_scaler_of_the_package_is_loaded(cpr, with_scaler, model_dir):
    flags = ["predict", with_scaler, "--model-dir", model_dir, "--json-instances", "-"]
    assert prediction(cpr(*flags, stdin="[4]\n")) == 2


def test_without_the_package_it_is_missing_and_elsewhere_it_must_be_trusted(
    cpr, with_scaler, model_dir
):
    flags = ["predict", "--model-dir", model_dir, "--json-instances", "-"]
    missing = cpr(*flags, expected=10, stdin="[4]\n")
    assert "preprocessor.pkl needs the module 'preprocess', which cannot be" in missing.stderr
    elsewhere = {**os.environ, "PYTHONPATH": str(with_scaler)}
    refused = cpr(*flags, expected=10, stdin="[4]\n", env=elsewhere)
    assert "'preprocess.MySimpleScaler'." in refused.stderr
    trusted = {**elsewhere, "CPR_PREDICTOR_TRUSTED": "preprocess.MySimpleScaler"}
    assert prediction(cpr(*flags, stdin="[4]\n", env=trusted)) == 2
