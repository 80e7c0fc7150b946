"""docs/deployment.md can be copied: its flags, paths and times are the server's own."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cpr.cli.app import load_command
from cpr.cli.exit_codes import EXIT_CODES
from cpr.settings_tables import LimitsSettings
from cpr.wire.routes import Routes

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "deployment.md").read_text()
FILES = dict(
    re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
)
UNIT = dict(re.findall(r"^(\w+)=(.*)$", FILES["iris.service"].replace("\\\n", ""), re.MULTILINE))
FLAG = re.compile(r"--[a-z-]+")


def flags_of(verb):
    command = load_command(verb)
    return {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}


def arguments():
    unit, reload = (shlex.split(UNIT[key]) for key in ("ExecStart", "ExecReload"))
    entry = json.loads(re.search(r"^ENTRYPOINT (.*)$", FILES["Dockerfile"], re.MULTILINE)[1])
    more = json.loads(re.search(r"^ *args: (.*)$", FILES["deployment.yaml"], re.MULTILINE)[1])
    return {
        "the unit": unit,
        "its reload": reload,
        "the image": entry,
        "the Deployment": ["cpr", "serve", *more],
        "the text": ["cpr", "serve", *FLAG.findall(PAGE.partition("## gunicorn")[0])],
    }


@pytest.mark.parametrize("where", arguments())
def test_every_flag_is_one_of_the_command(where):
    program, verb, *rest = arguments()[where]

    assert Path(program).name == "cpr"
    of_others = {"--no-cache-dir", "--uid", "--no-create-home"} if where == "the text" else set()
    asked = {word for word in rest if word.startswith("--")} - of_others
    assert asked <= flags_of(verb)


def test_every_probe_asks_for_what_is_answered():
    probed = re.findall(r"(\w+)Probe:\n *httpGet: \{path: (\S+),", FILES["deployment.yaml"])

    assert probed == [("startup", "/readyz"), ("readiness", "/readyz"), ("liveness", "/healthz")]
    assert Routes().is_health(b"/healthz")


def test_whoever_ends_a_server_waits_for_its_drain():
    sleep = int(re.search(r'command: \["sleep", "(\d+)"\]', FILES["deployment.yaml"])[1])
    grace = int(re.search(r"terminationGracePeriodSeconds: (\d+)", FILES["deployment.yaml"])[1])

    assert grace > sleep + LimitsSettings.drain_timeout_s
    assert int(UNIT["TimeoutStopSec"]) > LimitsSettings.drain_timeout_s


def test_nginx_waits_for_the_servers_own_deadline():
    waits = int(re.search(r"proxy_read_timeout (\d+)s", FILES["nginx.conf"])[1])

    assert waits > LimitsSettings.request_timeout_s
    assert LimitsSettings.keep_alive_s > 60
    assert "client_max_body_size 8m" in FILES["nginx.conf"]
    assert LimitsSettings.body_bytes == 8_000_000


def test_the_unit_names_exit_codes_that_there_are():
    codes = [int(code) for code in UNIT["RestartPreventExitStatus"].split()]

    assert set(codes) <= set(EXIT_CODES)


def tool(name):
    """The program of this name; Debian keeps some where only root's PATH leads."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        reason = f"{name} is not installed"
        (pytest.fail if os.environ.get("CPR_NO_SKIP") else pytest.skip)(reason)
    return found


def test_systemd_understands_the_unit(tmp_path):
    unit = tmp_path / "iris.service"
    unit.write_text(FILES["iris.service"].replace("/opt/iris/bin/cpr", sys.executable))
    ran = subprocess.run([tool("systemd-analyze"), "verify", unit], capture_output=True, text=True)

    assert "iris.service" not in ran.stderr
    assert ran.returncode == 0, ran.stderr


def test_nginx_understands_its_lines(tmp_path):
    (tmp_path / "iris.conf").write_text(FILES["nginx.conf"].replace("listen 80;", "listen 18080;"))
    whole = f"events {{}}\npid {tmp_path}/pid;\nhttp {{ include {tmp_path}/iris.conf; }}\n"
    (tmp_path / "nginx.conf").write_text(whole)
    command = [tool("nginx"), "-t", "-c", tmp_path / "nginx.conf", "-e", tmp_path / "log"]
    ran = subprocess.run(command, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stderr


def test_kubernetes_lines_are_yaml():
    yaml = pytest.importorskip("yaml")
    pod = yaml.safe_load(FILES["deployment.yaml"])["spec"]["template"]["spec"]

    (container,) = pod["containers"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
