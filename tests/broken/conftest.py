"""Builds each case of tests/broken/cases: its project, its model directory, what is expected.

A case is a folder. `expected.json` says why it is broken, what `cpr check` is
to find, as ``ID file:line``, and how it is asked:

    findings  what is found, all of it, notes too
    trap      the number of the trap in the service's contract that it falls into
    model     "iris" puts a fitted model into the model directory, "empty" nothing
    requests  sample requests; with `fill`, their text "filled" is that many characters long
    sdist     the project is checked as an archive, with this top folder
    links     links that the project has, by name
    cwd       "project": the project is the current directory
    target    null: the model directory alone is checked
    options   further arguments of `check_routine`

`model/` holds files of the model directory, `train.py` writes into the one that
its argument names, as the case's author would have; neither is in the project.
"""

import json
import runpy
import shutil
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "cases"
NOT_OF_THE_PROJECT = shutil.ignore_patterns("expected.json", "train.py", "model", "__pycache__")
# The cases are no tests, and most of them cannot be imported.
collect_ignore_glob = ["cases/*"]


@dataclass(frozen=True)
class Case:
    """A case that was built: arguments of `check_routine`, and what it is to find."""

    target: str | None
    model_dir: str | None
    requests: tuple[bytes, ...]
    options: dict
    expected: dict = field(default_factory=dict)


@pytest.fixture(scope="session")
def iris(tmp_path_factory):
    """A fitted classifier of two measures."""
    import joblib
    from sklearn.linear_model import LogisticRegression

    path = tmp_path_factory.mktemp("iris") / "model.joblib"
    rows = [[5.1, 3.5], [4.9, 3.0], [6.2, 2.9], [5.9, 3.2]]
    joblib.dump(LogisticRegression().fit(rows, [0, 0, 1, 1]), path)
    return path


@pytest.fixture
def build(tmp_path, monkeypatch, request):
    """Builds a case by its name; it is checked from a folder where nothing is."""
    (tmp_path / "elsewhere").mkdir()

    def make(name):
        source = CASES / name
        expected = json.loads((source / "expected.json").read_text("utf-8"))
        filled = "x" * expected.get("fill", 0)
        requests = [json.dumps(body) for body in expected.get("requests", ())]
        target = _target(source, expected, tmp_path)
        monkeypatch.chdir(tmp_path / expected.get("cwd", "elsewhere"))
        return Case(
            target=target,
            model_dir=_model_dir(source, expected, tmp_path, request),
            requests=tuple(text.replace("filled", filled).encode() for text in requests),
            options=expected.get("options", {}),
            expected=expected,
        )

    return make


def _target(source, expected, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(source, project, ignore=NOT_OF_THE_PROJECT)
    for name, place in expected.get("links", {}).items():
        (project / name).symlink_to(place)
    if "sdist" not in expected:
        return str(project) if "target" not in expected else expected["target"]
    archive = tmp_path / "routine-0.1.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        for path in sorted(project.iterdir()):
            file.add(path, Path(expected["sdist"]) / path.name)
    return str(archive)


def _model_dir(source, expected, tmp_path, request):
    model_dir = tmp_path / "model"
    if (source / "model").is_dir():
        shutil.copytree(source / "model", model_dir)
    if expected.get("model") == "iris":
        model_dir.mkdir(exist_ok=True)
        shutil.copy(request.getfixturevalue("iris"), model_dir)
    if expected.get("model") == "empty" or (source / "train.py").is_file():
        model_dir.mkdir(exist_ok=True)
    if (source / "train.py").is_file():
        _train(source, model_dir)
    return str(model_dir) if model_dir.is_dir() else None


def _train(source, model_dir):
    """Run train.py as a script, in this process; forget the project's modules that it imports."""
    before = sys.modules.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train.py", str(model_dir)])
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.syspath_prepend(str(source))
        runpy.run_path(str(source / "train.py"), run_name="__main__")
    for name in sys.modules.keys() - before:
        origin = getattr(sys.modules[name], "__file__", None)
        if origin is None or Path(origin).is_relative_to(source):
            del sys.modules[name]
