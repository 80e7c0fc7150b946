"""`cpr diff` as a process: two sides of every kind, the reports, the exit code."""

import json

import pytest

SOURCE = """
class P:
    factor = {factor}

    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances):
        print("noise")
        return [{{"x": x * self.factor, "label": "low" if x < 3 else "{high}"}} for x in instances]
"""


@pytest.fixture
def sides(tmp_path):
    """Two projects, an empty model directory, and requests."""
    for name, factor, high in (("old", 1.0, "high"), ("new", 1.5, "top")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "predictor.py").write_text(SOURCE.format(factor=factor, high=high))
    (tmp_path / "model").mkdir()
    (tmp_path / "rows.jsonl").write_text("1\n2\n4\n0\n")
    return ["--model-dir=model", "--requests=rows.jsonl"]


def test_equal_sides_end_with_0(cpr, sides):
    done = cpr("diff", "old", "old", *sides)
    assert "predictions   4, changed 0\n" in done.stdout
    assert "noise" not in done.stdout
    assert "noise" in done.stderr


def test_changes_end_with_1_and_are_told(cpr, sides):
    done = cpr("diff", "old", "new", *sides, expected=1)
    for line in (
        "A             old (model)",
        "B             new (model)",
        "predictions   4, changed 3",
        "values        8, not equal 4, beyond tolerance 4",
        "predictions[*].label: 4 labels, changed 1",
        '    "high"  "top"  1',
    ):
        assert f"\n{line}\n" in f"\n{done.stdout}"
    assert done.stdout.startswith("A  ")
    assert "predictions[*].x: 4 values, not equal 3, beyond tolerance 3" in done.stdout


def test_tolerance_is_of_flags_and_of_the_project_s_settings(cpr, sides, tmp_path):
    cpr("diff", "old", "new", *sides, "--ignore=predictions[*].label", "--rtol=0.5")
    settings = '[replay]\nignore = ["predictions[*].label"]\n[replay.tolerance]\nrtol = 0.4\n'
    (tmp_path / "old" / "cpr.toml").write_text(settings)
    cpr("diff", "old", "new", *sides, expected=1)
    cpr("diff", "old", "new", *sides, "--tolerance=predictions[*].x=2")


def test_json_is_one_document(cpr, sides):
    document = json.loads(cpr("diff", "old", "new", *sides, "--json", expected=1).stdout)
    assert (document["schema"], document["ok"], document["findings"]) == ("cpr.diff/1", False, [])
    summary = document["summary"]
    assert (summary["predictions"], summary["changed"], summary["beyond"]) == (4, 3, 4)
    assert [item["place"] for item in summary["results"]] == [
        f"rows.jsonl:{n}" for n in range(1, 5)
    ]
    [number] = summary["numbers"]
    assert (number["output"], number["max_abs_diff"], number["a"]["mean"]) == (
        "predictions[*].x",
        2.0,
        1.75,
    )
    assert list(summary["latency_a_ms"]) == ["min", "p50", "p95", "p99", "max"]


def test_html_goes_to_a_file_and_the_text_to_the_terminal(cpr, sides, tmp_path):
    done = cpr("diff", "old", "new", *sides, "--format=html", "-o", "report.html", expected=1)
    assert done.stdout.startswith("A             old (model)")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.lower().startswith("<!doctype html>")


def test_failures_name_their_side(cpr, sides, tmp_path):
    (tmp_path / "rows.jsonl").write_text('1\n"a"\n')
    document = json.loads(cpr("diff", "old", "new", *sides, "--json", expected=1).stdout)
    assert [finding["side"] for finding in document["findings"]] == ["A", "B"]
    text = cpr("diff", "old", "new", *sides, expected=1).stdout
    assert "\nA: 1 × UserCodeError, first at rows.jsonl:2\n" in text
    assert "\nB: 1 × UserCodeError, first at rows.jsonl:2\n" in text


def test_crash_of_a_side_is_a_failed_request(cpr, sides, tmp_path):
    source = SOURCE.format(factor=1.0, high="high")
    crashing = source.replace('print("noise")', "import os; instances == [2] and os._exit(9)")
    (tmp_path / "new" / "predictor.py").write_text(crashing)
    done = cpr("diff", "old", "new", *sides, expected=1)
    assert "failed        A 0, B 1" in done.stdout
    assert "predictions   3, changed 0" in done.stdout
    assert "exit code 9" in done.stdout


def test_sides_may_be_model_directories(cpr, tmp_path):
    np = pytest.importorskip("numpy")
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    joblib = pytest.importorskip("joblib", reason="joblib is not installed")
    random = np.random.default_rng(11)
    rows, labels = random.normal(size=(300, 4)), random.integers(0, 3, 300)
    model = linear.LogisticRegression().fit(rows, labels)
    half = linear.LogisticRegression().fit(rows, labels)
    half.coef_ = half.coef_.astype(np.float16).astype(float)
    half.intercept_ = half.intercept_.astype(np.float16).astype(float)
    for name, each in (("full", model), ("half", half)):
        (tmp_path / name).mkdir()
        joblib.dump(each, tmp_path / name / "model.joblib")
    request = {"instances": rows.tolist()}
    (tmp_path / "r.json").write_text(json.dumps(request))

    changed = np.flatnonzero(model.predict(rows) != half.predict(rows)).tolist()
    done = cpr("diff", "full", "half", "--requests=r.json", "--json", expected=int(bool(changed)))
    summary = json.loads(done.stdout)["summary"]
    assert summary["predictions"] == 300
    [result] = summary["results"]
    found = sorted(int(item["path"][12:-1]) for item in result["mismatches"])
    assert found == changed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["old", "new"], 2, "Missing option '--requests'"),
        (["old"], 2, "Missing argument 'B'"),
        (["old", "none", "--requests=rows.jsonl", "--model-dir=model"], 2, "cpr: B: none does not"),
        (["none", "new", "--requests=rows.jsonl", "--model-dir=model"], 2, "cpr: A: none does not"),
        (
            ["old", "new", "--requests=rows.jsonl", "--model-dir=model", "--header=a: b"],
            2,
            "--header is for a URL, and neither side is one.",
        ),
        (
            ["http://h/a", "new", "--requests=rows.jsonl", "--model-dir-a=model"],
            2,
            "cpr: A: --model-dir cannot be given for a URL.",
        ),
    ],
    ids=["no-requests", "one-side", "no-b", "no-a", "header", "model-dir-of-a-url"],
)
def test_refuses(cpr, sides, arguments, code, message):
    assert message in cpr("diff", *arguments, expected=code).stderr
