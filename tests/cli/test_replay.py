"""`cpr replay` as a process: the report, the document, the exit code."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree

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


def test_close_that_raises_does_not_lose_the_report(cpr, project):
    source = """
        import cpr

        class MyPredictor(cpr.Predictor):
            @classmethod
            def from_path(cls, model_dir):
                return cls()

            def predict(self, instances):
                return instances

            def close(self):
                1 / 0
    """
    done = cpr("replay", "-", *project(source), "--json", stdin="1\n2\n")
    assert json.loads(done.stdout)["summary"]["requests"] == 2
    assert done.stderr.startswith("cpr: closing 'predictor.MyPredictor' failed: ZeroDivisionError")


def test_golden_is_written_compared_and_refreshed(cpr, project, tmp_path):
    (tmp_path / "rows.jsonl").write_text("1\n2\n4\n")
    target = project(SOURCE)
    golden = ["--golden=golden.jsonl"]
    missing = cpr("replay", "rows.jsonl", *target, *golden, expected=2)
    assert "golden.jsonl does not exist" in missing.stderr
    assert "--update writes it" in missing.stderr

    written = cpr("replay", "rows.jsonl", *target, *golden, "--update")
    assert "cpr: wrote golden.jsonl." in written.stderr
    assert "compared    3, as expected 3" in cpr("replay", "rows.jsonl", *target, *golden).stdout
    assert "compared    3, as expected 3" in cpr("replay", "golden.jsonl", *target).stdout

    predictor = tmp_path / "project" / "predictor.py"
    predictor.write_text(predictor.read_text().replace("1 / instance", "1.001 / instance"))
    done = cpr("replay", "rows.jsonl", *target, *golden, expected=1)
    assert (
        "3 responses not as expected, in 3 values (atol 1e-08, rtol 1e-05); the worst:"
        in done.stdout
    )
    assert "    predictions[0]  1.0       1.001   0.001  0.001\n" in done.stdout
    cpr("replay", "rows.jsonl", *target, *golden, "--rtol=1e-2")
    cpr("replay", "rows.jsonl", *target, *golden, "--tolerance=predictions=1e-2")
    cpr("replay", "rows.jsonl", *target, *golden, "--ignore=predictions[*]")

    cpr("replay", "rows.jsonl", *target, *golden, "--update")
    cpr("replay", "rows.jsonl", *target, *golden)


def test_golden_is_not_written_when_a_request_fails(cpr, project, requests, tmp_path):
    golden = tmp_path / "golden.jsonl"
    golden.write_text("old")
    done = cpr("replay", requests, *project(SOURCE), f"--golden={golden}", "--update", expected=1)
    assert "is not written, since 2 requests failed." in done.stderr
    assert golden.read_text() == "old"


def test_settings_of_the_project_hold(cpr, project, tmp_path):
    record = {"request": {"instances": [4]}, "response": {"predictions": [0.26]}}
    (tmp_path / "r.json").write_text(json.dumps(record))
    target = project(SOURCE)
    cpr("replay", "r.json", *target, expected=1)
    settings = tmp_path / "project" / "cpr.toml"
    settings.write_text('[replay.tolerance]\n"predictions[*]" = 0.1\n')
    cpr("replay", "r.json", *target)
    cpr("replay", "r.json", *target, "--tolerance=predictions[*]=0", expected=1)
    settings.write_text('[replay.tolerance]\n"predictions[" = 0.1\n')
    done = cpr("replay", "r.json", *target, expected=3)
    assert "cpr.toml: 'predictions[' is not a path into a response." in done.stderr
    settings.write_text("[replay.tolerance]\npredictions.x = 0.1\n")
    assert "holds a table" in cpr("replay", "r.json", *target, expected=3).stderr


def test_junit_goes_to_a_file_and_the_text_to_the_terminal(cpr, project, requests, tmp_path):
    flags = ["--format=junit", "--output=report.xml"]
    done = cpr("replay", requests, *project(SOURCE), *flags, expected=1)
    assert done.stdout.startswith("requests    5\n")
    [suite] = ElementTree.parse(tmp_path / "report.xml").getroot()
    assert (suite.attrib["tests"], suite.attrib["errors"]) == ("5", "2")
    alone = cpr("replay", requests, "project", "--model-dir=project/model", flags[0], expected=1)
    assert ElementTree.fromstring(alone.stdout.encode()).tag == "testsuites"


def test_several_processes_answer_the_same(cpr, project, requests):
    flags = ["--concurrency=3", "--json"]
    done = cpr("replay", requests, *project(SOURCE), *flags, expected=1)
    summary = json.loads(done.stdout)["summary"]
    assert (summary["concurrency"], summary["failed"], summary["instances"]) == (3, 2, 5)
    assert [item["status"] for item in summary["results"]] == [200, 200, 500, 200, 500]
    assert "noise" in done.stderr


def test_limit_sends_the_first_requests_only(cpr, project, requests):
    done = cpr("replay", requests, *project(SOURCE), "--limit=2", "--json")
    assert json.loads(done.stdout)["summary"]["requests"] == 2


def test_recorded_times_are_kept(cpr, project, tmp_path):
    lines = [{"request": {"instances": [1]}, "time": at} for at in (5.0, 5.02)]
    (tmp_path / "r.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    target = project(SOURCE)
    done = cpr("replay", "r.jsonl", *target, "--speed=1x", "--json")
    _, second = json.loads(done.stdout)["summary"]["results"]
    assert second["started_ms"] >= 20
    assert "\nlatest send " in cpr("replay", "r.jsonl", *target, "--speed=.5x").stdout


def test_url_is_posted_to(cpr, tmp_path):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            is_known = self.headers["Authorization"] == "Bearer t"
            answer = {"predictions": body["instances"]} if is_known else {"error": "who?"}
            self.send_response(200 if is_known else 401)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            pass

    (tmp_path / "rows.jsonl").write_text("1\n2\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/m:predict"
    try:
        done = cpr("replay", "rows.jsonl", url, "--header=Authorization: Bearer t", "--json")
        refused = cpr("replay", "rows.jsonl", url, "--concurrency=2", expected=1)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    summary = json.loads(done.stdout)["summary"]
    assert (summary["predictor"], summary["instances"]) == (url, 2)
    assert "2 × EnvironmentProblem, first at rows.jsonl:" in refused.stdout
    assert f"{url} answered 401 Unauthorized: who?" in refused.stdout
    gone = cpr("replay", "rows.jsonl", url, expected=20)
    assert "cannot be reached: Connection refused" in gone.stderr


def test_model_directory_is_a_target(cpr, tmp_path):
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    joblib = pytest.importorskip("joblib", reason="joblib is not installed")
    (tmp_path / "model").mkdir()
    model = linear.LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
    joblib.dump(model, tmp_path / "model" / "model.joblib")
    record = {"request": {"instances": [[2.0]]}, "response": {"predictions": [5.0]}}
    (tmp_path / "r.json").write_text(json.dumps(record))
    assert "compared    1, as expected 1" in cpr("replay", "r.json", "model").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-", "--update"], 2, "--update needs --golden."),
        (["-", "--update", "--golden=g", "--limit=1"], 2, "--update and --limit exclude"),
        (["-", "--speed=0x"], 2, "--speed is '0x'; expected max, 1x"),
        (["-", "--speed=1"], 2, "--speed is '1'; expected max, 1x"),
        (["-", "--speed=1x", "--repeat=2"], 2, "--repeat and --speed exclude each other."),
        (["-", "--tolerance=x"], 2, "the tolerance 'x' cannot be read."),
        (["-", ".", "--header=a: b"], 2, "--header is for a URL, and . is none."),
        (["-", "http://h/", "--model-dir=m"], 2, "--model-dir cannot be given for a URL."),
        (["missing.json"], 2, "missing.json cannot be read"),
        (["-", "--repeat=0"], 2, "Invalid value for '--repeat'"),
        ([], 2, "Missing argument 'REQUESTS'"),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, list) else "",
)
def test_refuses(cpr, arguments, code, message):
    stdin = "1\n"
    assert message in cpr("replay", *arguments, expected=code, stdin=stdin).stderr
