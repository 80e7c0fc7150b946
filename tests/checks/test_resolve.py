"""Asking pip for the requirements, here of a package index in a folder."""

import zipfile
from pathlib import Path

import pytest

from cpr.errors import EnvironmentProblem

PROJECT = "[project]\nname = 'x'\nversion = '1'\npython = '>=3.10'\nrequirements = [{}]\n"


@pytest.fixture
def index(tmp_path, monkeypatch):
    """An index that has demo 1.0, which needs Python 3.11."""
    folder = tmp_path / "simple" / "demo"
    folder.mkdir(parents=True)
    metadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Python: >=3.11\n"
    with zipfile.ZipFile(folder / "demo-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("demo.py", "")
        wheel.writestr("demo-1.0.dist-info/METADATA", metadata)
        wheel.writestr(
            "demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n"
            "Root-Is-Purelib: true\n",
        )  # fmt: skip
        wheel.writestr("demo-1.0.dist-info/RECORD", "demo.py,,\n")
    # Without the attribute, old releases of pip hold the wheel against their own Python only.
    link = '<a href="demo-1.0-py3-none-any.whl" data-requires-python="&gt;=3.11">demo</a>'
    (folder / "index.html").write_text(link)
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "simple").as_uri())
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("requirement", "python", "expected"),
    [
        ("'demo==1.0'", ">=3.11", []),
        ("'demo==1.0'", ">=3.10", ["CPR217"]),
        ("'demo==2.0'", ">=3.11", ["CPR217"]),
        ("'no-such-demo==1.0'", ">=3.11", ["CPR217"]),
    ],
    ids=["there", "not for that Python", "no such version", "no such library"],
)
def test_what_the_index_has_not_is_found(report_of, requirement, python, expected, tmp_path):
    text = PROJECT.format(requirement).replace(">=3.10", python)
    findings = report_of({"cpr.toml": text}, resolve=True, only=["CPR217"], groups=None).findings
    assert [item.id for item in findings] == expected
    for item in findings:
        assert f"cannot be installed for Python {python[2:]}: " in item.message
    assert not Path(tmp_path, "unused").exists()


def test_an_index_that_cannot_be_reached_is_no_finding(report_of, index, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    text = PROJECT.format("'demo==1.0'")
    with pytest.raises(EnvironmentProblem) as raised:
        report_of({"cpr.toml": text}, resolve=True, only=["CPR217"], groups=None)
    assert raised.value.problem == "the package index cannot be reached."


def test_nothing_is_asked_unless_told(report_of, monkeypatch):
    monkeypatch.setenv("PATH", "")
    text = PROJECT.format("'joblib==1.0; python_version < \"3\"'")
    assert report_of({"cpr.toml": text}).findings == ()
