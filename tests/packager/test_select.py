import pytest

from cpr.errors import ConfigError
from cpr.packager.tree import GENERATED

FLAGS = {"project.name": "x", "project.version": "1"}
SETUP = "from setuptools import setup, find_packages\nsetup(name='x', version='1', {})\n"


@pytest.fixture
def chosen(make_project, files_of, predictor_source):
    """The files chosen from a project, given as names, with predictor.py as it must be."""

    def choose(names, *, setup=None, flags=None, predictor="predictor.py"):
        files = dict.fromkeys(names, "")
        files[predictor] = predictor_source
        if setup is not None:
            files["setup.py"] = SETUP.format(setup)
        return files_of(make_project(files), {**FLAGS, **(flags or {})})

    return choose


def test_takes_every_module_and_package_but_tests(chosen):
    names = [
        "helper.py", "train.py", "pkg/__init__.py", "pkg/a.py", "pkg/sub/b.py", "pkg/words.txt",
        "pkg/tests/test_a.py", "pkg/test_b.py", "test_helper.py", "helper_test.py", "conftest.py",
        "tests/__init__.py", "tests/test_x.py", "data/rows.jsonl", "notebooks/plot.py",
        "README.md", "requirements.txt", "noxfile.py", "cpr.toml", "MANIFEST.in",
    ]  # fmt: skip
    assert chosen(names) == [
        "helper.py", "pkg/__init__.py", "pkg/a.py", "pkg/sub/b.py", "pkg/words.txt",
        "predictor.py", "train.py",
    ]  # fmt: skip


def test_takes_a_package_without_init_if_the_class_is_in_it(chosen):
    flags = {"project.prediction_class": "trainer.predictor.MyPredictor"}
    names = ["trainer/model.py", "other/x.py"]
    found = chosen(names, flags=flags, predictor="trainer/predictor.py")
    assert found == ["trainer/model.py", "trainer/predictor.py"]


def test_the_content_of_src_lies_at_the_packages_root(chosen):
    names = ["src/pkg/__init__.py", "src/pkg/a.txt", "tools/x.py", "docs/conf.py"]
    found = chosen(names, predictor="src/predictor.py")
    assert found == ["pkg/__init__.py", "pkg/a.txt", "predictor.py"]


def test_a_package_called_src_stays_one(chosen):
    flags = {"project.prediction_class": "src.predictor.MyPredictor"}
    found = chosen(["src/__init__.py"], flags=flags, predictor="src/predictor.py")
    assert found == ["src/__init__.py", "src/predictor.py"]


def test_the_model_directory_stays_out(chosen):
    flags = {"project.model_dir": "pkg/model"}
    found = chosen(["pkg/__init__.py", "pkg/model/model.joblib", "pkg/words.txt"], flags=flags)
    assert found == ["pkg/__init__.py", "pkg/words.txt", "predictor.py"]


def test_a_model_directory_that_is_the_project_hides_nothing(chosen):
    assert chosen(["a.py"], flags={"project.model_dir": "."}) == ["a.py", "predictor.py"]


def test_include_takes_these_files_and_no_others(chosen):
    flags = {"package.include": ("predictor.py", "pkg", "table.csv")}
    names = ["helper.py", "pkg/__init__.py", "pkg/x.bin", "table.csv", "other.csv"]
    assert chosen(names, flags=flags) == [
        "pkg/__init__.py", "pkg/x.bin", "predictor.py", "table.csv",
    ]  # fmt: skip


def test_include_beats_setup_py(chosen):
    flags = {"package.include": ("*.py",)}
    found = chosen(["a.py"], setup="py_modules=open('list').read()", flags=flags)
    assert found == ["a.py", "predictor.py"]


def test_include_can_name_tests(chosen):
    flags = {"package.include": ("predictor.py", "tests")}
    assert chosen(["tests/test_a.py"], flags=flags) == ["predictor.py", "tests/test_a.py"]


def test_exclude_beats_everything(chosen):
    flags = {"package.include": ("**/*.py",), "package.exclude": ("pkg/secret*", "b.py")}
    names = ["b.py", "pkg/__init__.py", "pkg/secret.py"]
    assert chosen(names, flags=flags) == ["pkg/__init__.py", "predictor.py"]


