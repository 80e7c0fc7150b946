"""Targets and packages become import roots; nothing is built, imported or left behind."""

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from cpr.errors import ConfigError, PackageRefused, UsageError
from cpr.sources import open_sources

ROUTINE = """
class MyPredictor:
    @classmethod
    def from_path(cls, model_dir): ...
    def predict(self, instances, **kwargs): ...
"""
TWO = ROUTINE + ROUTINE.replace("MyPredictor", "Other")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current directory; temporary files go beside it, so that leaks are seen."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    yield here
    assert list(temporary.iterdir()) == []


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def sdist(path, files, top="iris-0.1"):
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return str(path)


def wheel(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return str(path)


def relative(sources):
    """The roots, relative to the first."""
    return [os.path.relpath(root, sources.roots[0]) for root in sources.roots]


def refusal_of(*arguments, kind=UsageError):
    with pytest.raises(kind) as caught:
        open_sources(*arguments)
    return caught.value


FILES = {
    "predictor.py": ROUTINE,
    "two.py": TWO,
    "broken.py": "def f(:",
    "iris/__init__.py": ROUTINE,
    "iris/deep/__init__.py": "",
    "iris/deep/predictor.py": ROUTINE,
}


@pytest.mark.parametrize(
    ("target", "class_name"),
    [
        ("predictor:MyPredictor", "predictor.MyPredictor"),
        ("predictor.MyPredictor", "predictor.MyPredictor"),
        ("predictor:Outer.Inner", "predictor.Outer.Inner"),
        ("iris.deep.predictor:MyPredictor", "iris.deep.predictor.MyPredictor"),
        ("predictor.py:MyPredictor", "predictor.MyPredictor"),
        ("predictor.py:Outer.Inner", "predictor.Outer.Inner"),
        ("./predictor.py:MyPredictor", "predictor.MyPredictor"),
        ("iris/deep/predictor.py:MyPredictor", "iris.deep.predictor.MyPredictor"),
        ("iris/__init__.py:MyPredictor", "iris.MyPredictor"),
        ("predictor.py", "predictor.MyPredictor"),
        ("iris/deep/predictor.py", "iris.deep.predictor.MyPredictor"),
        ("iris/__init__.py", "iris.MyPredictor"),
        ("broken.py", "broken"),
    ],
)
def test_target_that_names_a_class(folder, target, class_name):
    write(folder, FILES)
    sources = open_sources(target)
    assert (sources.class_name, sources.roots, sources.folder) == (class_name, (folder,), None)


def test_file_of_several_classes_is_refused_with_their_names(folder):
    write(folder, FILES)
    error = refusal_of("./two.py")
    assert error.problem.startswith("two.py holds several classes that look like predictors: ")
    assert error.hint == "Name one: two.py:MyPredictor"
    assert open_sources(error.hint.removeprefix("Name one: ")).class_name == "two.MyPredictor"


def test_name_of_nothing_is_said_to_be_nothing(folder):
    write(folder, FILES)
    error = refusal_of("predictr")
    assert error.problem == "predictr does not exist."
    assert error.hint == "In .: broken.py, iris, predictor.py, two.py. Did you mean 'predictor.py'?"


def test_home_directory_is_expanded(folder, monkeypatch):
    write(folder, FILES)
    monkeypatch.setenv("HOME", str(folder))
    assert open_sources("~/predictor.py:MyPredictor").roots == (folder,)


@pytest.mark.parametrize("target", ["predictor:MyPredictor", "predictor.py:MyPredictor"])
def test_settings_beside_a_class_apply_to_it(folder, target):
    write(folder, {"cpr.toml": "", "predictor.py": ROUTINE, "src/helper.py": ""})
    sources = open_sources(target)
    assert sources.folder == folder
    assert relative(sources) == [".", "src"]


def test_settings_above_a_source_folder_apply_to_a_file_in_it(folder):
    write(folder, {"cpr.toml": "", "src/iris/__init__.py": "", "src/iris/predictor.py": ROUTINE})
    sources = open_sources("src/iris/predictor.py")
    assert sources.class_name == "iris.predictor.MyPredictor"
    assert (sources.folder, relative(sources)) == (folder, [".", "src"])


def test_two_settings_files_beside_a_class_are_refused(folder):
    write(folder, {"cpr.toml": "", "pyproject.toml": "[tool.cpr]"})
    assert "both configure" in refusal_of("predictor:MyPredictor", kind=ConfigError).problem


def test_project_directory(folder):
    write(folder, {"predictor.py": "", "src/pkg/__init__.py": ""})
    for target in (".", str(folder)):
        sources = open_sources(target)
        assert relative(sources) == [".", "src"]
        assert (sources.folder, sources.class_name) == (folder, "")


LAYOUTS = {
    "scripts only": (["setup.py", "predictor.py", "preprocess.py"], ["."]),
    "package": (["setup.py", "iris/__init__.py"], ["."]),
    "src": (["src/iris/__init__.py"], [".", "src"]),
    "package_dir": (["python/predictor.py", "python/iris.egg-info/PKG-INFO"], [".", "python"]),
    "scripts in a folder": (["bin/predictor.py", "scripts/run.py"], [".", "bin", "scripts"]),
    "package called scripts": (["scripts/__init__.py", "scripts/x.py"], ["."]),
}


@pytest.mark.parametrize(("files", "roots"), LAYOUTS.values(), ids=LAYOUTS)
def test_sdist_is_unpacked_not_built(folder, files, roots):
    content = dict.fromkeys(files, "raise SystemExit('run')")
    sources = open_sources(sdist(folder / "iris-0.1.tar.gz", content))
    assert relative(sources) == roots
    assert sources.roots[0].name == "iris-0.1"
    assert sources.folder is None
    assert all((sources.roots[0] / name).is_file() for name in files)
    sources.close()
    sources.close()
    assert not sources.roots[0].exists()


def test_wheel_is_unpacked_with_what_its_data_folder_holds(folder):
    names = ["iris/__init__.py", "iris-0.1.data/scripts/predictor.py"]
    names += ["iris-0.1.data/purelib/extra.py", "iris-0.1.dist-info/METADATA"]
    sources = open_sources(wheel(folder / "iris-0.1-py3-none-any.whl", dict.fromkeys(names, "")))
    assert relative(sources) == [".", "iris-0.1.data/purelib", "iris-0.1.data/scripts"]
    sources.close()


REQUIRES = """numpy>=1.2,<2
pandas[gcp]

[:python_version < "3"]
futures

[gpu]
cupy

[:sys_platform == "linux"]
tool @ https://example.com/tool.whl
"""
METADATA = """Metadata-Version: 2.1
Name: iris
Requires-Dist: numpy>=1.2
Requires-Dist: futures ; python_version < "3"
Requires-Dist: cupy ; extra == 'gpu'
Requires-Dist: tests; extra=="test"
Requires-Dist: extra-lib

Requires-Dist: in the description
"""
FROM_EGG_INFO = (
    "numpy>=1.2,<2",
    "pandas[gcp]",
    'futures ; python_version < "3"',
    'tool @ https://example.com/tool.whl ; sys_platform == "linux"',
)
FROM_METADATA = ("numpy>=1.2", 'futures ; python_version < "3"', "extra-lib")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"iris.egg-info/requires.txt": REQUIRES, "PKG-INFO": METADATA}, FROM_EGG_INFO),
        ({"src/iris.egg-info/requires.txt": REQUIRES}, FROM_EGG_INFO),
        ({"iris.egg-info/PKG-INFO": "", "setup.py": "install_requires=['x']"}, ()),
        ({"PKG-INFO": METADATA}, FROM_METADATA),
        ({"predictor.py": ""}, ()),
    ],
    ids=["egg-info", "egg-info in src", "none declared", "other tools' PKG-INFO", "no metadata"],
)
def test_requirements_of_an_sdist(folder, files, expected):
    sources = open_sources(sdist(folder / "iris.tgz", files))
    assert sources.requirements == expected
    sources.close()


