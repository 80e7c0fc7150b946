import pytest

from cpr.config import load_settings
from cpr.errors import ConfigError
from cpr.packager.describe import describe
from cpr.packager.setup_script import SetupScript


@pytest.fixture
def described(make_project):
    def describe_project(files, flags=None):
        project = make_project({"predictor.py": "", **files})
        settings = load_settings(project, flags=flags, environ={})
        return describe(project, settings, SetupScript(project))

    return describe_project


SETUP = "setup(name='s', version='2', install_requires=['numpy>=1'], python_requires='>=3.7')"
PYPROJECT = (
    "[project]\nname = 'p'\nversion = '3'\ndependencies = ['scipy']\nrequires-python = '>=3.9'\n"
)
CPR = "[project]\nname = 'c'\nversion = '1'\nrequirements = ['pandas']\npython = '>=3.10'\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"setup.py": SETUP}, ("s", "2", ("numpy>=1",), ">=3.7")),
        ({"pyproject.toml": PYPROJECT}, ("p", "3", ("scipy",), ">=3.9")),
        ({"setup.py": SETUP, "pyproject.toml": PYPROJECT}, ("s", "2", ("numpy>=1",), ">=3.7")),
        ({"setup.py": "setup()", "pyproject.toml": PYPROJECT}, ("p", "3", ("scipy",), ">=3.9")),
        ({"cpr.toml": CPR, "setup.py": SETUP}, ("c", "1", ("pandas",), ">=3.10")),
        (
            {"cpr.toml": CPR, "setup.py": "setup(version=open('v').read(), name=n)"},
            ("c", "1", ("pandas",), ">=3.10"),
        ),
        (
            {
                "setup.py": "setup(name='s', version='2')",
                "requirements.txt": "joblib\n# no\nnumpy\n",
            },
            ("s", "2", ("joblib", "numpy"), ""),
        ),
    ],
    ids=["setup", "pyproject", "setup-first", "pyproject-rest", "cpr", "cpr-hides", "file"],
)
def test_settings_come_first_then_setup_py_then_pyproject(described, files, expected):
    found = described(files)
    assert (found.name, found.version, found.requirements, found.requires_python) == expected


def test_flags_alone_are_enough(described):
    flags = {"project.name": "f", "project.version": "1", "project.requirements": ("numpy",)}
    found = described({}, flags)
    assert (found.stem, found.requirements) == ("f-1", ("numpy",))


@pytest.mark.parametrize(
    ("name", "version", "stem"),
    [
        ("iris-custom-model", "0.1", "iris_custom_model-0.1"),
        ("My.Code", "v1", "my_code-1"),
        ("a__b", "1.0-beta.2", "a_b-1.0b2"),
        ("x", "01.2", "x-1.2"),
        ("x", "1.0+cpu", "x-1.0+cpu"),
    ],
)
def test_file_names_follow_pep_625_and_pep_440(described, name, version, stem):
    assert described({}, {"project.name": name, "project.version": version}).stem == stem


@pytest.mark.parametrize(
    ("version", "suggestion"),
    [
        ("2022-06-05-13-38-45", "2022.6.5.13.38.45"),
        ("version_three", "0.1"),
        ("1.0-final-2", "1.0.2"),
        ("../1", "1"),
    ],
)
def test_an_impossible_version_is_refused_with_a_suggestion(described, version, suggestion):
    with pytest.raises(ConfigError, match="cannot be that of a package") as caught:
        described({}, {"project.name": "x", "project.version": version})
    assert repr(version) in caught.value.problem
    assert caught.value.hint == f"For example: {suggestion}"


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("my routine", "my-routine"), ("../x", "x"), ("-x-", "x"), ("é", "my-routine"), ("x\n", "x")],
)
def test_an_impossible_name_is_refused_with_a_suggestion(described, name, suggestion):
    with pytest.raises(ConfigError, match="cannot be that of a package") as caught:
        described({}, {"project.name": name, "project.version": "1"})
    assert caught.value.hint == f"For example: {suggestion}"


@pytest.mark.parametrize("missing", ["name", "version"])
def test_name_and_version_are_needed(described, missing):
    flags = {"project.name": "x", "project.version": "1"}
    flags.pop(f"project.{missing}")
    with pytest.raises(ConfigError, match=f"has no {missing}") as caught:
        described({}, flags)
    assert f"--{missing}" in caught.value.hint


FLAGS = {"project.name": "x", "project.version": "1"}


@pytest.mark.parametrize(
    ("files", "flags", "message"),
    [
        ({}, {"project.requirements": ("numpy>>1",)}, "flag: 'numpy>>1' is not a requirement"),
        ({"setup.py": "setup(\ninstall_requires=['./x'])"}, {}, r"setup\.py:2: './x' is not a"),
        ({"setup.py": "setup(\ninstall_requires=read())"}, {}, r"setup\.py:2: install_requires"),
        ({"pyproject.toml": "[project]\ndependencies = 3"}, {}, "dependencies is 3"),
        ({"pyproject.toml": "project = 3"}, {}, "must be a table, not 3"),
        ({"pyproject.toml": "[project]\nrequires-python = 3"}, {}, "requires-python is 3"),
        ({"requirements.txt": "a\nb c\n"}, {}, r"requirements\.txt:2: 'b c' is not a requirement"),
        ({"requirements.txt": "-r gone.txt"}, {}, r"gone\.txt cannot be read"),
        ({}, {"project.python": "3.11"}, "python is '3.11'; expected a version specifier"),
    ],
)
def test_what_cannot_be_stated_is_refused_with_its_place(described, files, flags, message):
    with pytest.raises(ConfigError, match=message):
        described(files, {**FLAGS, **flags})


def test_a_requirements_file_is_followed_and_pips_options_are_named(described):
    lines = [
        "--index-url https://example.org",
        "-r more.txt",
        "numpy==1.26.4 --hash=sha256:00 \\",
        "  --hash=sha256:01",
        "scipy>=1 ; python_version>'3'",
    ]
    more = "\ufeff-r requirements.txt\n\njoblib # pinned elsewhere\n"
    found = described({"requirements.txt": "\n".join(lines), "more.txt": more}, FLAGS)
    assert found.requirements == ("joblib", "numpy==1.26.4", 'scipy>=1; python_version > "3"')
    assert [(f.id, f.line) for f in found.findings] == [("CPR203", 1)]


def test_requirements_files_that_include_each_other_by_detours_are_read_once(described):
    files = {
        "requirements.txt": "numpy\n-r more/../more/list.txt",
        "more/list.txt": "joblib\n-r ../more/list.txt\n-r ../requirements.txt",
    }
    assert described(files, FLAGS).requirements == ("numpy", "joblib")
