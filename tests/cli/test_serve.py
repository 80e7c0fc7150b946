"""`cpr serve`: what it refuses, what it shows, and that what it shows works."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from cpr.cli.serve_flags import GROUPS, OPENING
from cpr.config import TABLES

RUINED = """
    class MyPredictor:
        @classmethod
        def from_path(cls, model_dir):
            raise OSError("no such weights")

        def predict(self, instances): ...
"""


@pytest.fixture
def sampled(project):
    """A project with a sample request."""
    arguments = project()
    folder = arguments[0]
    (folder / "requests").mkdir()
    (folder / "requests" / "two.json").write_text('{"instances": [3, 4], "why": "it\'s so"}')
    (folder / "cpr.toml").write_text('[project]\nname = "doubler"\nversion = "0.3"\n')
    return arguments


def ask(command):
    """Run a curl line of the start page with Python: the test needs no curl."""
    words = shlex.split(command.replace("\\\n", " "))
    data = words[words.index("-d") + 1].encode()
    request = urllib.request.Request(words[-1], data=data)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def test_start_page_says_what_where_and_how(serving, sampled):
    server = serving(*sampled, "--port=0")
    server.await_told("Ctrl-C stops")
    page = server.told
    assert re.search(r"^  model +doubler$", page, re.MULTILINE)
    assert "0.3 · predictor.MyPredictor · not batchable · loaded in " in page
    assert f"directory  {sampled[1].partition('=')[2]}" in page
    assert "bodies to 8 MB · answers within 60 s · 512 requests at once" in page
    assert "this machine only" in page
    url = re.search(r"page +(\S+)/\n", page)[1]
    assert f"POST {url}/v1/models/doubler:predict\n" in page
    assert f"POST {url}/v1/projects/P/models/doubler:predict\n" in page
    assert f"cpr reload --port {url.rpartition(':')[2]} " in page
    assert "\x1b" not in page
    command = re.search(r"^  (curl .*?(?<!\\))$", page, re.MULTILINE | re.DOTALL)[1]
    assert ask(command) == {"predictions": [6]}
    assert server.stop() == 0
    assert "stopping (SIGTERM)" in server.told
    assert server.process.stdout.read() == ""


def test_json_is_one_document_when_ready(serving, sampled):
    server = serving(*sampled, "--port=0", "--json")
    document = json.loads(server.process.stdout.readline())
    assert (document["schema"], document["ok"]) == ("cpr.serve/1", True)
    ready = document["summary"]
    assert ready["predict_urls"][0] == f"{ready['url']}/v1/models/doubler:predict"
    (version,) = ready["versions"]
    assert (version["name"], version["predictor"]) == ("0.3", "predictor.MyPredictor")
    assert version["memory_bytes"] > 1_000_000
    assert (ready["default_version"], ready["pid"]) == ("0.3", server.process.pid)
    assert server.stop() == 0
    assert server.process.stdout.read() == ""


def test_quiet_server_shows_nothing(serving, sampled):
    server = serving(*sampled, "--port=0", "--json", "--quiet")
    assert server.process.stdout.readline()
    assert server.stop() == 0
    assert server.told == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--host=0.0.0.0"], 2, "others could reach 0.0.0.0, and anybody who does may predict."),
        (["--port=99999"], 2, "--port is '99999'; expected a port from 0 to 65,535."),
        (["--body-limit=8parsecs"], 2, "--body-limit is '8parsecs'; expected a number of bytes"),
        (["--versions=3"], 2, "versions are named (3), but"),
        (["--bogus"], 2, "cpr serve has no option '--bogus'."),
        (["--tls-key=key.pem"], 3, "there is a TLS key ("),
        (["--model-dir=modle"], 10, "The model directory modle does not exist"),
        (["--host=203.0.113.9", "--insecure"], 2, "'203.0.113.9' is no address of this machine."),
    ],
    ids=["open", "port", "size", "no versions", "option", "key alone", "model directory", "host"],
)
def test_what_cannot_be_served_is_refused_at_once(cpr, project, arguments, code, said):
    done = cpr("serve", *project(), "--port=0", *arguments, expected=code)
    assert said in done.stderr
    assert done.stdout == ""


def test_busy_port_names_who_has_it(cpr, project):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cpr("serve", *project(), f"--port={port}", expected=20)
    assert f"port {port} on 127.0.0.1 is taken by " in done.stderr
    assert f"(process {os.getpid()})" in done.stderr
    assert "--port" in done.stderr


def test_routine_that_cannot_be_loaded_is_told_with_its_code(cpr, project):
    done = cpr("serve", *project(RUINED), "--port=0", "--json", expected=10)
    assert 'raise OSError("no such weights")' in done.stderr
    document = json.loads(done.stdout)
    assert document["ok"] is False
    assert document["summary"] == {"exit_code": 10, "error": "LoadError"}
    assert "no such weights" in document["findings"][0]["message"]


def test_sample_that_fails_keeps_the_server_from_starting(cpr, project):
    arguments = project()
    (arguments[0] / "bad.json").write_text('{"instances": [null]}')
    done = cpr("serve", *arguments, "--port=0", f"--samples={arguments[0]}/bad.json", expected=10)
    assert "sample request 1 of 1 was answered with status 500" in done.stderr


@pytest.mark.parametrize("library", ["uvicorn", "flask"])
def test_missing_extra_is_named_before_anything_starts(project, library):
    # What is hidden here stands for what was never installed.
    code = (
        "import importlib.util, sys\n"
        "found = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda n, *a: None if n == {library!r} else found(n, *a)\n"
        f"sys.modules[{library!r}] = None\n"
        "from cpr.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "serve", *project(), "--port=0"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 20
    assert "pip install 'cpr[serve]'" in done.stderr
    assert library in done.stderr


def test_variables_of_a_vertex_container_are_heeded(serving, project):
    folder, _ = project()
    server = serving(
        "--json",
        "--prediction-class=predictor.MyPredictor",
        folder,
        AIP_HTTP_PORT="0",
        AIP_PREDICT_ROUTE="/predict",
        AIP_HEALTH_ROUTE="/health",
        AIP_STORAGE_URI=str(folder / "model"),
    )
    ready = json.loads(server.process.stdout.readline())["summary"]
    assert ready["predict_urls"][-1] == f"{ready['url']}/predict"
    request = urllib.request.Request(
        ready["predict_urls"][-1],
        data=b'{"instances": [21]}',
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        assert json.load(response) == {"predictions": [42]}
    with urllib.request.urlopen(f"{ready['url']}/health", timeout=60) as response:
        assert response.status == 200


def test_saved_file_is_served_a_moment_later(serving, project):
    arguments = project()
    server = serving(*arguments, "--port=0", "--watch")
    server.await_told("a file that changes reloads")
    source = Path(arguments[0], "predictor.py")
    source.write_text(source.read_text().replace("2 *", "3 *"))
    assert server.await_told(r"reloaded in .* \(files changed\): version 1")
    command = re.search(r"^  (curl .*?(?<!\\))$", server.told, re.MULTILINE | re.DOTALL)[1]
    assert ask(command.replace("@request.json", "'{\"instances\": [2]}'")) == {"predictions": [6]}
    source.write_text("syntax error")
    server.await_told(r"the reload failed \(files changed\); version 1 serves on")
    server.await_told("predictor.py")


def test_each_setting_of_the_server_has_a_flag():
    names = {name for group in GROUPS for name in group.names} - set(OPENING.names)
    settings = {
        f"{table}_{key}"
        for table in ("serve", "batching", "limits")
        for key in TABLES[table].__dataclass_fields__
    }
    assert names == settings


def test_help_shows_every_option_in_a_group(cpr):
    shown = cpr("serve", "--help").stdout
    for title in ("The routine", "Where", "Who may ask", "Batching", "Limits", "Output"):
        assert f"\n{title}:\n" in shown
    assert "-p, --port PORT" in shown
    assert "[default: 8MB]" in shown
    assert "--watch, --reload" in shown


def test_log_for_programs_has_nothing_for_people(serving, sampled):
    server = serving(*sampled, "--port=0", "--log-format=json", "--watch")
    server.await_told("serving doubler, version 0.3, at http")
    source = Path(sampled[0], "predictor.py")
    source.write_text(f"import nowhere\n{source.read_text()}")
    server.await_told("the reload failed; version 0.3 serves on")
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.told.splitlines()]
    assert [line["level"] for line in lines] == ["info", "error", "warning"]
    assert {line["role"] for line in lines} == {"supervisor"}
    assert "import nowhere" in lines[1]["message"]


def test_start_that_fails_is_logged_for_programs(cpr, project):
    done = cpr("serve", *project(RUINED), "--port=0", "--log-format=json", expected=10)
    (line,) = map(json.loads, done.stderr.splitlines())
    assert (line["level"], line["error"]) == ("error", "LoadError")
    assert "no such weights" in line["message"]


def test_worker_comes_back_from_the_package_that_was_good(cpr, serving, project, tmp_path):
    folder, model_dir = project()
    (folder / "cpr.toml").write_text('[project]\nname = "doubler"\nversion = "0.3"\n')
    cpr("package", folder, "--prediction-class=predictor.MyPredictor")
    package = folder / "dist" / "doubler-0.3.tar.gz"
    server = serving(package, model_dir, "--port=0", TMPDIR=str(tmp_path))
    url = server.await_told(r"POST (\S+doubler:predict)")[1]
    server.await_told("Ctrl-C stops")
    package.write_bytes(b"broken")
    (worker,) = {pid for pid in children_of(server.process.pid) if is_worker(pid)}
    os.kill(worker, signal.SIGKILL)
    server.await_told("Another worker is started")
    assert ask(f"curl -d '{{\"instances\": [4]}}' {url}") == {"predictions": [8]}
    assert server.stop() == 0
    assert not list(tmp_path.glob("cpr-*"))


def children_of(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_worker(pid):
    return b"cpr.server.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
