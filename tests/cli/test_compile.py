import json
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