def test_requirements_of_a_wheel(folder):
    sources = open_sources(wheel(folder / "i.whl", {"iris-0.1.dist-info/METADATA": METADATA}))
    assert sources.requirements == FROM_METADATA
    sources.close()


def test_several_packages_at_once_keep_their_order(folder):
    write(folder, {"extra/helper.py": ""})
    first = sdist(folder / "a-1.tar.gz", {"a.egg-info/requires.txt": "numpy\nscipy"}, top="a-1")
    second = sdist(folder / "b-1.tar.gz", {"b.egg-info/requires.txt": "scipy\npandas"}, top="b-1")
    sources = open_sources(None, [first, second, "extra"])
    assert [root.name for root in sources.roots] == ["a-1", "b-1", "extra"]
    assert sources.requirements == ("numpy", "scipy", "pandas")
    assert (sources.class_name, sources.folder) == ("", None)
    sources.close()


def test_class_may_be_named_beside_packages(folder):
    package = sdist(folder / "a-1.tar.gz", {"predictor.py": ROUTINE}, top="a-1")
    sources = open_sources("predictor:MyPredictor", [package])
    assert [root.name for root in sources.roots] == [folder.name, "a-1"]
    assert sources.class_name == "predictor.MyPredictor"
    sources.close()


def test_nothing_leads_to_nothing():
    assert open_sources(None).roots == ()


@pytest.mark.parametrize(
    ("target", "said", "hint"),
    [
        ("iris-0.2.tar.gz", "iris-0.2.tar.gz does not exist.", "Did you mean 'iris-0.1.tar.gz'?"),
        ("dist/iris.whl", "dist/iris.whl does not exist.", "In .: empty, iris-0.1.tar.gz, n"),
        ("predictr.py:P", "predictr.py does not exist.", "In .: "),
        ("empty/x.whl", "empty/x.whl does not exist.", "empty is empty."),
        ("notes.txt:P", "'notes.txt:P' is not a target.", "module:Class"),
        ("./notes.txt", "'./notes.txt' is not a target.", "Give a package file"),
        (
            "iris-0.1.tar.gz:predictor.P",
            "is not a target: a class is named beside a package, not after it.",
            "Give iris-0.1.tar.gz and --prediction-class predictor.P.",
        ),
        ("two words", "'two words' is not a target.", "a project directory"),
        ("a..b", "'a..b' is not a target.", "path/to/file.py:Class"),
        ("x" * 5000 + "/y", "cannot be a path: File name too long.", ""),
        ("~nobody-of-that-name/x.py", "cannot be a path: Could not determine home", ""),
        ("a\0b", "'a\\x00b' ", ""),
    ],
    ids=lambda value: value[:20].replace("\0", "0"),
)
def test_what_is_no_target_is_refused(folder, target, said, hint):
    write(folder, {"iris-0.1.tar.gz": "", "notes.txt": ""})
    (folder / "empty").mkdir()
    error = refusal_of(target)
    assert said in error.problem
    assert len(error.problem) < 200
    assert hint in error.hint


def test_damaged_package_leaves_nothing_behind(folder):
    good = sdist(folder / "good.tar.gz", {"predictor.py": ""})
    damaged = folder / "bad.tar.gz"
    damaged.write_bytes(Path(good).read_bytes()[:-9])
    error = refusal_of(None, [good, str(damaged)], kind=PackageRefused)
    assert "bad.tar.gz is refused" in error.problem
