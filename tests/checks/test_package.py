"""What is wrong with a package: its modules, its requirements, its metadata."""

import io
import tarfile

import pytest

from cpr.checks.run import check_routine

CLASS = """
class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return instances
"""
NAMED = "[project]\nname = 'x'\nversion = '1'\n"


@pytest.fixture
def package_of(tmp_path):
    """Writes a source distribution as another tool would have; returns its path."""

    def write(files, *, top="x-1"):
        path = tmp_path / "x-1.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name, text in files.items():
                info = tarfile.TarInfo(f"{top}/{name}" if top else name)
                info.size = len(text.encode())
                archive.addfile(info, io.BytesIO(text.encode()))
        return str(path)

    return write


@pytest.fixture
def found_in(report_of):
    def check(text="", **options):
        files = {f"{k}.py": v for k, v in options.pop("modules", {}).items()}
        files |= options.pop("files", {})
        report = report_of({"predictor.py": text + CLASS, **files}, **options)
        return [item.id for item in report.findings]

    return check


PKG_INFO = "Metadata-Version: 2.1\nName: x\nVersion: 1\n"


def test_a_helper_that_was_left_out_of_a_package(package_of):
    path = package_of({"predictor.py": f"import preprocess\n{CLASS}", "PKG-INFO": PKG_INFO})
    (found,) = check_routine(path, prediction_class="predictor.MyPredictor").findings
    assert (found.id, found.file, found.line) == ("CPR207", "predictor.py", 1)
    assert "'predictor' imports 'preprocess', which is neither in the package nor installed" in (
        found.message
    )
    assert "add it to the package" in found.fix


def test_a_helper_that_setup_does_not_name(found_in):
    setup = "from setuptools import setup\nsetup(name='x', version='1', scripts=['predictor.py'])\n"
    files = {"setup.py": setup, "helper.py": ""}
    assert found_in("import helper\n", files=files) == ["CPR202"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import no_such_library\n", ["CPR207"]),
        ("import pkg.missing\n", ["CPR207"]),
        ("from pkg import here\n", []),
        ("from pkg.sub import deep\n", []),
        ("try:\n    import no_such_library\nexcept ImportError:\n    pass\n", []),
        ("def late():\n    import no_such_library\n", ["CPR207"]),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import no_such_library\n",
            [],
        ),
        ("import json.decoder, xml.etree\n", []),
        ("import statistics\n", []),
    ],
    ids=["library", "submodule", "sibling", "deeper", "caught", "late", "typing", "std", "std 2"],
)
@pytest.mark.parametrize("no_run", [False, True], ids=["run", "read"])
def test_imports_lead_somewhere(found_in, text, expected, no_run):
    files = {"pkg/__init__.py": "", "pkg/here.py": "", "pkg/sub/__init__.py": "deep = 1\n"}
    assert found_in(text, files=files, no_run=no_run) == expected


@pytest.mark.parametrize(
    ("text", "module", "expected"),
    [
        ("from statistics import column_means\n", "statistics", ["CPR208"]),
        ("from joblib import make_matrix\n", "joblib", ["CPR209"]),
        ("import helper\n", "helper", []),
        ("", "statistics", []),
    ],
    ids=["standard library", "installed", "its own", "not imported"],
)
def test_modules_that_are_hidden(found_in, text, module, expected):
    assert found_in(text, modules={module: "column_means = make_matrix = 1\n"}) == expected


def test_a_module_named_like_a_requirement_that_is_not_installed(found_in):
    files = {"cpr.toml": f"{NAMED}requirements = ['no-such-library==1']\n"}
    found = found_in("import no_such_library\n", files=files, modules={"no_such_library": ""})
    assert sorted(found) == ["CPR209", "CPR212"]


REQUIREMENTS = {
    "none needed": ("", "[]", []),
    "not stated": ("import joblib\n", "[]", ["CPR210"]),
    "stated": ("import joblib\n", "['joblib>=1,<99']", []),
    "another name": ("import sklearn\n", "['scikit-learn>=1,<99']", []),
    "brought by another": ("import numpy\n", "['scikit-learn>=1,<99']", ["CPR210"]),
    "caught": ("try:\n    import joblib\nexcept ImportError:\n    joblib = None\n", "[]", []),
    "unbounded": ("", "['joblib']", ["CPR211"]),
    "lower bound": ("", "['joblib>=1']", ["CPR211"]),
    "compatible": ("", "['joblib~=1.0']", []),
    "not installed": ("", "['no-such-library==1']", ["CPR212"]),
    "not installed, imported": ("import no_such_library\n", "['no-such-library==1']", ["CPR212"]),
    "other version": ("", "['joblib<1']", ["CPR213"]),
    "other Python": ("", "['joblib==1; python_version < \"3\"']", []),
    "ours": ("import cpr\n", "[]", []),
}


@pytest.mark.parametrize(("text", "lines", "expected"), REQUIREMENTS.values(), ids=REQUIREMENTS)
def test_requirements(found_in, text, lines, expected):
    files = {"cpr.toml": f"{NAMED}requirements = {lines}\n", "requirements.txt": ""}
    assert found_in(text, files=files) == expected


def test_what_ai_platform_had_installed_need_not_be_stated(found_in):
    files = {"cpr.toml": NAMED, "requirements.txt": ""}
    text = "import joblib\nimport orjson\n"
    assert found_in(text, files=files) == ["CPR210", "CPR210"]
    assert found_in(text, files=files, profile="aiplatform-mls1") == ["CPR210"]


def test_a_bare_class_in_a_folder_states_nothing(found_in):
    assert found_in("import joblib\n") == []


