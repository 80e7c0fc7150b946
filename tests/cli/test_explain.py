"""`cpr explain` as a process: bars, JSON, metadata, failures."""

import io
import json
import re

import pytest
from rich.console import Console

from cpr.cli import explain_bars

SUMS = """
    class MyPredictor:
        @classmethod
        def from_path(cls, model_dir):
            return cls()

        def predict(self, instances, **kwargs):
            print("predicting")
            return [i["age"] * i["size"] + (i["job"] == "clerk") for i in instances]
"""
INSTANCE = '{"age": 30, "size": 2, "job": "clerk"}\n'


def test_bars_are_sorted_by_what_they_add(cpr, project):
    done = cpr("explain", *project(SUMS), "--json-instances=-", stdin=INSTANCE)
    lines = done.stdout.splitlines()
    assert lines[0] == "instance 1  prediction 61, baseline 0"
    assert [line.split()[:3] for line in lines[1:]] == [
        ["age", "30", "+30"],
        ["size", "2", "+30"],
        ["job", "'clerk'", "+1"],
    ]
    assert "predicting" in done.stderr


def test_a_baseline_that_takes_away_draws_to_the_left(cpr, project, tmp_path):
    (tmp_path / "base.jsonl").write_text('{"age": 40, "size": 2, "job": "clerk"}\n')
    arguments = [*project(SUMS), "--json-instances=-", "--baseline=base.jsonl"]
    lines = cpr("explain", *arguments, stdin=INSTANCE).stdout.splitlines()
    assert lines[0] == "instance 1  prediction 61, baseline 81"
    assert lines[1].split()[:3] == ["age", "30", "-20"]
    assert lines[1].rstrip().endswith("█│")


def test_many_features_are_cut_and_the_rest_added_up(cpr, project):
    source = SUMS.replace('i["age"] * i["size"] + (i["job"] == "clerk")', "sum(i)")
    done = cpr("explain", *project(source), "--json-instances=-", stdin=json.dumps([1.0] * 30))
    assert done.stdout.splitlines()[-1].split() == ["10", "others", "+10"]


RESPONSE = {
    "explanations": [
        {
            "attributions_by_label": [
                {
                    "label_index": -1,
                    "output_name": "y",
                    "baseline_score": 0.0,
                    "example_score": 0.5,
                    "attributions": {"temperature": 0.75, "pressure": -0.25},
                }
            ]
        }
    ]
}
INSTANCES = [{"temperature": 20.5, "pressure": 3.0}]


@pytest.mark.parametrize(
    ("columns", "bar"), [(100, 16), (45, 9), (40, 6), (30, 0)], ids=lambda n: str(n)
)
def test_bars_take_the_room_that_names_and_numbers_leave(columns, bar, monkeypatch):
    drawn = io.StringIO()
    screen = Console(file=drawn, width=columns, force_terminal=True, no_color=True)
    monkeypatch.setattr(explain_bars, "console", lambda: screen)
    explain_bars.draw(RESPONSE, INSTANCES)
    text = re.sub(r"\x1b\[[0-9;]*m", "", drawn.getvalue())
    [first] = [line for line in text.splitlines() if line.startswith("temperature")]
    assert first.split()[:3] == ["temperature", "20.5", "+0.75"]
    assert first.count("█") == bar
    assert all(len(line) <= columns for line in text.splitlines())


def test_where_no_terminal_is_lines_are_whole(cpr, project):
    long = json.dumps({"age": 30, "size": 2, "job": "clerk", "x" * 150: 1})
    done = cpr("explain", *project(SUMS), "--json-instances=-", stdin=long)
    assert "x" * 150 in done.stdout
    assert " \n" not in done.stdout


def test_json_is_one_document_with_the_response(cpr, project):
    done = cpr("explain", *project(SUMS), "--json-instances=-", "--json", stdin=INSTANCE)
    document = json.loads(done.stdout)
    assert (document["schema"], document["ok"]) == ("cpr.explain/1", True)
    [explanation] = document["summary"]["response"]["explanations"]
    [found] = explanation["attributions_by_label"]
    assert found["attributions"] == {"age": 30, "size": 30, "job": 1}


def test_the_options_are_a_requests(cpr, project):
    flags = ["--num-paths=0", "--json-instances=-"]
    done = cpr("explain", *project(SUMS), *flags, stdin=INSTANCE, expected=11)
    assert "explain.num_paths is 0; expected a whole number from 1 to 1,000." in done.stderr


@pytest.mark.parametrize("flag", ["--method", "--explanation-method"])
def test_a_method_that_the_model_has_not_is_said(cpr, project, flag):
    flags = [flag, "integrated-gradients", "--json-instances=-"]
    done = cpr("explain", *project(SUMS), *flags, stdin=INSTANCE, expected=11)
    assert "is no ready-made predictor of a TensorFlow SavedModel" in done.stderr
    assert "sampled-shapley" in done.stderr


def test_without_instances_it_says_what_is_missing(cpr, project):
    done = cpr("explain", *project(SUMS), expected=2)
    assert "Exactly one of --json-request, --json-instances" in done.stderr


def test_metadata_is_written_checked_and_used(cpr, project, tmp_path):
    target = project(SUMS)
    file = tmp_path / "project" / "model" / "explanation_metadata.json"
    written = cpr("explain", *target, "--json-instances=-", "--write-metadata", file,
                  stdin='{"age": 40, "size": 1, "job": "nurse"}\n')  # fmt: skip
    assert f"wrote {file}" in written.stderr
    checked = cpr("explain", *target, "--check-metadata").stdout
    assert checked.endswith("fits: age, size, job → prediction\n")
    lines = cpr("explain", *target, "--json-instances=-", stdin=INSTANCE).stdout.splitlines()
    assert lines[0] == "instance 1  prediction 61, baseline 40"
    again = cpr("explain", *target, "--write-metadata", file, expected=2)
    assert f"{file} is there already." in again.stderr
    file.write_text(json.dumps({"inputs": {"Age": {"input_tensor_name": "age",
        "input_baselines": [20]}}, "outputs": {"price": {}}}))  # fmt: skip
    checked = cpr("explain", *target, "--check-metadata", "--json")
    assert json.loads(checked.stdout)["summary"]["inputs"] == ["Age"]
    lines = cpr("explain", *target, "--json-instances=-", stdin=INSTANCE).stdout.splitlines()
    assert lines[0] == "instance 1  price 61, baseline 41"
    assert lines[1].split()[:2] == ["Age", "+20"]


def test_metadata_that_is_missing_or_wrong_is_said(cpr, project, tmp_path):
    target = project(SUMS)
    missing = cpr("explain", *target, "--check-metadata", expected=10)
    assert "there is no explanation_metadata.json in " in missing.stderr
    (tmp_path / "project" / "model" / "explanation_metadata.json").write_text('{"inputs": []}')
    wrong = cpr("explain", *target, "--check-metadata", expected=10)
    assert "explanation_metadata.json: inputs is []; expected an object" in wrong.stderr
