"""Unpickling, and every way in which it fails."""

import pickle
import subprocess
import sys

import pytest

from cpr.artifacts.pickles import load_pickle
from cpr.errors import EnvironmentProblem, LoadError

joblib = pytest.importorskip("joblib", reason="needs the extra cpr[sklearn]")
sklearn = pytest.importorskip("sklearn", reason="needs the extra cpr[sklearn]")


@pytest.fixture(scope="module")
def fitted():
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_depth=2).fit([[0.0], [1.0], [2.0]], [0, 1, 1])


def pickled_elsewhere(folder, code, *, module=""):
    """What another process, with a module of its own, has pickled."""
    path = folder / "model.pkl"
    if module:
        (folder / "gone_module.py").write_text(module)
    code += f"\nimport pickle; pickle.dump(value, open({str(path)!r}, 'wb'))"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
    (folder / "gone_module.py").unlink(missing_ok=True)
    return path


@pytest.mark.parametrize(
    "write",
    [
        lambda value, path: joblib.dump(value, path),
        lambda value, path: joblib.dump(value, path, compress=("zlib", 3)),
        lambda value, path: joblib.dump(value, path, compress=("gzip", 3)),
        lambda value, path: joblib.dump(value, path, compress=("lzma", 3)),
        lambda value, path: path.write_bytes(pickle.dumps(value)),
        lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2)),
    ],
    ids=["joblib", "zlib", "gzip", "lzma", "pickle", "protocol 2"],
)
@pytest.mark.parametrize("name", ["model.joblib", "model.pkl"])
def test_the_content_decides_how_it_is_read(tmp_path, fitted, write, name):
    write(fitted, tmp_path / name)
    assert load_pickle(tmp_path / name).predict([[0.0], [2.0]]).tolist() == [0, 1]


@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("lzma", 3)], ids=["plain", "zlib", "lzma"])
def test_every_truncation_is_refused(tmp_path, fitted, compress):
    path = tmp_path / "model.joblib"
    joblib.dump(fitted, path, compress=compress)
    whole = path.read_bytes()
    # The last five bytes of a zlib stream hold no data: without them nothing is lost.
    for length in range(1, len(whole) - 5, 11):
        path.write_bytes(whole[:length])
        with pytest.raises(LoadError) as caught:
            load_pickle(path)
        assert "is damaged, truncated, or not a pickle" in caught.value.problem, length
        assert str(path) in caught.value.problem


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty."),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer"),
        (b"<!DOCTYPE html>\n<html>", "not a pickle ("),
        (b"hello", "not a pickle ("),
        (b"\x80\x04\x95", "is damaged, truncated"),
    ],
    ids=["empty", "lfs", "html", "text", "header only"],
)
def test_what_is_no_pickle_is_refused(tmp_path, content, message):
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    with pytest.raises(LoadError) as caught:
        load_pickle(path)
    assert message in caught.value.problem


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(LoadError, match=r"model\.pkl cannot be read: No such file or directory\."):
        load_pickle(tmp_path / "model.pkl")


def test_a_missing_module_is_named(tmp_path):
    path = pickled_elsewhere(
        tmp_path, "import gone_module; value = gone_module.Scaler()", module="class Scaler: pass"
    )
    with pytest.raises(LoadError) as caught:
        load_pickle(path)
    assert caught.value.problem == (
        f"{path} needs the module 'gone_module', which cannot be imported here."
    )
    assert "if it is your own code, give the package that holds it" in caught.value.hint


def test_a_moved_module_hints_at_its_shim(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"csklearn.linear_model.logistic\nLogisticRegression\n.")
    with pytest.raises(LoadError, match=r"needs the module 'sklearn\.linear_model\.logistic'") as c:
        load_pickle(path)
    assert c.value.hint == "That module has moved since; use --shim sklearn-private-modules."


def test_a_missing_library_that_an_extra_brings_is_an_environment_problem(tmp_path, monkeypatch):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"cxgboost\nBooster\n.")
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(EnvironmentProblem, match="needs the library 'xgboost', which is not"):
        load_pickle(path)


def test_a_class_of_a_notebook_is_explained(tmp_path):
    path = pickled_elsewhere(tmp_path, "class Scaler: pass\nvalue = Scaler()")
    with pytest.raises(LoadError) as caught:
        load_pickle(path)
    assert "holds an object of the class or function 'Scaler' of __main__" in caught.value.problem
    assert caught.value.hint == (
        "Move 'Scaler' into a module, import it from there, and save the model again."
    )


def test_a_class_that_was_renamed_is_named(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"csklearn.tree\nGoneTree\n.")
    with pytest.raises(LoadError, match=r"needs 'GoneTree' of the module 'sklearn\.tree', which"):
        load_pickle(path)


def test_an_error_in_the_objects_own_code_is_passed_on(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"cbuiltins\nint\n(S'twelve'\ntR.")
    with pytest.raises(LoadError) as caught:
        load_pickle(path)
    assert "cannot be unpickled: ValueError: invalid literal for int()" in caught.value.problem
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("protocol", [2, 4])
def test_other_versions_of_scikit_learn_are_one_warning(tmp_path, protocol):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0], [1.0]], [0, 1])
    installed = sklearn.__version__
    saved = f"0{installed[1:]}"
    path = tmp_path / "model.pkl"
    whole = pickle.dumps(pipeline, protocol=protocol)
    path.write_bytes(whole.replace(installed.encode(), saved.encode()))
    with pytest.warns(UserWarning) as caught:
        loaded = load_pickle(path)
    assert loaded.predict([[1.0]]).tolist() == [1]
    assert [str(item.message) for item in caught] == [
        f"model.pkl was saved by scikit-learn {saved} and is read by {installed} "
        "(StandardScaler, LogisticRegression, Pipeline): predictions may differ; compare them, "
        "and save the model again."
    ]


def test_a_failure_names_the_version_that_saved_the_file(tmp_path, fitted):
    installed = sklearn.__version__
    whole = pickle.dumps(fitted)
    # A tree whose nodes lack a field, as those of older versions do.
    broken = whole.replace(b"missing_go_to_left", b"missing_go_to_lef_")
    path = tmp_path / "model.pkl"
    path.write_bytes(broken.replace(installed.encode(), f"0{installed[1:]}".encode()))
    with pytest.raises(LoadError) as caught:
        load_pickle(path)
    assert caught.value.problem == (
        f"{path} cannot be unpickled: ValueError: node array from the pickle has an incompatible "
        f"dtype (saved by scikit-learn 0{installed[1:]}; {installed} is installed)."
    )
