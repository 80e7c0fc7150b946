"""Opening a routine: from every kind of target and model directory to an answer."""

import json
import os
import subprocess
import sys
import tarfile
import tempfile

import pytest

from cpr.errors import ConfigError, LoadError, UsageError, UserCodeError
from cpr.messages import Call
from cpr.serving import open_routine

PREDICTOR = """
import os
import joblib
from preprocess import scale


class Flowers:
    def __init__(self, model):
        self._model = model

    def predict(self, instances, **kwargs):
        rows = scale(instances)
        if kwargs.get("probabilities"):
            return self._model.predict_proba(rows).round(3).tolist()
        return [["setosa", "other"][n] for n in self._model.predict(rows)]

    @classmethod
    def from_path(cls, model_dir):
        return cls(joblib.load(os.path.join(model_dir, "model.joblib")))
"""
PREPROCESS = "def scale(rows):\n    return [[value / 10 for value in row] for row in rows]\n"
ROWS = [[0.0, 0.0], [20.0, 20.0]]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    joblib = pytest.importorskip("joblib", reason="scikit-learn is an extra")
    from sklearn.tree import DecisionTreeClassifier

    folder = tmp_path_factory.mktemp("model")
    model = DecisionTreeClassifier(random_state=0).fit([[0, 0], [2, 2]], [0, 1])
    joblib.dump(model, folder / "model.joblib")
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "predictor.py").write_text(PREDICTOR)
    (folder / "preprocess.py").write_text(PREPROCESS)
    monkeypatch.chdir(tmp_path)
    return folder


