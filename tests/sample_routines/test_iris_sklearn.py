"""The legacy sample: what it leaves behind, and what `cpr` makes of it unmodified."""

import ast
import json
import pickletools
import shutil
import subprocess
import sys

import pytest

EXPECTED = {
    "species.json": ["setosa", "virginica"],
    "probabilities.json": [[1.0, 0.0, 0.0], [0.0, 0.15, 0.85]],
}


def test_knows_nothing_of_cpr(iris):
    for path in iris.glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        imported = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
        imported |= {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
        assert not [name for name in imported if name.startswith("cpr")], path


def test_lists_its_modules_as_scripts_only(iris):
    setup = (iris / "setup.py").read_text()
    assert 'scripts=["predictor.py", "preprocess.py"]' in setup
    assert "py_modules" not in setup
    assert "packages" not in setup


def test_the_pickle_binds_to_the_module_that_is_packaged(iris):
    operations = list(pickletools.genops((iris / "model" / "preprocessor.pkl").read_bytes()))
    words = [argument for _, argument, _ in operations if isinstance(argument, str)]
    assert words[:2] == ["preprocess", "MySimpleScaler"]
    assert "__main__" not in words


def test_training_twice_gives_one_model(iris, tmp_path):
    train = [sys.executable, str(iris / "train.py"), "--model-dir", str(tmp_path / "again")]
    subprocess.run(train, check=True, capture_output=True)
    for name in ("model.joblib", "preprocessor.pkl", "species.txt"):
        assert (tmp_path / "again" / name).read_bytes() == (iris / "model" / name).read_bytes()


@pytest.mark.parametrize("request_file", sorted(EXPECTED))
def test_answers_its_request_files(iris, cpr, request_file):
    done = cpr(
        "predict",
        iris,
        "--prediction-class=predictor.MyPredictor",
        f"--model-dir={iris / 'model'}",
        f"--json-request={iris / 'requests' / request_file}",
        "--format=json",
    )
    assert json.loads(done.stdout) == {"predictions": EXPECTED[request_file]}


def test_predicts_from_its_package_alone(iris, cpr, tmp_path):
    cpr(
        "package",
        iris,
        "--prediction-class=predictor.MyPredictor",
        f"--output={tmp_path / 'dist'}",
    )
    (package,) = (tmp_path / "dist").glob("*.tar.gz")
    shutil.copytree(iris / "model", tmp_path / "model")
    done = cpr(
        "predict",
        package,
        "--model-dir=model",
        f"--json-instances={iris / 'requests' / 'rows.jsonl'}",
    )
    assert done.stdout == "['setosa', 'versicolor', 'virginica']\n"
