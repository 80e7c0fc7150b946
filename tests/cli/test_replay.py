"""`cpr replay` as a process: the report, the document, the exit code."""

import json

import pytest

SOURCE = """
    class MyPredictor:
        @classmethod
        def from_path(cls, model_dir):
            return cls()

        def predict(self, instances):
            print("noise")
            return [1 / instance for instance in instances]
"""


@pytest.fixture
def requests(tmp_path):
    folder = tmp_path / "requests"
    folder.mkdir()
    (folder / "a.json").write_text('{"instances": [1, 2, 4]}')
    (folder / "b.jsonl").write_text("5\n0\n8\n0\n")
    return folder


def test_prints_a_table(cpr, project, tmp_path):
    (tmp_path / "rows.jsonl").write_text("1\n2\n")
    done = cpr("replay", "rows.jsonl", *project(SOURCE), "--repeat=3")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[:3] == [["requests", "6"], ["instances", "6"], ["failed", "0"]]
    assert lines[3][::2] == ["latency", "min", "p50", "p95", "p99", "max"][:1] + lines[3][2::2]
    assert lines[4][0] == "throughput"
    assert len(lines) == 5


def test_failed_request_is_exit_code_1_and_named(cpr, project, requests):
    done = cpr("replay", requests, *project(SOURCE), expected=1)
    assert "failed      2" in done.stdout
    assert f"2 × UserCodeError, first at {requests / 'b.jsonl'}:2" in done.stdout
    assert "ZeroDivisionError: division by zero" in done.stdout
    assert (
        "predictor.py:9 in <listcomp>" in done.stdout or "predictor.py:9 in predict" in done.stdout
    )
    assert "noise" not in done.stdout
    assert "noise" in done.stderr


def test_json_is_one_document(cpr, project, requests):
    document = json.loads(cpr("replay", requests, *project(SOURCE), "--json", expected=1).stdout)
    assert document["schema"] == "cpr.replay/1"
    assert document["ok"] is False
    summary = document["summary"]
    assert summary["predictor"] == "predictor.MyPredictor"
    assert (summary["requests"], summary["failed"], summary["instances"]) == (5, 2, 5)
    assert list(summary["latency_ms"]) == ["min", "p50", "p95", "p99", "max"]
    [finding] = document["findings"]
    assert finding["id"] == "CPR014"
    assert (finding["file"], finding["line"]) == (str(requests / "b.jsonl"), 2)
    assert finding["count"] == 2


def test_standard_input_is_lines(cpr, project):
    done = cpr("replay", "-", *project(SOURCE), "--json", stdin='{"instances": [4]}\n')
    assert json.loads(done.stdout)["summary"]["requests"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.json"], 11, "missing.json cannot be read"),
        (["-", "--repeat=0"], 2, "Invalid value for '--repeat'"),
        ([], 2, "Missing argument 'REQUESTS'"),
    ],
    ids=["no-file", "repeat-0", "no-requests"],
)
def test_refuses(cpr, arguments, code, message):
    assert message in cpr("replay", *arguments, expected=code).stderr
