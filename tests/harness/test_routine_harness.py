"""cpr.Harness: predictions, replays and checks as plain calls, failures in plain words."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cpr
from cpr.errors import BadInput, LoadError, UsageError, UserCodeError


def test_predicts_what_a_client_would_read(harness):
    assert harness.predict([1, 2.5]) == [2, 5.0]


def test_passes_parameters(harness):
    assert harness.predict([1], plus=10) == [12]


def test_takes_arrays(harness):
    assert harness.predict(np.array([1.5, 2])) == [3.0, 4.0]


def test_names_the_place_of_what_is_not_json(harness):
    with pytest.raises(BadInput, match=r"cannot be written as JSON: .*request\.instances\[1\]"):
        harness.predict([1, object()])


def test_raises_what_user_code_raised(harness):
    with pytest.raises(UserCodeError) as caught:
        harness.predict([1, None])
    assert isinstance(caught.value.__cause__, TypeError)
    assert "predictor.py" in caught.value.user_traceback
    assert "return 2 * instance" in caught.value.user_traceback


@pytest.mark.parametrize(
    "body",
    [{"instances": [3]}, b'{"instances": [3]}', '{"instances": [3]}'],
    ids=["an object", "bytes", "text"],
)
def test_answers_a_whole_request(harness, body):
    assert harness.request(body) == {"predictions": [6]}


def test_answers_a_failed_request_by_its_error(harness):
    assert list(harness.request({"instances": [None]})) == ["error"]


def test_serves_a_class_of_a_file_without_a_project(project):
    with cpr.Harness(f"{project / 'predictor.py'}:MyPredictor", project / "model") as harness:
        assert harness.predict([4]) == [8]


def test_is_the_project_in_the_current_directory_by_default(project, monkeypatch):
    monkeypatch.chdir(project)
    with cpr.Harness() as harness:
        assert harness.predict([4]) == [8]
        assert harness.label == "predictor.MyPredictor"


def test_loads_at_the_first_request(project):
    (project / "predictor.py").write_text("raise OSError('no such disk')")
    harness = cpr.Harness(project)
    assert repr(harness) == f"<cpr.Harness of {project}, not loaded yet>"
    with pytest.raises(LoadError, match="no such disk"):
        harness.predict([1])


def test_refuses_work_once_it_is_closed(harness):
    harness.predict([1])
    harness.close()
    harness.close()
    with pytest.raises(UsageError, match=r"the harness of predictor\.MyPredictor is closed"):
        harness.predict([1])


def test_shows_itself_as_a_table_in_notebooks(harness):
    harness.predict([1])
    shown = harness._repr_html_()
    assert shown.startswith("<table>")
    assert "predictor.MyPredictor" in shown
    assert "loaded" in shown


def test_replays_from_the_project_directory(harness, golden):
    golden(2, 5)
    result = harness.replay("requests", "golden")
    assert (len(result.requests), result.compared, result.is_ok) == (2, 2, True)


def test_replays_without_anything_to_compare(harness):
    result = harness.replay("requests", repeat=3)
    assert (len(result.requests), result.compared, result.failed) == (6, 0, 0)


def test_finds_the_golden_files_of_the_project(harness, golden):
    golden(2, 5)
    assert harness.assert_golden("requests").compared == 2
    assert harness.assert_golden(Path("requests/rows.jsonl")).compared == 2


def test_says_which_answers_are_not_as_expected(harness, golden):
    golden(2, 7)
    with pytest.raises(AssertionError) as caught:
        harness.assert_golden("requests")
    said = str(caught.value)
    assert said.startswith(
        "predictor.MyPredictor: of 2 requests, 1 answered otherwise than expected."
    )
    assert "predictions[0]" in said
    assert "requests/rows.jsonl:2" in said
    assert "If the answers of now are right: cpr replay " in said
    assert said.endswith("golden --update")


@pytest.mark.parametrize(
    "allowed",
    [{"atol": 2}, {"rtol": 0.5}, {"tolerance": ["predictions=2"]}, {"ignore": ["predictions[0]"]}],
    ids=["atol", "rtol", "by path", "ignored"],
)
def test_allows_what_it_is_told_to(harness, golden, allowed):
    golden(2, 7)
    assert harness.assert_golden("requests", **allowed).is_ok


def test_allows_what_the_project_is_configured_for(harness, golden, project):
    golden(2, 7)
    with (project / "cpr.toml").open("a") as file:
        file.write("[replay.tolerance]\natol = 2\n")
    assert harness.assert_golden("requests").is_ok


def test_does_not_pass_where_nothing_is_expected(harness):
    with pytest.raises(AssertionError) as caught:
        harness.assert_golden("requests")
    said = str(caught.value)
    assert "answered 2 requests, but no response is expected of any" in said
    assert "Write what it answers now to golden files: cpr replay" in said


def test_tells_failed_requests_with_their_places(harness, project):
    (project / "requests" / "rows.jsonl").write_text('1\n{"a": 1}\n')
    with pytest.raises(AssertionError) as caught:
        harness.assert_golden("requests")
    said = str(caught.value)
    assert "of 2 requests, 1 failed." in said
    assert "rows.jsonl:2" in said
    assert "TypeError" in said


def test_the_command_that_it_advises_makes_it_pass(harness, project, golden):
    golden(2, 7)
    with pytest.raises(AssertionError) as caught:
        harness.assert_golden("requests")
    advised = str(caught.value).splitlines()[-1].partition(": cpr ")[2].split()
    subprocess.run([sys.executable, "-m", "cpr", *advised], check=True, capture_output=True)
    written = (project / "golden" / "rows.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in written] == [{"predictions": [2]}, {"predictions": [5.0]}]
    assert harness.assert_golden("requests").is_ok


def test_checks_with_sample_requests(harness):
    report = harness.check("requests", only=["class"])
    assert not report.errors
    assert report.name == "predictor.MyPredictor"
