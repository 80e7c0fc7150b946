"""What is found in pickles, without loading them."""

import pickle
import subprocess
import sys

import pytest

from cpr.artifacts.pickles import load_pickle
from cpr.checks.run import check_routine
from cpr.errors import LoadError

joblib = pytest.importorskip("joblib", reason="needs the extra cpr[sklearn]")
sklearn = pytest.importorskip("sklearn", reason="needs the extra cpr[sklearn]")

PREDICTOR = """\
import os
import joblib

class MyPredictor:
    def __init__(self, model):
        self._model = model

    @classmethod
    def from_path(cls, model_dir):
        return cls(joblib.load(os.path.join(model_dir, "model.joblib")))

    def predict(self, instances, **kwargs):
        return self._model.predict(instances).tolist()
"""
SCALER = "class Scaler:\n    def transform(self, rows):\n        return rows\n"


@pytest.fixture
def model_dir(tmp_path):
    """A directory with a fitted model."""
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path / "model"
    folder.mkdir()
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    joblib.dump(model, folder / "model.joblib")
    return folder


@pytest.fixture
def project(tmp_path):
    """A package with a prediction class and a module of its own."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "cpr.toml").write_text('[project]\nname = "shop"\nversion = "0.1"\n')
    (folder / "predictor.py").write_text(PREDICTOR)
    (folder / "scaling.py").write_text(SCALER)
    return folder


@pytest.fixture
def found():
    """Runs the checks of artifacts; returns the findings."""

    def run(target, model_dir, **options):
        target = str(target) if target else None
        report = check_routine(target, str(model_dir), only=["artifacts"], **options)
        return list(report.findings)

    return run


def save_elsewhere(path, source, module, name):
    """Pickles an object of a module that is not here."""
    folder = path.parent.parent / "elsewhere"
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(source)
    code = f"import pickle, {module}; pickle.dump({module}.{name}(), open({str(path)!r}, 'wb'))"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


def summary(findings):
    return [(item.id, item.severity, item.file) for item in findings]


def test_nothing_is_found_in_a_working_model(model_dir, project, found):
    assert found(None, model_dir) == []
    assert found(project, model_dir) == []


def test_a_class_of_the_package_is_its_own(model_dir, project, found):
    save_elsewhere(model_dir / "preprocessor.pkl", SCALER, "scaling", "Scaler")
    assert found(project, model_dir) == []


def test_a_class_of_the_package_may_be_trusted_too(model_dir, project, found):
    save_elsewhere(model_dir / "preprocessor.pkl", SCALER, "scaling", "Scaler")
    with (project / "cpr.toml").open("a") as file:
        file.write('[predictor]\ntrusted = ["scaling.Scaler"]\n')
    assert found(project, model_dir) == []


def test_a_module_that_is_not_in_the_package_is_named(model_dir, project, found):
    save_elsewhere(model_dir / "preprocessor.pkl", SCALER, "gone_scaling", "Scaler")
    for target in (project, None):
        (finding,) = found(target, model_dir)
        assert summary([finding]) == [("CPR304", "error", "preprocessor.pkl")]
        assert finding.message == (
            "preprocessor.pkl needs the module gone_scaling, which is neither in the package nor "
            "installed"
        )


def test_a_module_that_the_packager_would_leave_out_is_told(model_dir, project, found):
    save_elsewhere(model_dir / "preprocessor.pkl", SCALER, "scaling", "Scaler")
    with (project / "cpr.toml").open("a") as file:
        file.write('[package]\nexclude = ["scaling.py"]\n')
    (finding,) = found(project, model_dir)
    assert summary([finding]) == [("CPR304", "error", "preprocessor.pkl")]
    assert finding.message == (
        "preprocessor.pkl needs the module scaling, which is in the project but would not be in "
        "the package"
    )
    assert finding.fix == 'Name it under [package]: include = ["scaling.py"].'


def test_a_module_that_lies_outside_the_package_is_told(model_dir, project, found, monkeypatch):
    save_elsewhere(model_dir / "preprocessor.pkl", SCALER, "near_scaling", "Scaler")
    monkeypatch.syspath_prepend(model_dir.parent / "elsewhere")
    (finding,) = found(project, model_dir)
    assert summary([finding]) == [("CPR304", "error", "preprocessor.pkl")]
    assert "near_scaling.py) but not in the package" in finding.message


def test_a_library_that_is_missing_is_told_from_a_module_of_ones_own(model_dir, found):
    (model_dir / "preprocessor.pkl").write_bytes(b"ccatboost.core\nCatBoost\n.")
    (finding,) = found(None, model_dir)
    assert summary([finding]) == [("CPR301", "error", "preprocessor.pkl")]
    assert finding.fix == "Install catboost, in the version that it was saved with."


def test_a_required_library_is_one_too(model_dir, project, found):
    with (project / "cpr.toml").open("a") as file:
        file.write('requirements = ["shop-features==2"]\n')
    (model_dir / "features.pkl").write_bytes(b"cshop_features\nScaler\n.")
    assert summary(found(project, model_dir)) == [("CPR301", "error", "features.pkl")]


def test_a_pickle_of_a_script_is_told(model_dir, project, found):
    path = model_dir / "preprocessor.pkl"
    code = f"{SCALER}\nimport pickle; pickle.dump(Scaler(), open({str(path)!r}, 'wb'))"
    subprocess.run([sys.executable, "-c", code], check=True)
    for target in (project, None):
        (finding,) = found(target, model_dir)
        assert summary([finding]) == [("CPR303", "error", "preprocessor.pkl")]
        assert "holds Scaler of __main__" in finding.message


def test_a_class_that_the_package_no_longer_has_is_told(model_dir, project, found):
    save_elsewhere(model_dir / "preprocessor.pkl", SCALER, "scaling", "Scaler")
    (project / "scaling.py").write_text(SCALER.replace("Scaler", "Scaling"))
    (finding,) = found(project, model_dir)
    assert summary([finding]) == [("CPR308", "error", "preprocessor.pkl")]
    assert "needs Scaler of your module scaling, which does not define it" in finding.message


def test_a_class_that_the_library_no_longer_has_is_told(model_dir, found):
    (model_dir / "preprocessor.pkl").write_bytes(b"csklearn.preprocessing\nImputer\n.")
    assert summary(found(None, model_dir)) == [("CPR308", "error", "preprocessor.pkl")]


HOSTILE = b"cposix\nsystem\n(S'touch canary'\ntR."


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "compressed"])
def test_what_would_be_refused_is_an_error(model_dir, found, compress):
    import zlib

    data = zlib.compress(HOSTILE) if compress else HOSTILE
    (model_dir / "preprocessor.pkl").write_bytes(data)
    (finding,) = found(None, model_dir)
    assert summary([finding]) == [("CPR302", "error", "preprocessor.pkl")]
    assert finding.message == (
        "preprocessor.pkl uses posix.system, not on the list of what pickles may use"
    )
    assert finding.data == {"names": ["posix.system"]}


def test_what_a_class_loads_itself_is_a_warning(model_dir, project, found):
    (model_dir / "extra.pkl").write_bytes(HOSTILE)
    assert summary(found(project, model_dir)) == [("CPR307", "warning", "extra.pkl")]


def test_a_pickle_inside_the_package_is_looked_at_too(model_dir, project, found):
    (project / "inside").mkdir()
    (project / "inside" / "__init__.py").write_text("")
    (project / "inside" / "extra.pkl").write_bytes(HOSTILE)
    (project / "beside.pkl").write_bytes(HOSTILE)  # would not be packaged
    assert summary(found(project, model_dir)) == [("CPR307", "warning", "inside/extra.pkl")]


def test_what_torch_has_written_is_no_damaged_pickle(model_dir, project, found):
    import zipfile

    for path, content in (("weights.pkl", b""), ("lines.pkl", b"a\nb\n")):
        with zipfile.ZipFile(model_dir / path, "w") as file:
            file.writestr(zipfile.ZipInfo("archive/data\n.pkl"), content)
    assert found(project, model_dir) == []


def test_a_zip_where_the_model_should_be_is_named_as_such(model_dir, found):
    import zipfile

    (model_dir / "model.joblib").unlink(missing_ok=True)
    with zipfile.ZipFile(model_dir / "model.joblib", "w") as file:
        file.writestr("archive/data.pkl", b"")
    (finding,) = found(None, model_dir)
    assert finding.message == "model.joblib is a zip file, as torch.save writes, not a pickle"
    with pytest.raises(LoadError, match="is a zip file, as torch"):
        load_pickle(model_dir / "model.joblib")


def test_with_full_trust_no_name_is_refused(model_dir, project, found):
    (model_dir / "preprocessor.pkl").write_bytes(HOSTILE)
    assert found(None, model_dir, trust="full") == []
    assert found(project, model_dir, trust="full") == []


def test_with_trust_in_data_every_pickle_is_refused(model_dir, found):
    (finding,) = found(None, model_dir, trust="data")
    assert summary([finding]) == [("CPR302", "error", "model.joblib")]
    assert finding.message == "model.joblib is a pickle, and trust = data loads none"


def test_a_trusted_name_is_listed(model_dir, project, found):
    with (project / "cpr.toml").open("a") as file:
        file.write('[predictor]\ntrusted = ["posix.system"]\n')
    (model_dir / "extra.pkl").write_bytes(HOSTILE)
    assert found(project, model_dir) == []


def test_what_no_model_needs_is_refused_by_its_manner(model_dir, found):
    (model_dir / "preprocessor.pkl").write_bytes(b"\x80\x02\x82\x01.")
    (finding,) = found(None, model_dir)
    assert summary([finding]) == [("CPR302", "error", "preprocessor.pkl")]
    assert "it names something by the extension code 1" in finding.message


def test_another_version_of_scikit_learn_is_a_warning(model_dir, found):
    installed = sklearn.__version__
    saved = f"0{installed[1:]}"
    path = model_dir / "model.joblib"
    path.write_bytes(path.read_bytes().replace(installed.encode(), saved.encode()))
    (finding,) = found(None, model_dir)
    assert summary([finding]) == [("CPR305", "warning", "model.joblib")]
    assert finding.message == (
        f"model.joblib was saved by scikit-learn {saved} (LogisticRegression); {installed} is "
        "installed"
    )
    assert finding.fix.startswith(f"Require scikit-learn=={saved}, or ")


def test_a_pickle_of_python_2_is_told(model_dir, found):
    (model_dir / "preprocessor.pkl").write_bytes(b"\x80\x02U\x02\xc3\xa9.")
    assert summary(found(None, model_dir)) == [("CPR306", "error", "preprocessor.pkl")]


@pytest.mark.parametrize("keep", [1, 30, 0.5, -1], ids=["a byte", "a few", "half", "all but one"])
def test_a_pickle_that_is_cut_off_is_damaged(model_dir, found, keep):
    path = model_dir / "model.joblib"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep) if keep == 0.5 else keep])
    (finding,) = found(None, model_dir)
    assert summary([finding]) == [("CPR312", "error", "model.joblib")]
    assert finding.message.startswith("model.joblib is damaged, cut off, or not a pickle (")


def test_pickles_beside_a_model_that_cpr_serves_do_not_matter(model_dir, found):
    (model_dir / "notes.pkl").write_bytes(HOSTILE)
    assert found(None, model_dir) == []


def test_nothing_of_a_pickle_runs(tmp_path, model_dir, project, found):
    canary = tmp_path / "canary"

    class Surprise:
        def __reduce__(self):
            import os

            return os.system, (f"touch {canary}",)

    (model_dir / "preprocessor.pkl").write_bytes(pickle.dumps(Surprise()))
    assert found(None, model_dir)
    assert found(project, model_dir)
    assert not canary.exists()
