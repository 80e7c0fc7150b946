"""`cpr reload` has a running server load what is new, and says how that went."""

import json
import re
from pathlib import Path

import pytest

BROKEN = "import nowhere\n"


@pytest.fixture
def server(serving, project, tmp_path):
    """A server with an admin socket of its own, its predictor's file and the flag of the socket."""
    arguments = project()
    flag = f"--admin={tmp_path / 'admin' / 'socket'}"
    running = serving(*arguments, "--port=0", flag)
    running.await_told("Ctrl-C stops")
    return running, Path(arguments[0], "predictor.py"), flag


def test_reload_says_what_is_served_now(cpr, server):
    running, source, flag = server
    source.write_text(source.read_text().replace("2 *", "3 *"))
    done = cpr("reload", flag)
    assert re.fullmatch(r"loaded 1 in \d+\.\d\d s; serving 1\n", done.stdout)
    running.await_told(r"reloaded in .* \(cpr reload\): version 1")


def test_reload_writes_one_document(cpr, server):
    done = cpr("reload", server[2], "--json")
    document = json.loads(done.stdout)
    assert document["ok"] is True
    assert document["summary"]["loaded"] == document["summary"]["versions"] == ["1"]
    assert done.stderr == ""


def test_broken_version_changes_nothing_and_its_code_says_why(cpr, server):
    running, source, flag = server
    source.write_text(BROKEN + source.read_text())
    done = cpr("reload", flag, "--json", expected=10)
    assert "nowhere" in done.stderr
    assert json.loads(done.stdout)["summary"]["error"] == "LoadError"
    running.await_told("the reload failed")
    assert "version 1 serves on" in running.told


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["--port=1"], "serve-1.sock"), (["--admin=nowhere"], "nowhere")],
    ids=["port", "socket"],
)
def test_server_that_is_not_there_is_told(cpr, tmp_path, arguments, named):
    environ = {"XDG_RUNTIME_DIR": str(tmp_path), "PATH": ""}
    done = cpr("reload", *arguments, expected=20, env=environ)
    assert re.search(rf"no server of yours listens on \S*{named}: No such file", done.stderr)
    assert "Start one with cpr serve" in done.stderr


def test_servers_that_are_there_are_named(cpr, serving, project, tmp_path):
    running = serving(*project(), "--port=0", XDG_RUNTIME_DIR=str(tmp_path))
    port = running.await_told(r"cpr reload --port (\d+)")[1]
    (tmp_path / "cpr" / "serve-7.sock").touch()
    done = cpr("reload", "--port=1", expected=20, env={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert f"servers of yours are on {port}." in done.stderr


def test_port_is_that_of_the_project_here(cpr, tmp_path):
    (tmp_path / "cpr.toml").write_text("[serve]\nport = 4321\n")
    done = cpr("reload", expected=20, env={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert "serve-4321.sock" in done.stderr