def test_a_requirement_of_a_package_that_pip_cannot_read(package_of):
    requires = "numpy >= one\n-r other.txt\n"
    files = {"predictor.py": CLASS, "PKG-INFO": PKG_INFO, "x.egg-info/requires.txt": requires}
    found = check_routine(package_of(files), prediction_class="predictor.MyPredictor").findings
    assert [item.id for item in found] == ["CPR214", "CPR214"]


@pytest.mark.parametrize(
    ("python", "requirement", "said"),
    [
        (">=3.99", "joblib<99", "the package is for Python >=3.99; this is 3."),
        (">=3.6", "numpy<99", "numpy"),
    ],
    ids=["this Python", "a library"],
)
def test_the_wrong_python(report_of, python, requirement, said):
    text = f"{NAMED}python = '{python}'\nrequirements = ['{requirement}']\n"
    (found,) = report_of({"cpr.toml": text}).findings
    assert found.id == "CPR215"
    assert said in found.message


def test_a_class_that_is_imported_by_a_computed_name_must_be_required(report_of):
    text = f"import importlib\nimportlib.import_module('jobl' + 'ib')\n{CLASS}"
    (found,) = report_of({"predictor.py": text, "cpr.toml": NAMED}).findings
    assert found.id == "CPR206"
    assert "No module named 'joblib'" in found.message
    assert found.fix == "State the library that brings 'joblib' as a requirement."


METADATA = {
    "as it should be": ({"PKG-INFO": PKG_INFO}, []),
    "no PKG-INFO": ({}, ["CPR219"]),
    "an old version": ({"PKG-INFO": PKG_INFO.replace("1\n", "2022-06-05-13\n")}, ["CPR218"]),
    "an old name": ({"PKG-INFO": PKG_INFO.replace("Name: x", "Name: my model!")}, ["CPR218"]),
    "scripts alone": (
        {
            "PKG-INFO": PKG_INFO,
            "helper.py": "",
            "setup.py": "from setuptools import setup\nsetup(scripts=['predictor.py'])\n",
        },
        ["CPR221"],
    ),
    "modules named": (
        {
            "PKG-INFO": PKG_INFO,
            "helper.py": "",
            "setup.py": "from setuptools import setup\nsetup(py_modules=['predictor', 'helper'])\n",
        },
        [],
    ),
    "pip's inside": (
        {
            "PKG-INFO": PKG_INFO,
            "setup.py": "from setuptools import setup\nfrom pip.req import parse_requirements\n"
            "setup(py_modules=['predictor'])\n",
        },
        ["CPR222"],
    ),
    "a file that is not there": (
        {
            "PKG-INFO": PKG_INFO,
            "setup.py": "from setuptools import setup\n"
            "setup(py_modules=['predictor'], long_description=open('README.md').read())\n",
        },
        ["CPR222"],
    ),
}


@pytest.mark.parametrize(("files", "expected"), METADATA.values(), ids=METADATA)
def test_metadata_of_a_source_distribution(package_of, files, expected):
    path = package_of({"predictor.py": CLASS, **files})
    report = check_routine(path, prediction_class="predictor.MyPredictor")
    assert [item.id for item in report.findings] == expected
    assert report.base == ""


@pytest.mark.parametrize("top", ["", "../x-1"], ids=["no top folder", "a path that leads out"])
def test_a_package_that_cannot_be_opened(package_of, top):
    path = package_of({"predictor.py": CLASS, "helper.py": ""}, top=top)
    report = check_routine(path, prediction_class="predictor.MyPredictor")
    (found,) = report.findings
    assert found.id == "CPR220"
    assert report.name == path
    assert set(report.skipped.values()) == {"nothing was opened"}


PROJECTS = {
    "a version that pip refuses": ("version = '2022-06-05-13'\n", "CPR218"),
    "a name that pip refuses": ("version = '1'\nname = 'my model!'\n", "CPR218"),
    "a requirement that is none": ("name = 'x'\nrequirements = ['a b']\n", "CPR223"),
}


@pytest.mark.parametrize(("text", "identity"), PROJECTS.values(), ids=PROJECTS)
def test_a_project_that_cannot_be_packaged(found_in, text, identity):
    files = {"cpr.toml": f"[project]\n{text}", "requirements.txt": ""}
    assert found_in(files=files) == [identity]


def test_a_setup_that_would_have_to_be_run(found_in):
    setup = "from setuptools import setup\nsetup(name='x', version='1', scripts=make())\n"
    assert found_in(files={"setup.py": setup}) == ["CPR223"]


def test_name_and_version_may_be_given_later(found_in):
    assert found_in(files={"requirements.txt": ""}) == []


def test_places_are_those_of_the_project_wherever_its_code_lies(report_of):
    source = CLASS.replace("    @classmethod\n", "")
    text = "from setuptools import setup\nsetup(name='x', version='1', "
    setup = text + "package_dir={'': 'src'}, py_modules=['routine'])\n"
    files = {"src/routine.py": source, "setup.py": setup}
    (found,) = report_of(files, prediction_class="routine.MyPredictor").findings
    assert (found.id, found.file, found.line) == ("CPR104", "src/routine.py", 3)


def test_a_library_under_a_shared_name_is_named_alone(report_of):
    pytest.importorskip("google.cloud.storage", reason="of the test extra")
    text = f"def load():\n    from google.cloud import storage\n{CLASS}"
    (found,) = report_of({"predictor.py": text, "cpr.toml": NAMED}).findings
    assert found.message == (
        "'predictor' imports 'google' of google-cloud-storage, which is not required"
    )
