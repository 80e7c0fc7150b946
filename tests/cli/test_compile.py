import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

xgboost = pytest.importorskip("xgboost", reason="needs the extra cpr[xgboost]")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    rows = np.random.default_rng(0).normal(size=(200, 3))
    data = xgboost.DMatrix(rows, rows[:, 0] > 0)
    xgboost.train({"objective": "binary:logistic"}, data, 4).save_model(folder / "model.ubj")
    (folder / "rows.jsonl").write_text("[0.5, 1, null]\n[-2, 0.25, 3]\n")
    return folder


def cpr(*arguments):
    command = [sys.executable, "-m", "cpr", "compile", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_compiles_and_explains(model):
    done = cpr(model, "--batch-sizes", "1,8", "--instances", model / "rows.jsonl", "--explain")
    assert done.returncode == 0, done.stderr
    first, compared, *rest = done.stdout.splitlines()
    assert first.startswith(f"{model / 'compiled'}: onnx, ")
    assert compared.startswith("compared: ")
    assert rest[-1] == "onnx: chosen"


def test_prints_one_document(model):
    done = cpr(model, "--batch-sizes", "1", "--json")
    document = json.loads(done.stdout)
    assert (document["schema"], document["ok"]) == ("cpr.compile/1", True)
    summary = document["summary"]
    assert (summary["compiled"], summary["runtime"]) == (True, "onnx")
    assert {figure["batch_size"] for figure in summary["candidates"][0]["figures"]} == {1}


def test_says_why_nothing_was_compiled_and_ends_well(model):
    # Nobody is exactly equal in single precision, summed in another order.
    done = cpr(model, "--batch-sizes", "1", "--atol", "0", "--rtol", "0")
    assert done.returncode == 0
    assert done.stdout.startswith(f"{model / 'model.ubj'} stays as it is: no candidate is")
    assert "onnx: predict: it answers " in done.stdout
    assert not (model / "compiled").exists()


def test_a_runtime_that_this_kind_of_model_is_not_compiled_for_is_told(model):
    done = cpr(model, "--runtime", "litert")
    assert done.returncode == 0
    assert "xgboost models are compiled for onnx, not litert" in done.stdout


@pytest.mark.parametrize("sizes", ["", "0", "1,x", "-1"])
def test_refuses_batch_sizes_that_are_no_counts(model, sizes):
    done = cpr(model, f"--batch-sizes={sizes}")
    assert done.returncode == 2
    assert f"--batch-sizes is {sizes!r}; expected numbers of instances." in done.stderr


def test_a_directory_without_a_model_is_told(tmp_path):
    done = cpr(tmp_path)
    assert done.returncode == 10
    assert "No model was found" in done.stderr


def test_a_model_file_is_told_which_directory_to_give(model):
    done = cpr(model / "model.ubj")
    assert done.returncode == 10
    assert (
        f"model.ubj is a file, not a directory.\n     Give the directory that holds it: {model}"
        in (done.stderr)
    )


class Surprise:
    """A pickle that makes a directory when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def prepared(model, tmp_path):
    """Makes a copy of the model with a preprocessor beside it, and instances for that."""
    joblib = pytest.importorskip("joblib", reason="needs the extra cpr[sklearn]")

    def make(preprocessor):
        folder = tmp_path / "model"
        shutil.copytree(model, folder, ignore=shutil.ignore_patterns("compiled"))
        joblib.dump(preprocessor, folder / "preprocessor.joblib")
        (folder / "rows.jsonl").write_text("[0.5, 1, 2]\n[-2, 0.25, 3]\n")
        return folder

    return make


def test_a_hostile_preprocessor_is_refused_before_anything_is_built(prepared, tmp_path):
    folder = prepared(Surprise(tmp_path / "canary"))
    done = cpr(folder, "--batch-sizes", "1", "--instances", folder / "rows.jsonl")
    assert done.returncode == 10
    assert f"{folder / 'preprocessor.joblib'} is refused: loading it would use" in done.stderr
    assert not (tmp_path / "canary").exists()
    assert not (folder / "compiled").exists()


def test_a_preprocessor_is_not_opened_without_instances_for_it(prepared, tmp_path):
    folder = prepared(Surprise(tmp_path / "canary"))
    done = cpr(folder, "--batch-sizes", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "canary").exists()


def test_instances_pass_through_a_preprocessor_that_is_trusted(prepared):
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    folder = prepared(scaler.fit([[0.0, 1.0, 2.0], [1.0, 5.0, 9.0]]))
    flags = [folder, "--batch-sizes", "1", "--instances", folder / "rows.jsonl"]
    refused = cpr(*flags, "--trust", "data")
    assert refused.returncode == 10
    assert 'the setting trust = "data" refuses it' in refused.stderr
    done = cpr(*flags)
    assert done.returncode == 0, done.stderr
    (folder / "rows.jsonl").write_text("[0.5, 1]\n")
    told = cpr(*flags)
    assert told.returncode == 11
    assert "Each instance has 2 features; the model takes 3." in told.stderr
