"""How groups of checks run, what is silenced, and what is left out."""

import pytest

from cpr.checks.echoes import without_echoes
from cpr.checks.profiles import DEFAULT, PROFILES, profile_named
from cpr.checks.run import GROUPS, check_routine, known_ids
from cpr.errors import LoadError, UsageError
from cpr.findings import Finding, ordered

BROKEN = "class MyPredictor:\n    def predict(self, instances, **kwargs):\n        print(1)\n"


def test_errors_come_first(report_of):
    report = report_of({"predictor.py": BROKEN})
    assert [item.id for item in report.findings] == ["CPR101", "CPR112"]
    assert [item.id for item in report.errors] == ["CPR101"]


@pytest.mark.parametrize("how", ["option", "file"])
def test_an_ignored_id_is_silenced(report_of, how):
    settings = "[check]\nignore = ['CPR101']\n" if how == "file" else ""
    options = {"ignore": ["CPR101"]} if how == "option" else {}
    report = report_of({"predictor.py": BROKEN, "cpr.toml": settings}, **options)
    assert [item.id for item in report.findings] == ["CPR112"]
    assert [item.id for item in report.silenced] == ["CPR101"]
    assert report.errors == ()


@pytest.mark.parametrize("option", ["ignore", "only"])
def test_an_id_that_is_none_is_refused(report_of, option):
    with pytest.raises(UsageError) as raised:
        report_of(**{option: ["CPR999"]})
    assert "'CPR999' is not the id of a finding" in str(raised.value)


def test_only_one_id(report_of):
    report = report_of({"predictor.py": BROKEN}, only=["cpr112"], groups=None)
    assert [item.id for item in report.findings] == ["CPR112"]
    assert set(report.skipped) == set(GROUPS) - {"class"}


def test_only_one_group(report_of):
    report = report_of({"predictor.py": f"import nowhere\n{BROKEN}"}, only=["package"], groups=None)
    assert [item.id for item in report.findings] == ["CPR207"]


def test_a_group_that_is_none_is_refused(report_of):
    with pytest.raises(UsageError) as raised:
        report_of(only=["clas"], groups=None)
    assert "'clas' is neither the id of a finding nor a group of checks." in str(raised.value)
    assert "Did you mean 'class'?" in str(raised.value)


def test_behaviour_waits_for_errors_to_be_mended(report_of, tmp_path):
    (tmp_path / "model").mkdir()
    options = {"groups": None, "model_dir": str(tmp_path / "model")}
    report = report_of({"predictor.py": BROKEN}, **options)
    assert report.skipped == {"behaviour": "an error is known that would stop it (CPR101)"}


def test_behaviour_needs_a_model_directory(report_of):
    assert report_of(groups=None).skipped == {"behaviour": "no model directory is given"}


def test_nothing_is_run_when_told_so(report_of, tmp_path):
    (tmp_path / "model").mkdir()
    text = "raise SystemError\nclass MyPredictor: ...\n"
    options = {"groups": None, "model_dir": str(tmp_path / "model"), "no_run": True}
    report = report_of({"predictor.py": text}, **options)
    assert report.skipped == {"behaviour": "nothing is to be run"}
    assert [item.id for item in report.findings] == ["CPR101"]


def test_a_model_directory_alone_has_no_class_and_no_package(tmp_path):
    report = check_routine(None, str(tmp_path), groups=["class", "package"])
    assert report.findings == ()
    assert report.name == str(tmp_path)


def test_a_model_directory_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(LoadError):
        check_routine(None, str(tmp_path / "nowhere"))


def test_a_profile_that_is_none_is_refused(report_of):
    with pytest.raises(UsageError) as raised:
        report_of({"cpr.toml": "[check]\nprofile = 'vertx'\n"})
    assert "there is no profile 'vertx'" in str(raised.value)
    assert "Did you mean 'vertex'?" in str(raised.value)


def test_the_limits_of_the_platforms():
    assert profile_named("") is DEFAULT
    mls1 = PROFILES["aiplatform-mls1"]
    assert (mls1.model_dir_bytes, mls1.model_dir_files) == (500_000_000, 1000)
    assert mls1.request_bytes == 1_500_000
    assert PROFILES["aiplatform-n1"].model_dir_bytes == 10_000_000_000
    assert set(PROFILES) == {"aiplatform-mls1", "aiplatform-n1", "vertex", "kserve", "cloudrun"}


def finding(identity, file="a.py", line=1):
    known_ids()
    return Finding(identity, "said", file=file, line=line)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([("CPR206", "a.py", 1), ("CPR118", "a.py", 1)], ["CPR118"]),
        ([("CPR206", "a.py", 2), ("CPR118", "a.py", 1)], ["CPR206", "CPR118"]),
        ([("CPR206", "a.py", 1), ("CPR121", "a.py", 1)], ["CPR206"]),
        ([("CPR206", "a.py", 1), ("CPR205", "a.py", 0)], ["CPR206"]),
        ([("CPR206", "a.py", 1), ("CPR205", "b.py", 0)], ["CPR206", "CPR205"]),
        ([("CPR208", "b.py", 0), ("CPR206", "a.py", 1)], ["CPR208"]),
        ([("CPR451", "a.py", 1), ("CPR112", "a.py", 3)], ["CPR451"]),
        ([("CPR112", "a.py", 3)], ["CPR112"]),
    ],
)
def test_one_fault_is_one_finding(given, kept):
    assert [item.id for item in without_echoes([finding(*one) for one in given])] == kept


def test_a_finding_is_told_once():
    assert len(ordered([finding("CPR101"), finding("CPR101"), finding("CPR102")])) == 2
