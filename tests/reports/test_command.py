"""`--format html` of replay and diff: from recorded requests to a page in a browser."""

import json
import subprocess
import sys

import pytest

HALVES = """
class Halves:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return [instance / 2 for instance in instances]
"""


@pytest.fixture
def folder(tmp_path):
    """A routine, and requests of which the second is expected wrong and the third fails."""
    (tmp_path / "model").mkdir()
    (tmp_path / "halves.py").write_text(HALVES)
    records = [(8, 4.0), (8, 5.0), ("<b>", 1.0)]
    lines = (
        json.dumps({"request": {"instances": [sent]}, "response": {"predictions": [expected]}})
        for sent, expected in records
    )
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    return tmp_path


def replay(folder, *flags):
    target = ["rows.jsonl", "halves:Halves", "--model-dir=model"]
    command = [sys.executable, "-m", "cpr", "replay", *target, *flags]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    return done.stdout


def test_replay_writes_a_report_and_the_text(folder, open_report):
    printed = replay(folder, "--format=html", "--output=report.html")
    assert printed.startswith("requests    3\n")
    page = open_report((folder / "report.html").read_text(encoding="utf-8"))
    assert page.locator("h1").text_content() == "Replay of rows.jsonl"
    verdict = page.locator(".verdict").text_content()
    assert verdict.endswith("Of 3 requests, 1 failed and 1 differs from what was expected.")
    cells = page.locator("#differences tbody td").all_text_contents()
    assert cells[:5] == ["predictions[0]", "5.0", "4.0", "1", "0.2"]
    badges = page.locator("#requests tbody .badge").all_text_contents()
    assert badges == ["ok", "mismatched", "failed"]


def test_replay_prints_a_report_where_no_file_is_named(folder):
    printed = replay(folder, "--format=html")
    assert printed.startswith("<!doctype html>\n")
    assert printed.endswith("</html>\n")


def test_diff_writes_a_report_and_the_text(folder, open_report):
    (folder / "thirds.py").write_text(HALVES.replace("Halves", "Thirds").replace("/ 2", "/ 3"))
    sides = ["halves.py:Halves", "thirds.py:Thirds", "--model-dir=model"]
    (folder / "rows.jsonl").write_text("6\n0\n")
    flags = ["--requests=rows.jsonl", "--format=html", "--output=report.html"]
    command = [sys.executable, "-m", "cpr", "diff", *sides, *flags]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "predictions   2, changed 1" in done.stdout
    page = open_report((folder / "report.html").read_text(encoding="utf-8"))
    assert page.locator(".verdict").text_content().endswith("1 of 2 predictions changed.")
    cells = page.locator("#differences tbody td").all_text_contents()
    assert cells == ["predictions[0]", "3.0", "2.0", "1", "0.3333", "other value", "rows.jsonl:1"]
    badges = page.locator("#requests tbody .badge").all_text_contents()
    assert badges == ["changed", "same"]
