"""The wheel: what is in it, and that it works where there is no checkout."""

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"cpr": "cpr", "cpr/predictors": "predictors", "cpr/packager": "packaging/packager"}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Built from a copy, so that no build files appear in the checkout."""
    source = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for folder in ("cpr", "predictors", "packaging"):
        shutil.copytree(ROOT / folder, source / folder, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", source / "dist", source]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="session")
def clean_python(wheel, tmp_path_factory):
    """A new virtual environment that holds the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", wheel]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return python


def run(python, *arguments, cwd, expected=0):
    done = subprocess.run([python, *map(str, arguments)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == expected, done.stderr
    return done


def test_holds_every_module_and_nothing_else(wheel):
    expected = {
        f"{package}/{path.relative_to(ROOT / folder).as_posix()}"
        for package, folder in FOLDERS.items()
        for path in (ROOT / folder).rglob("*.py")
    } | {"cpr/py.typed"}
    expected |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "cpr").rglob("*.tmpl")}
    for folder in ("cpr/reports/assets", "cpr/pages/assets", "cpr/pages/templates"):
        expected |= {f"{folder}/{path.name}" for path in (ROOT / folder).iterdir()}
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == expected


def test_imports_all_its_parts_without_the_checkout(clean_python, tmp_path):
    code = (
        "import importlib, pkgutil, cpr, cpr.predictors, cpr.packager\n"
        "for found in pkgutil.walk_packages(cpr.__path__, 'cpr.'):\n"
        "    if found.name.endswith('__main__') or 'pytest' in found.name: continue\n"
        # What needs the extra `serve` from its first line on.
        "    if found.name.startswith(('cpr.server.front', 'cpr.pages.')): continue\n"
        "    importlib.import_module(found.name)\n"
        "print(cpr.__file__)\n"
    )
    done = run(clean_python, "-I", "-c", code, cwd=tmp_path)
    assert Path(done.stdout.strip()).is_relative_to(clean_python.parent.parent)


def test_predicts_without_any_extra(clean_python, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "doubler.py").write_text(
        "class Doubler:\n"
        "    @classmethod\n"
        "    def from_path(cls, model_dir):\n"
        "        return cls()\n"
        "    def predict(self, instances, **kwargs):\n"
        "        return [2 * x for x in instances]\n"
    )
    (tmp_path / "rows.jsonl").write_text("1\n2.5\n")
    done = run(
        clean_python.parent / "cpr",
        "predict",
        "doubler:Doubler",
        "--model-dir=model",
        "--json-instances=rows.jsonl",
        cwd=tmp_path,
    )
    assert done.stdout == "[2, 5.0]\n"


def test_starts_a_project_without_any_extra(clean_python, tmp_path):
    run(clean_python.parent / "cpr", "init", "fruit", "--template=bare", cwd=tmp_path)
    run(clean_python, "train.py", cwd=tmp_path / "fruit")
    done = run(
        clean_python.parent / "cpr",
        "predict",
        ".",
        "--json-request=requests/fruit.json",
        cwd=tmp_path / "fruit",
    )
    assert done.stdout == "['apple', 'banana', 'cherry']\n"


def test_names_the_extra_that_a_model_needs(clean_python, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.onnx").write_bytes(b"any")
    (tmp_path / "rows.jsonl").write_text("1\n")
    done = run(
        clean_python.parent / "cpr",
        "predict",
        "--model-dir=model",
        "--json-instances=rows.jsonl",
        cwd=tmp_path,
        expected=20,
    )
    assert "pip install 'cpr[onnx]'" in done.stderr
    assert not done.stdout