def tutorial_sdist(project):
    """What the classic tutorial's setup.py, with scripts alone, used to build."""
    top = "my_custom_code-0.1"
    (project / "setup.py").write_text(
        "from setuptools import setup\n"
        "setup(name='my_custom_code', version='0.1', scripts=['predictor.py', 'preprocess.py'])\n"
    )
    (project / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: my-custom-code\nVersion: 0.1\n")
    path = project.parent / f"{top}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member in sorted(project.iterdir()):
            archive.add(member, f"{top}/{member.name}")
    return path


def ask(*target, rows=ROWS, parameters=None, **options):
    with open_routine(*target, **options) as routine:
        (reply,) = routine.answer(
            [Call(json.dumps({"instances": rows, **(parameters or {})}).encode())]
        )
        return routine.name, json.loads(reply.body).get("predictions", reply.body)


TARGETS = {
    "project": (lambda p: p.name, {}),
    "file": (lambda p: "project/predictor.py:Flowers", {}),
    "sdist": (tutorial_sdist, {"prediction_class": "predictor.Flowers"}),
    "sdist_alone": (tutorial_sdist, {}),
    "colon": (lambda p: os.chdir(p) or "predictor:Flowers", {}),
    "dot": (lambda p: os.chdir(p) or "predictor.Flowers", {}),
    "class_alone": (lambda p: os.chdir(p), {"prediction_class": "predictor.Flowers"}),
    "file_as_class_alone": (lambda p: None, {"prediction_class": "project/predictor.py:Flowers"}),
}


@pytest.mark.parametrize(("make", "options"), TARGETS.values(), ids=TARGETS)
def test_every_kind_of_target_answers(project, model_dir, make, options):
    target = make(project)
    target = None if target is None else str(target)
    assert ask(target, str(model_dir), **options) == ("predictor.Flowers", ["setosa", "other"])
    probabilities = ask(target, str(model_dir), parameters={"probabilities": True}, **options)[1]
    assert probabilities == [[1.0, 0.0], [0.0, 1.0]]


def test_package_uris_are_imported_together(project, model_dir, tmp_path):
    helpers = tmp_path / "helpers"
    helpers.mkdir()
    (project / "preprocess.py").rename(helpers / "preprocess.py")
    packages = [str(tutorial_sdist(project)), "helpers"]
    options = {"prediction_class": "predictor.Flowers", "packages": packages}
    assert ask(None, str(model_dir), **options)[1] == ["setosa", "other"]


def test_a_model_directory_alone_is_served_by_the_predictor_that_fits(model_dir):
    pytest.importorskip("cpr.predictors.sklearn_estimator", exc_type=ImportError)
    with open_routine(None, str(model_dir)) as routine:
        assert routine.is_ready_made
        assert routine.name == "cpr.predictors.sklearn_estimator.SklearnEstimator"
        (reply,) = routine.answer([Call(b'{"instances": [[0, 0], [2, 2]]}')])
    assert reply.body == b'{"predictions":[0,1]}'


def test_the_class_and_the_model_directory_come_from_the_projects_file(project, model_dir):
    (project / "other.py").write_text(PREDICTOR.replace("Flowers", "Other"))
    relative = os.path.relpath(model_dir, project)
    (project / "cpr.toml").write_text(
        f'[project]\nprediction_class = "other.Other"\nmodel_dir = "{relative}"\n'
    )
    assert ask("project") == ("other.Other", ["setosa", "other"])
    assert ask("project", prediction_class="predictor.Flowers")[0] == "predictor.Flowers"


def test_the_model_directory_may_stand_in_the_home_folder(project, model_dir, monkeypatch):
    monkeypatch.setenv("HOME", str(model_dir.parent))
    (project / "cpr.toml").write_text(f'[project]\nmodel_dir = "~/{model_dir.name}"\n')
    assert ask("project")[1] == ["setosa", "other"]


def test_vertex_and_ai_platform_variables_are_honoured(project, model_dir, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setenv("PREDICTOR_MODULE", "predictor")
    monkeypatch.setenv("PREDICTOR_CLASS", "Flowers")
    monkeypatch.setenv("AIP_STORAGE_URI", str(model_dir))
    assert ask() == ("predictor.Flowers", ["setosa", "other"])


def test_flags_win_over_the_projects_settings(project, model_dir):
    (project / "cpr.toml").write_text("[predictor]\nstrict = false\n")
    flags = {"predictor.strict": True}
    with open_routine("project", str(model_dir), flags=flags) as routine:
        (reply,) = routine.answer([Call(b'{"instances": []}')])
    assert reply.body == b'{"error":"Prediction failed: unknown error."}'


REFUSED = {
    "several_classes": (
        {"more.py": PREDICTOR.replace("Flowers", "Trees")}, {}, UsageError,
        "several classes that look like predictors: more.Trees, predictor.Flowers",
    ),
    "no_class_but_old_python": (
        {"predictor.py": "print 1"}, {"target": tutorial_sdist}, UsageError,
        "the package holds no class with from_path and predict.",
    ),
    "half_a_class": (
        {"predictor.py": PREDICTOR.replace("def predict", "def predit")},
        {"target": tutorial_sdist}, UserCodeError, "Rename 'predit' to 'predict'.",
    ),
    "class_nor_model": (
        {"predictor.py": "x = 1"}, {"target": tutorial_sdist, "model_dir": "project"}, LoadError,
        "the package holds no class with from_path and predict, and no model can be served. "
        "No model was found in",
    ),
    "class_and_framework": (
        {}, {"framework": "sklearn", "prediction_class": "predictor.Flowers"}, UsageError,
        "both a prediction class (predictor.Flowers) and a framework (sklearn) are given",
    ),
    "typo": ({}, {"prediction_class": "predictor.Flower"}, UserCodeError, "Did you mean 'Flowers'"),
    "import_fails": (
        {"preprocess.py": "import nowhere_to_be_found"}, {}, LoadError,
        "importing 'predictor.Flowers' failed: ModuleNotFoundError: No module named 'nowhere_to_be",
    ),
    "no_model": ({}, {"model_dir": "nowhere"}, LoadError, "nowhere"),
    "bad_file": ({"cpr.toml": "[projct]"}, {}, ConfigError, "unknown table [projct]"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "options", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses_before_the_first_request(project, model_dir, files, options, kind, message):
    for name, text in files.items():
        (project / name).write_text(text)
    options = {"model_dir": str(model_dir), "target": "project", **options}
    if callable(options["target"]):
        options["target"] = str(options["target"](project))
    with pytest.raises(kind) as caught:
        open_routine(options.pop("target"), options.pop("model_dir"), **options)
    assert message in caught.value.problem


PICKLED = """
import joblib
from helpers import Tripler
joblib.dump(Tripler(), "model/model.joblib")
"""
TRIPLER = """
class Tripler:
    def predict(self, rows):
        return [3 * row[0] for row in rows]
"""


@pytest.fixture
def helpers(tmp_path, monkeypatch):
    """A package of one module, which the model in model/ needs, as an sdist."""
    pytest.importorskip("joblib", reason="scikit-learn is an extra")
    folder = tmp_path / "sources"
    folder.mkdir()
    (tmp_path / "model").mkdir()
    (folder / "helpers.py").write_text(TRIPLER)
    (folder / "save.py").write_text(PICKLED)
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, folder / "save.py"], check=True)
    path = tmp_path / "helpers.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder / "helpers.py", "helpers-1/helpers.py")
    return path.name


@pytest.mark.parametrize("framework", [None, "sklearn"])
@pytest.mark.parametrize("place", ["target", "packages"])
def test_helpers_without_a_class_are_there_for_the_ready_made_predictor(helpers, place, framework):
    given = {"target": helpers} if place == "target" else {"packages": [helpers]}
    name, predictions = ask(rows=[[1], [2]], model_dir="model", framework=framework, **given)
    assert name == "cpr.predictors.sklearn_estimator.SklearnEstimator"
    assert predictions == [3, 6]


def test_helpers_without_class_and_model_directory_are_told_both(helpers, monkeypatch):
    monkeypatch.delenv("AIP_STORAGE_URI", raising=False)
    with pytest.raises(UsageError) as caught:
        open_routine(helpers)
    assert caught.value.problem == (
        "the package holds no class with from_path and predict, and no model directory is given "
        "for a ready-made predictor."
    )


@pytest.mark.parametrize("place", ["target", "packages"])
def test_packages_are_fetched_from_urls(project, model_dir, tmp_path, monkeypatch, place):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    url = tutorial_sdist(project).as_uri()
    given = {"target": url} if place == "target" else {"packages": [url]}
    assert ask(model_dir=str(model_dir), **given)[1] == ["setosa", "other"]
    assert not list(tmp_path.glob("cpr-*"))


def test_a_url_that_is_no_package_is_refused_whole():
    with pytest.raises(UsageError, match="'gs://bucket/model' is a URL; a path is expected"):
        open_routine("gs://bucket/model")


def test_a_model_directory_for_a_target_is_told(model_dir):
    with pytest.raises(UsageError, match="holds no class with from_path and predict") as caught:
        open_routine(str(model_dir))
    assert caught.value.hint == (
        f"It holds the model model.joblib: give it as --model-dir {model_dir}"
    )


def test_says_that_a_model_directory_is_missing(project, monkeypatch):
    monkeypatch.delenv("AIP_STORAGE_URI", raising=False)
    with pytest.raises(UsageError, match="no model directory is given") as caught:
        open_routine("project")
    assert "--model-dir" in caught.value.hint


def test_a_project_without_model_and_class_names_its_broken_module(project, tmp_path):
    (project / "predictor.py").write_text("class P:\n  def predict(self")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LoadError, match="No model was found") as caught:
        open_routine("project", str(tmp_path / "empty"))
    assert f"{project} holds no class with from_path and predict" in caught.value.problem
    assert "predictor.py:2: '(' was never closed" in caught.value.hint


def test_an_error_that_a_shim_would_cure_names_it(project, model_dir):
    old = "import numpy as np\n" + PREDICTOR.replace("return", "np.float(1); return")
    (project / "predictor.py").write_text(old)
    with pytest.raises(LoadError, match="has no attribute 'float'") as caught:
        open_routine("project", str(model_dir))
    assert "try --shim numpy-aliases" in caught.value.hint
    assert "in from_path: np.float(1)" in caught.value.hint


def test_a_requirement_that_is_not_met_is_named(project, model_dir, caplog):
    (project / "my.egg-info").mkdir()
    (project / "my.egg-info" / "requires.txt").write_text("joblib\nno-such-library>=3\n")
    assert ask(str(tutorial_sdist(project)), str(model_dir))[1] == ["setosa", "other"]
    assert "no-such-library>=3 (not installed)" in caplog.text