def test_generated_files_are_never_taken_from_the_project(chosen):
    assert chosen(sorted(GENERATED - {"cpr.toml", "setup.py", "pyproject.toml"})) == [
        "predictor.py"
    ]


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        ("scripts=['predictor.py', 'a.py']", ["a.py", "predictor.py"]),
        ("scripts=['./predictor.py']", ["predictor.py"]),
        ("scripts=['predictor.py', 'code/c.py']", ["c.py", "predictor.py"]),
        ("py_modules=['predictor', 'a']", ["a.py", "predictor.py"]),
        ("py_modules=['predictor', 'pkg.p']", ["pkg/p.py", "predictor.py"]),
        ("py_modules=['predictor'], packages=['pkg']",
         ["pkg/__init__.py", "pkg/p.py", "pkg/table.csv", "predictor.py"]),
        ("py_modules=['predictor'], packages=find_packages()",
         ["pkg/__init__.py", "pkg/p.py", "pkg/table.csv", "predictor.py"]),
        ("packages=['']", ["a.py", "predictor.py", "train.py"]),
        ("scripts=['predictor.py'], packages=['q'], package_dir={'q': 'code'}",
         ["predictor.py", "q/c.py"]),
        ("scripts=['predictor.py'], packages=['q.r'], package_dir={'q': 'lib'}",
         ["predictor.py", "q/r/d.py"]),
        ("scripts=['predictor.py'], py_modules=['d'], package_dir={'': './lib/r/'}",
         ["d.py", "predictor.py"]),
        ("url='nothing is named'",
         ["a.py", "pkg/__init__.py", "pkg/p.py", "pkg/table.csv", "predictor.py", "train.py"]),
    ],
)  # fmt: skip
def test_takes_what_setup_py_names(chosen, setup, expected):
    names = [
        "a.py", "train.py", "code/c.py", "lib/r/d.py",
        "pkg/__init__.py", "pkg/p.py", "pkg/table.csv", "pkg/tests/__init__.py",
    ]  # fmt: skip
    assert chosen(names, setup=setup) == expected


@pytest.mark.parametrize(
    ("setup", "message", "hint"),
    [
        ("scripts=['predictor.py', 'preproces.py']", "scripts names 'preproces.py'", "preprocess"),
        ("py_modules=['predictor', 'gone']", "py_modules names 'gone.py'", "Restore it"),
        ("packages=['pkg']", "packages names 'pkg'", "Restore it"),
        ("scripts=['../outside.py']", r"scripts names '\.\./outside\.py'", "Restore it"),
        ("packages=['pkg'], package_dir={'': '..'}", r"packages names '\.\./pkg'", "Restore it"),
        ("scripts=open('x').read()", r"setup\.py:2: scripts of setup\(\)", "include"),
    ],
)
def test_what_setup_py_names_must_be_there(chosen, setup, message, hint):
    with pytest.raises(ConfigError, match=message) as caught:
        chosen(["preprocess.py"], setup=setup)
    assert "setup.py:2" in caught.value.problem
    assert hint in caught.value.hint


def test_a_pattern_that_names_nothing_is_refused(chosen):
    with pytest.raises(ConfigError, match=r"'helpers\.py' under \[package\] include") as caught:
        chosen(["helper.py"], flags={"package.include": ("predictor.py", "helpers.py")})
    assert caught.value.hint == "Did you mean 'helper.py'?"


def test_an_empty_package_is_refused(chosen):
    with pytest.raises(ConfigError, match="would be empty"):
        chosen([], flags={"package.exclude": ("**",)})


def test_two_files_for_one_name_are_refused(chosen):
    with pytest.raises(ConfigError, match=r"would both be 'a\.py'"):
        chosen(["a.py", "code/a.py"], setup="scripts=['predictor.py', 'a.py', 'code/a.py']")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("pkg/a\nb.txt", "control"), ("pkg/\\x.txt", "backslash"), ("pkg/A.txt", "twice")],
)
def test_names_that_could_not_be_unpacked_are_refused(chosen, name, reason):
    with pytest.raises(ConfigError, match=f"could not be opened again.*{reason}"):
        chosen(["pkg/__init__.py", "pkg/a.txt", name])


def test_a_package_too_large_to_open_again_is_refused(make_project, build, predictor_source):
    project = make_project({"predictor.py": predictor_source, "pkg/__init__.py": ""})
    with (project / "pkg" / "weights.bin").open("wb") as file:
        file.truncate(256_000_000)
    with pytest.raises(ConfigError, match=r"The largest is pkg/weights\.bin") as caught:
        build(project, FLAGS)
    assert "model directory" in caught.value.hint
