"""Which names a pickle may use besides the listed ones."""

import pickle
import subprocess
import sys

import pytest

from cpr.artifacts.pickles import load_pickle
from cpr.artifacts.trust import Names, is_missing, is_renamed
from cpr.config import PredictorSettings
from cpr.errors import LoadError
from cpr.importing import importable, is_own
from cpr.sources import Sources

MODULE = """\
import collections
import functools
from os import system
from subprocess import Popen

class Scaler:
    class Inner:
        pass
    def transform(self, rows):
        return rows

class Child(Popen):
    pass

def double(rows):
    return [2 * row for row in rows]

@functools.wraps(double)
def wrapped(rows):
    return double(rows)

Point = collections.namedtuple("Point", "x y")
alias = system
table = {"a": 1}
"""


@pytest.fixture
def package(tmp_path):
    """An import root with modules of the user's own, which is open."""
    root = tmp_path / "package"
    (root / "shop").mkdir(parents=True)
    (root / "scaling_of_test.py").write_text(MODULE)
    (root / "shop" / "__init__.py").write_text("")
    (root / "shop" / "scaling.py").write_text(MODULE)
    for name in ("setup", "conftest"):
        (root / f"{name}.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\n{MODULE}")
    with importable(Sources(roots=(root,))):
        yield root
    assert not (tmp_path / "canary").exists()


def named(module, name):
    """A pickle of what a name leads to, by protocol 4."""
    parts = [b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, name)]
    return b"\x80\x04" + b"".join(parts) + b"\x93."


@pytest.mark.parametrize("module", ["scaling_of_test", "shop.scaling"])
@pytest.mark.parametrize("name", ["Scaler", "Scaler.Inner", "double", "Point", "Child"])
def test_what_the_package_defines_may_be_used(package, tmp_path, module, name):
    path = tmp_path / "model.pkl"
    path.write_bytes(named(module, name))
    found = load_pickle(path)
    assert found.__module__ == module
    assert found.__qualname__ == name


@pytest.mark.parametrize(
    "name",
    [
        "system",
        "alias",
        "Popen",
        "table",
        "collections",
        "functools.reduce",
        "double.__globals__",
        "Scaler.__init__",
        "Scaler.transform.__globals__",
        "Scaler.__subclasses__",
        "Scaler.__class__",
        "Child.communicate",
        "wrapped.__wrapped__.__globals__",
        "__builtins__",
        "__loader__",
    ],
)
def test_what_the_package_only_has_is_refused(package, tmp_path, name):
    path = tmp_path / "model.pkl"
    path.write_bytes(named("scaling_of_test", name))
    with pytest.raises(LoadError) as caught:
        load_pickle(path)
    assert f"uses scaling_of_test.{name}, which is no class or function" in caught.value.problem


def test_a_method_of_an_own_class_may_be_named(package, tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(named("scaling_of_test", "Scaler.transform"))
    assert load_pickle(path)(None, [1]) == [1]


@pytest.mark.parametrize("module", ["setup", "conftest"])
def test_modules_that_no_routine_imports_are_not_imported(package, tmp_path, module):
    path = tmp_path / "model.pkl"
    path.write_bytes(named(module, "Scaler"))
    with pytest.raises(LoadError):
        load_pickle(path)


def test_a_name_that_the_package_lacks_is_told(package, tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(named("scaling_of_test", "Gone"))
    with pytest.raises(LoadError, match=r"needs 'Gone' of the module 'scaling_of_test', which"):
        load_pickle(path)


def test_nothing_is_own_when_no_package_is_open(tmp_path, monkeypatch):
    (tmp_path / "lying_about.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    assert not is_own("lying_about")
    path = tmp_path / "model.pkl"
    path.write_bytes(named("lying_about", "Scaler"))
    with pytest.raises(LoadError, match=r"is refused: .*'lying_about\.Scaler'\."):
        load_pickle(path)
    trusted = PredictorSettings(trusted=("lying_about.Scaler",))
    assert load_pickle(path, trusted).__name__ == "Scaler"
    path.write_bytes(named("lying_about", "double"))
    with pytest.raises(LoadError, match="is refused"):
        load_pickle(path, trusted)
    del sys.modules["lying_about"]


@pytest.mark.parametrize("module", ["os", "sklearn.base", "numpy", "cpr.shims", "__main__"])
def test_what_a_package_does_not_hold_is_not_own(package, module):
    assert not is_own(module)


def test_a_virtual_environment_in_the_package_is_not_its_own(package, monkeypatch):
    inside = package / ".venv" / "lib" / "site-packages"
    inside.mkdir(parents=True)
    (inside / "library_of_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(inside)
    assert not is_missing("library_of_test")
    assert not is_own("library_of_test")


def test_trusted_names_may_be_written_with_a_colon():
    names = Names.of(["shop.scaling:Scaler"])
    assert names.allow("shop.scaling", "Scaler")
    assert not names.allow("shop.scaling", "Other")
    assert not names.allow("shop", "scaling")


def test_pickles_of_old_scikit_learn_name_what_the_shim_finds():
    assert Names().allow("sklearn.linear_model.logistic", "LogisticRegression")
    assert Names().allow("sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper")
    assert not Names().allow("sklearn.linear_model.logistic", "os")


def test_a_module_is_looked_for_without_being_imported(tmp_path, monkeypatch):
    (tmp_path / "loud").mkdir()
    (tmp_path / "loud" / "__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "loud" / "inner.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert not is_missing("loud")
    assert not is_missing("loud.inner")
    assert is_missing("loud.other")
    assert is_missing("nowhere_of_test.inner")


def test_a_renamed_class_is_told_of_listed_libraries_only():
    assert is_renamed("sklearn.tree", "GoneTree")
    assert not is_renamed("sklearn.tree._classes", "DecisionTreeClassifier")
    assert not is_renamed("antigravity", "nothing")


def test_numbers_are_those_of_the_machine(tmp_path):
    """The first pickle is loaded in its whole; nothing is left over for a second use."""
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps([1, 2.5, "é", b"x", None, True, {1, 2}, (3,)]))
    assert load_pickle(path) == [1, 2.5, "é", b"x", None, True, {1, 2}, (3,)]


def test_importing_the_loader_imports_no_library():
    code = (
        "import sys, cpr.artifacts.pickles as p; "
        "print(sorted({'joblib', 'sklearn', 'pandas', 'scipy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
