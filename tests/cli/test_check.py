import json
import os

import pytest

UNBOUND = """
    class MyPredictor:
        def from_path(cls, model_dir):
            return cls()

        def predict(self, instances, **kwargs):
            print(instances)
            return instances
"""


def test_a_routine_without_findings(cpr, project):
    done = cpr("check", *project())
    assert done.stdout.endswith("predictor.MyPredictor: no findings.\n")
    assert done.stderr == ""


def test_errors_end_with_exit_code_1_and_are_told_whole(cpr, project):
    folder, _ = project(UNBOUND)
    done = cpr("check", folder, expected=1)
    lines = done.stdout.splitlines()
    assert lines[:2] == ["Class", "error   CPR104  from_path is not a classmethod"]
    assert lines[2].startswith(
        "  predictor.py:3  predictor 'predictor.MyPredictor' has a from_path"
    )
    assert "    fix  Put @classmethod above it." in lines
    assert "    see  docs/findings/CPR104.md" in lines
    assert lines[-1] == "predictor.MyPredictor: 1 error, 1 note."
    assert "\x1b" not in done.stdout


def test_warnings_and_notes_alone_end_with_0(cpr, project):
    folder, _ = project(UNBOUND.replace("def from_path", "@classmethod\n        def from_path"))
    assert cpr("check", folder).stdout.endswith("predictor.MyPredictor: 1 note.\n")


def test_silenced_ids_are_named(cpr, project):
    folder, _ = project(UNBOUND)
    done = cpr("check", folder, "--ignore=CPR104", "--no-run")
    assert done.stdout.endswith("predictor.MyPredictor: 1 note; silenced: CPR104.\n")


def test_only_one_group(cpr, project):
    folder, _ = project(UNBOUND)
    assert "no findings" in cpr("check", folder, "--only=package").stdout


@pytest.mark.parametrize("flag", ["--json", "--format=json"])
def test_json_is_one_document(cpr, project, flag):
    folder, _ = project(UNBOUND)
    document = json.loads(cpr("check", folder, flag, expected=1).stdout)
    assert (document["schema"], document["ok"]) == ("cpr.check/1", False)
    assert document["summary"]["errors"] == 1
    assert document["summary"]["skipped"] == {"behaviour": "no model directory is given"}
    error, note = document["findings"]
    assert (error["id"], error["severity"], error["file"], error["line"]) == (
        "CPR104",
        "error",
        "predictor.py",
        3,
    )
    assert error["docs"] == "docs/findings/CPR104.md"
    assert note["severity"] == "note"


def test_sarif_has_the_rules_and_the_places(cpr, project):
    folder, _ = project(UNBOUND)
    document = json.loads(cpr("check", folder, "--format=sarif", expected=1).stdout)
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["CPR104", "CPR112"]
    first = run["results"][0]
    assert (first["ruleId"], first["level"]) == ("CPR104", "error")
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "project/predictor.py"
    assert place["region"] == {"startLine": 3}


def test_github_annotates_lines(cpr, project):
    folder, _ = project(UNBOUND)
    first, second = cpr("check", folder, "--format=github", expected=1).stdout.splitlines()
    assert first.startswith(
        "::error file=project/predictor.py,line=3,title=CPR104 from_path is not a classmethod::"
    )
    assert second.startswith("::notice file=project/predictor.py,line=7,title=CPR112")


def test_what_was_measured_is_told_on_a_line(cpr, project):
    folder, model = project()
    (folder / "rows.jsonl").write_text("1\n2\n")
    text = cpr("check", folder, model, f"--requests={folder / 'rows.jsonl'}").stdout
    (line,) = [line for line in text.splitlines() if line.startswith("Measured: ")]
    assert "load" in line
    assert "\nBatchable: yes.\n" in text


def test_json_and_another_format_exclude_each_other(cpr, project):
    done = cpr("check", *project(), "--json", "--format=sarif", expected=2)
    assert "--json and --format sarif exclude each other" in done.stderr


def test_fix_mends_prints_the_difference_and_checks_again(cpr, project):
    folder, _ = project(UNBOUND)
    done = cpr("check", folder, "--fix")
    assert "+    @classmethod" in done.stderr
    assert done.stdout.endswith("predictor.MyPredictor: 1 note.\n")
    assert "    @classmethod\n    def from_path" in (folder / "predictor.py").read_text()
    assert "nothing can be mended" in cpr("check", folder, "--fix").stderr


def test_requests_of_the_project_are_used(cpr, project):
    folder, model = project()
    (folder / "requests").mkdir()
    (folder / "requests" / "one.json").write_text('{"instances": [1], "self": 2}')
    done = cpr("check", folder, model, expected=1)
    assert "CPR111" in done.stdout
    (folder / "other.jsonl").write_text("1\n2\n")
    assert "CPR111" not in cpr("check", folder, model, f"--instances={folder}/other.jsonl").stdout


def test_a_class_whose_code_prints_keeps_standard_output_clean(cpr, project):
    folder, _ = project("print('hello')\n" + "import os\nos.system('echo there')\n")
    done = cpr("check", folder, "--prediction-class=predictor.MyPredictor", "--json", expected=1)
    json.loads(done.stdout)


def test_colour_is_for_terminals(cpr, project):
    folder, _ = project(UNBOUND)
    environ = {**os.environ, "FORCE_COLOR": "1"}
    done = cpr("check", folder, expected=1, env=environ)
    assert "\x1b[1;31merror" in done.stdout
    environ["NO_COLOR"] = "1"
    assert "\x1b[1;31m" not in cpr("check", folder, expected=1, env=environ).stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--ignore=CPR9"], "'CPR9' is not the id of a finding"),
        (["--only=clas"], "neither the id of a finding nor a group"),
        (["--profile=vertx"], "vertx"),
        (["--trust=none"], "none"),
        (["--requests=nowhere.json"], "nowhere.json"),
    ],
)
def test_flags_that_make_no_sense_are_refused(cpr, project, flags, message):
    done = cpr("check", *project(), *flags, expected=2)
    assert message in done.stderr
