"""What ``--fix`` mends, and what it leaves alone."""

from importlib import metadata

import pytest

from cpr.checks.fix import fix_findings

CLASS = '''
class MyPredictor:
    """Ünïcode before it."""

    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return instances
'''


@pytest.fixture
def mended(report_of, tmp_path):
    """Mends a project; returns the difference, what is found afterwards, and a reader of files."""

    def mend(files, **options):
        files = {"predictor.py": CLASS, **files}
        difference = fix_findings(report_of(files, **options))
        root = tmp_path / "project"
        after = {name: (root / name).read_text() for name in files}
        return difference, [item.id for item in report_of(after, **options).findings], after

    return mend


def test_a_classmethod_is_added(mended):
    difference, found, after = mended({"predictor.py": CLASS.replace("    @classmethod\n", "")})
    assert found == []
    assert after["predictor.py"] == CLASS
    assert "+    @classmethod\n" in difference
    assert difference.startswith("--- a/predictor.py\n+++ b/predictor.py\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("self, instances", "self, instances, **kwargs"),
        ("self, instances, *, size=1", "self, instances, *, size=1, **kwargs"),
        ("self, instances: 'ü[int]'", "self, instances: 'ü[int]', **kwargs"),
        ("self,\n        instances,\n    ", "self,\n        instances, **kwargs,\n    "),
    ],
    ids=["plain", "keyword-only", "annotated", "one a line"],
)
def test_keywords_are_added(mended, before, after):
    text = CLASS.replace("self, instances, **kwargs", before)
    _, found, files = mended({"predictor.py": text})
    assert found == []
    assert files["predictor.py"] == CLASS.replace("self, instances, **kwargs", after)


def test_both_are_added_at_once(mended):
    text = CLASS.replace("    @classmethod\n", "").replace(", **kwargs", "")
    _, found, files = mended({"predictor.py": text})
    assert found == []
    assert files["predictor.py"] == CLASS


SETUP = "from setuptools import setup\nsetup(name='x', version='1', scripts=['predictor.py'])\n"


def test_a_module_that_setup_leaves_out_is_named_there(mended):
    files = {"predictor.py": f"import helper\n{CLASS}", "helper.py": "", "setup.py": SETUP}
    _, found, after = mended(files)
    assert found == []
    assert "scripts=['predictor.py', \"helper.py\"]" in after["setup.py"]


def test_a_module_that_include_leaves_out_is_named_there(mended):
    toml = '[project]\nname = "x" # why\n\n[package]\ninclude = ["predictor.py"]  # all\n'
    files = {"predictor.py": f"import helper\n{CLASS}", "helper.py": "", "cpr.toml": toml}
    _, found, after = mended(files)
    assert found == []
    assert after["cpr.toml"] == toml.replace('"predictor.py"]', '"predictor.py", "helper.py"]')


def test_requirements_are_pinned_to_what_is_installed(mended):
    toml = """[project]
name = 'x'
requirements = [
    'joblib',  # not "numpy"
    "numpy>=1",
    "orjson<99",
]
"""
    _, found, after = mended({"cpr.toml": toml})
    assert found == []
    numpy, joblib = metadata.version("numpy"), metadata.version("joblib")
    expected = toml.replace("'joblib'", f'"joblib=={joblib}"').replace(">=1", f"=={numpy}")
    assert after["cpr.toml"] == expected


def test_requirements_in_pyproject_are_pinned_too(mended):
    toml = "[project]\nname='x'\nversion='1'\n[tool.cpr.project]\nrequirements = ['joblib']\n"
    _, found, after = mended({"pyproject.toml": toml})
    assert found == []
    assert f'"joblib=={metadata.version("joblib")}"' in after["pyproject.toml"]


def test_a_version_is_brought_into_form(mended):
    toml = "[project]\nname = 'x'\nversion = '2022-06-05-13'\n"
    _, found, after = mended({"cpr.toml": toml})
    assert found == []
    assert 'version = "2022.6.5.13"' in after["cpr.toml"]


@pytest.mark.parametrize(
    "files",
    [
        {"predictor.py": CLASS.replace("@classmethod", "@property")},
        {"predictor.py": f"import no_such_module\n{CLASS}"},
        {"setup.py": SETUP.replace("['predictor.py']", "names()")},
        {"requirements.txt": "joblib\n"},
    ],
    ids=["another decorator", "a module that is nowhere", "a computed list", "another file"],
)
def test_what_needs_a_decision_is_left_alone(mended, files):
    difference, found, _ = mended(files)
    assert difference == ""
    assert found


def test_nothing_is_mended_twice(mended):
    assert mended({})[0] == ""
