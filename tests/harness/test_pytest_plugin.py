"""The fixture cpr_harness and `pytest --cpr`, in pytest runs of their own."""

import re

OWN_TEST = """
def test_doubles(cpr_harness):
    assert cpr_harness.predict([4]) == [8]

def test_is_the_same_everywhere(cpr_harness):
    assert cpr_harness._routine is not None
"""
CLOSING = """
import cpr

class MyPredictor(cpr.Predictor):
    @classmethod
    def from_path(cls, model_dir):
        print("HELLO")
        return cls()

    def predict(self, instances):
        return instances

    def close(self):
        print("GOODBYE")
"""


def test_fixture_serves_the_project_of_the_root_directory(project, run_pytest):
    (project / "test_own.py").write_text(OWN_TEST)
    assert "2 passed" in run_pytest("-W", "error")


def test_fixture_serves_what_the_ini_file_names(project, run_pytest):
    (project / "cpr.toml").unlink()
    (project / "test_own.py").write_text(OWN_TEST)
    ini = "[pytest]\ncpr_target = predictor.py:MyPredictor\ncpr_model_dir = model\n"
    (project / "pytest.ini").write_text(ini)
    assert "2 passed" in run_pytest()


def test_flags_win_over_the_ini_file(project, run_pytest):
    (project / "test_own.py").write_text(OWN_TEST)
    (project / "pytest.ini").write_text("[pytest]\ncpr_target = nowhere\ncpr_model_dir = none\n")
    flags = ["--cpr-target", "predictor.py:MyPredictor", "--cpr-model-dir", "model"]
    assert "2 passed" in run_pytest(*flags)


def test_routine_is_loaded_once_and_closed_at_the_end(project, run_pytest):
    (project / "predictor.py").write_text(CLOSING)
    (project / "test_own.py").write_text(OWN_TEST.replace("[8]", "[4]"))
    output = run_pytest("-s")
    assert output.count("HELLO") == output.count("GOODBYE") == 1
    assert output.index("HELLO") < output.index("GOODBYE")


def test_without_the_flag_nothing_is_added(project, run_pytest):
    assert "collected 0 items" in run_pytest(expected=5)


def test_flag_adds_an_item_for_each_request_file_and_group_of_checks(project, run_pytest, golden):
    golden(2, 5)
    (project / "requests" / "one.json").write_text('{"instances": [1]}')
    output = run_pytest("--cpr", "--collect-only", "-q")
    assert output.split()[:6] == [
        "cpr::replay[requests/one.json]",
        "cpr::replay[requests/rows.jsonl]",
        "cpr::check[class]",
        "cpr::check[package]",
        "cpr::check[artifacts]",
        "cpr::check[behaviour]",
    ]


def test_replays_with_golden_files_and_tells_what_differs(project, run_pytest, golden):
    golden(2, 7)
    output = run_pytest("--cpr", "-k", "replay", expected=1)
    assert "of 2 requests, 1 answered otherwise than expected" in output
    assert "requests/rows.jsonl:2" in output
    assert "Traceback" not in output
    assert "pytest_items.py" not in output


def test_a_request_file_that_cannot_be_read_is_a_failed_item(project, run_pytest):
    (project / "requests" / "rows.jsonl").write_text("{\n")
    output = run_pytest("--cpr", "-k", "replay", expected=1)
    assert "cpr::replay[requests]" in output
    assert "Input instances are not in JSON format" in output


def test_a_class_that_cannot_be_loaded_is_told_with_its_own_lines(project, run_pytest):
    (project / "predictor.py").write_text("import nowhere_to_be_found\n")
    output = run_pytest("--cpr", "-k", "replay", expected=1)
    assert re.search(r"predictor\.py.*line 1|predictor\.py:1", output)
    assert "nowhere_to_be_found" in output


def test_items_pass_for_a_sound_project(project, run_pytest, golden):
    golden(2, 5)
    assert "5 passed" in run_pytest("--cpr")


def test_request_files_and_golden_directory_may_have_other_names(project, run_pytest, golden):
    golden(2, 7)
    (project / "requests").rename(project / "asked")
    (project / "golden").rename(project / "told")
    (project / "pytest.ini").write_text("[pytest]\ncpr_requests = asked\ncpr_golden = told\n")
    output = run_pytest("--cpr", "-k", "replay", expected=1)
    assert "asked/rows.jsonl:2" in output
