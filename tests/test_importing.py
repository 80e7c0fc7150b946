"""A class by its name: found as pydoc finds it, explained when it is not, forgotten afterwards."""

import sys

import pytest

from cpr.errors import LoadError, UserCodeError
from cpr.importing import importable, locate
from cpr.sources import Sources, open_sources

ROUTINE = """
class MyPredictor:
    class Inner:
        pass
    @classmethod
    def from_path(cls, model_dir):
        return cls()
    def predict(self, instances, **kwargs):
        return instances
"""


@pytest.fixture(autouse=True)
def path_and_modules():
    """Nothing may be left behind, nor anything of others be taken."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    assert sys.path == path
    new = {n: str(getattr(sys.modules[n], "__file__", "")) for n in sys.modules.keys() - modules}
    assert not {name for name, file in new.items() if "pytest-of" in file}
    assert not modules - sys.modules.keys()


@pytest.fixture
def package(tmp_path):
    """Writes a package's files and returns its sources."""

    def write(files, folder="package", requirements=()):
        root = tmp_path / folder
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return Sources(roots=(root,), requirements=requirements)

    return write


@pytest.fixture
def hidden_by(tmp_path, monkeypatch):
    """Installs a module that comes first on sys.path."""

    def install(name, text=""):
        site = tmp_path / "site-packages"
        site.mkdir(exist_ok=True)
        (site / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(str(site))
        return site / f"{name}.py"

    return install


def failure_of(name, sources, kind=LoadError):
    with pytest.raises(kind) as caught, importable(sources):
        locate(name, sources)
    return caught.value


@pytest.mark.parametrize(
    ("name", "qualified"),
    [
        ("predictor.MyPredictor", "MyPredictor"),
        ("predictor.MyPredictor.Inner", "MyPredictor.Inner"),
        ("pkg.deep.predictor.MyPredictor", "MyPredictor"),
        ("pkg.MyPredictor", "MyPredictor"),
        ("folder.predictor.MyPredictor", "MyPredictor"),
    ],
    ids=["class", "nested attribute", "deep", "relative import", "folder without __init__"],
)
def test_finds_a_class_by_its_dotted_name(package, name, qualified):
    sources = package(
        {
            "predictor.py": ROUTINE,
            "pkg/__init__.py": "from .deep.predictor import MyPredictor",
            "pkg/deep/__init__.py": "",
            "pkg/deep/predictor.py": ROUTINE,
            "folder/predictor.py": ROUTINE,
        }
    )
    with importable(sources):
        assert locate(name, sources).__qualname__ == qualified


def test_bare_module_name_leads_to_the_module(package):
    sources = package({"predictor.py": ROUTINE})
    with importable(sources):
        assert locate("predictor", sources) is sys.modules["predictor"]


def test_file_inside_a_package_may_import_relatively(package, tmp_path):
    package(
        {
            "iris/__init__.py": "",
            "iris/scale.py": "FACTOR = 2",
            "iris/predictor.py": f"from .scale import FACTOR\n{ROUTINE}",
        }
    )
    sources = open_sources(str(tmp_path / "package/iris/predictor.py"))
    with importable(sources):
        assert locate(sources.class_name, sources).__module__ == "iris.predictor"


def test_packages_with_the_same_module_names_one_after_the_other(package):
    for number in (1, 2):
        files = {"predictor.py": "import helper\nclass P: number = helper.N"}
        sources = package({**files, "helper.py": f"N = {number}"}, folder=f"v{number}")
        with importable(sources):
            assert locate("predictor.P", sources).number == number


@pytest.mark.parametrize("is_loaded", [True, False], ids=["loaded", "not yet loaded"])
def test_packages_with_the_same_module_names_at_once_are_refused(package, tmp_path, is_loaded):
    first = package({"predictor.py": ROUTINE, "helper.py": ""}, folder="v1")
    second = package({"other.py": ROUTINE, "helper.py": ""}, folder="v2")
    with importable(first):
        locate("helper" if is_loaded else "predictor.MyPredictor", first)
        error = failure_of("other.MyPredictor", second)
    assert error.problem == (
        f"another routine that is open has a module 'helper' too, in {tmp_path}/v1; two packages "
        "that share a module name cannot be open in one process."
    )
    assert "a process for each" in error.hint


def test_tests_beside_the_code_do_not_clash(package):
    first = package({"one.py": ROUTINE, "tests/__init__.py": "", "setup.py": ""}, folder="v1")
    second = package({"two.py": ROUTINE, "tests/__init__.py": "", "setup.py": ""}, folder="v2")
    with importable(first), importable(second):
        assert locate("one.MyPredictor", first) is not locate("two.MyPredictor", second)


def test_same_roots_may_be_open_twice_and_stay_until_the_last_leaves(package):
    sources = package({"predictor.py": ROUTINE, "late.py": "HERE = True"})
    first, second = importable(sources), importable(sources)
    first.__enter__()
    second.__enter__()
    cls = locate("predictor.MyPredictor", sources)
    first.__exit__(None, None, None)
    assert sys.modules["predictor"].MyPredictor is cls
    assert locate("late.HERE", sources) is True
    second.__exit__(None, None, None)
    assert "predictor" not in sys.modules


def test_nested_root_stays_open_with_its_modules(package):
    outer = package({"a.py": "", "src/b.py": ""})
    inner = Sources(roots=(outer.roots[0] / "src",))
    with importable(inner):
        with importable(outer):
            locate("a", outer)
            module = locate("b", inner)
        assert sys.modules["b"] is module


def test_what_was_imported_before_stays(package, monkeypatch):
    sources = package({"mine.py": "", "more.py": ""})
    monkeypatch.syspath_prepend(str(sources.roots[0]))
    import mine  # noqa: F401

    with importable(sources):
        locate("more", sources)
    assert "mine" in sys.modules
    assert "more" not in sys.modules
    assert str(sources.roots[0]) in sys.path
    del sys.modules["mine"]


def test_libraries_of_an_environment_inside_the_project_stay(package, monkeypatch):
    sources = package({"predictor.py": "import cpr_vendored", "data/spare.py": ""})
    site = sources.roots[0] / ".venv" / "lib" / "site-packages"
    site.mkdir(parents=True)
    (site / "cpr_vendored.py").write_text("")
    monkeypatch.syspath_prepend(str(site))
    with importable(sources):
        locate("predictor", sources)
        locate("data.spare", sources)
    assert "cpr_vendored" in sys.modules
    assert not {"predictor", "data", "data.spare"} & sys.modules.keys()
    del sys.modules["cpr_vendored"]


def test_modules_that_only_claim_a_file_stay(package, monkeypatch):
    """As torch.ops does, an object of a class of its own."""
    claim = "import sys, types; sys.modules['cpr_claim'] = types.ModuleType('cpr_claim');"
    sources = package({"predictor.py": f"{claim} sys.modules['cpr_claim'].__file__ = '_ops.py'"})
    monkeypatch.chdir(sources.roots[0])
    with importable(sources):
        locate("predictor", sources)
    assert sys.modules.pop("cpr_claim")


def test_modules_are_forgotten_even_if_the_block_raises(package):
    sources = package({"predictor.py": ROUTINE})
    with pytest.raises(ZeroDivisionError), importable(sources):
        locate("predictor", sources)
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("files", "name", "said", "hint"),
    [
        (
            {"predictor.py": ROUTINE, "helper.py": ""},
            "predictr.MyPredictor",
            "'predictr.MyPredictor' cannot be found: there is no module 'predictr' in {root}. "
            "Modules there: helper, predictor. Did you mean 'predictor'?",
            "Classes that look like predictors: predictor.MyPredictor.",
        ),
        (
            {"predictor.py": f"from pathlib import Path\n{ROUTINE}\nclass Other: ..."},
            "predictor.MyPredicter",
            "module 'predictor' (predictor.py) has no 'MyPredicter'. "
            "Classes there: MyPredictor, Other. Did you mean 'MyPredictor'?",
            "Classes that look like predictors: predictor.MyPredictor.",
        ),
        (
            {"pkg/__init__.py": "", "pkg/predictor.py": ROUTINE},
            "pkg.predictr.MyPredictor",
            "module 'pkg' (__init__.py) has no 'predictr.MyPredictor'. Classes there: none.",
            "pkg.predictor.MyPredictor",
        ),
        (
            {"folder/predictor.py": ROUTINE},
            "folder.Absent",
            "module 'folder' (a folder or built in) has no 'Absent'.",
            "",
        ),
        ({}, "sys.Absent", "module 'sys' (a folder or built in) has no 'Absent'.", ""),
        (
            {"code_of_mine/predictor.py": ROUTINE},
            "predictor.MyPredictor",
            "Modules there: none.",
            "There is a code_of_mine/predictor.py, in a folder that is not imported from.",
        ),
        ({}, "MyPredictor", "there is no module 'MyPredictor'", "module.Class or module:Class"),
        (
            {"predictor.py": "\n".join(f"class C{n}: ..." for n in range(30))},
            "predictor.Absent",
            "Classes there: C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11….",
            "",
        ),
    ],
    ids=[
        "no module", "no class", "no submodule", "folder", "built in", "deeper", "bare", "many",
    ],
)  # fmt: skip
def test_name_that_leads_nowhere_is_told_what_is_there(package, files, name, said, hint):
    sources = package({"README": "", **files})
    error = failure_of(name, sources, UserCodeError)
    assert said.format(root=sources.roots[0]) in error.problem
    assert hint in error.hint


def test_module_that_something_installed_hides_is_refused_unread(package, hidden_by):
    other = hidden_by("cpr_hidden", "raise SystemExit('run')")
    error = failure_of("cpr_hidden.MyPredictor", package({"cpr_hidden.py": ROUTINE}))
    assert error.problem == (
        f"'cpr_hidden.MyPredictor' is in your package, but would be imported from {other}: "
        "another module is called 'cpr_hidden' too, and comes first."
    )
    assert error.hint.startswith("Rename your module 'cpr_hidden'")


def test_module_of_the_standard_librarys_name_is_refused(package):
    error = failure_of("json.MyPredictor", package({"json.py": ROUTINE}))
    assert "would be imported from" in error.problem
    assert "json/__init__.py" in error.problem


def test_helper_that_something_installed_hides_is_warned_of(package, hidden_by, caplog):
    other = hidden_by("cpr_helper")
    files = {"predictor.py": ROUTINE, "cpr_helper.py": "", "token.py": "", "tests/__init__.py": ""}
    sources = package(files)
    with importable(sources):
        locate("predictor.MyPredictor", sources)
    assert caplog.messages == [
        f"the module 'cpr_helper' of your package is hidden by {other}, "
        "which is imported in its place"
    ]
