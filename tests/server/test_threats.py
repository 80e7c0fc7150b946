"""What others did to model servers, tried on this one; docs/security.md names these tests.

A live server is shared by the tests of a kind, and must be the same processes afterwards.
"""

import ast
import asyncio
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cpr.server.tokens import new_token
from cpr.wire.routes import Routes

ROOT = Path(__file__).resolve().parents[2]
AIPLATFORM = "/v1/projects/p/models/{}:predict"
ROW = {"instances": [1]}


@pytest.fixture(scope="module")
def tools():
    """The raw client and the running server, importable since conftest.py says so."""
    import raw_http
    import running_server

    return raw_http, running_server


@pytest.fixture(scope="module")
def server(tools):
    with tools[1].serve_faults() as running:
        before = (running.fronts(), running.workers())
        yield running
        assert (running.fronts(), running.workers()) == before


@pytest.fixture(scope="module")
def token_server(tools, tmp_path_factory):
    token, line = new_token("ci")
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    path.write_text(line)
    path.chmod(0o600)
    with tools[1].serve_faults("--token-file", str(path)) as running:
        running.token = token
        yield running


def ask(tools, server, data):
    return asyncio.run(tools[0].ask(server.host, server.port, data))


def assert_it_serves(server, headers=None):
    assert server.post(AIPLATFORM.format("m"), ROW, headers) == (200, {"predictions": [1]})


# Code from the wire: CVE-2024-2912 and CVE-2025-27520 unpickled the bodies of requests.


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


HOSTILE_TYPES = [
    "application/x-pickle",
    "application/vnd.bentoml+pickle",
    "application/python-pickle",
    "application/octet-stream",
    "application/x-numpy",
    "application/x-yaml",
    "application/x-python-serialize",
    "multipart/form-data; boundary=x",
    "text/plain",
    "application/json",
    "application/json; charset=utf-16",
    "",
]


@pytest.mark.parametrize("content_type", HOSTILE_TYPES)
def test_no_content_type_makes_the_server_unpickle_a_body(server, tmp_path, content_type):
    canary = tmp_path / "canary"
    for protocol in (0, 2, pickle.HIGHEST_PROTOCOL):
        body = pickle.dumps(Canary(canary), protocol)
        for path in (AIPLATFORM.format("m"), "/v1/models/m:predict"):
            status, _ = server.fetch("POST", path, body, {"Content-Type": content_type})
            assert status in (400, 415)
    assert_it_serves(server)
    assert not canary.exists()


def test_objects_that_name_code_stay_data(server):
    instances = [
        {"py/object": "os.system", "py/reduce": [{"py/function": "os.system"}, ["true"]]},
        {"__class__": "os.system", "__reduce__": ["os.system", "true"]},
        {"!!python/object/apply:os.system": ["true"]},
    ]
    status, answer = server.predict(*instances)
    assert (status, answer) == (200, {"predictions": instances})


REQUEST_MODULES = ("wire", "server", "pages", "routine.py", "batching.py", "binding.py")
UNSAFE_LIBRARIES = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal", "yaml"}
# To write it runs nothing; to read it may.
HARMLESS_PARTS = {("marshal", "dumps")}
UNSAFE_NAMES = {"eval", "exec", "compile", "allow_pickle"}


def request_modules():
    for name in REQUEST_MODULES:
        path = ROOT / "cpr" / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def test_no_module_that_handles_requests_can_unpickle():
    unsafe = []
    for path in request_modules():
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = set()
            if isinstance(node, ast.Import):
                names = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                if {(module, alias.name) for alias in node.names} - HARMLESS_PARTS:
                    names = {module.partition(".")[0]}
            elif isinstance(node, ast.Name):
                names = {node.id} & UNSAFE_NAMES
            elif isinstance(node, ast.keyword):
                names = {node.arg} & UNSAFE_NAMES
            unsafe += [f"{path.name}: {n}" for n in names & (UNSAFE_LIBRARIES | UNSAFE_NAMES)]
    assert not unsafe


# Management by anyone: CVE-2023-43654 loaded models from any URL, CVE-2023-48022 ran jobs.

MANAGEMENT = [
    "/models",
    "/models?url=http://127.0.0.1:1/evil.mar",
    "/models/m",
    "/v1/models",
    "/v1/models/m",
    "/v1/models/m/versions/9",
    "/v1/config/reload",
    "/v1/projects/p/models",
    "/v1/projects/p/models/m",
    "/v1/projects/p/models/m/versions",
    "/v1/projects/p/models/m/versions/9",
    "/v1/projects/p/models/m/versions/9:setDefault",
    "/v2/repository/index",
    "/v2/repository/models/m/load",
    "/v2/repository/models/m/unload",
    "/v2/logging",
    "/admin",
    "/api/jobs/",
    "/console",
    "/debug",
    "/invocations",
    "/quitquitquit",
    "/reload",
    "/shutdown",
    "/static/../admin",
    "/_ah/stop",
]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "BREW", "CONNECT", "TRACE"])
def test_no_route_of_the_data_port_manages_anything(server, method):
    body = json.dumps({"url": "file:///etc/passwd", "deploymentUri": "gs://x/y"}).encode()
    for path in MANAGEMENT:
        status, _ = server.fetch(method, path, body, {"Content-Type": "application/json"})
        assert status in (400, 403, 404, 405, 501), f"{method} {path}"
    assert_it_serves(server)


def test_the_server_listens_once_and_on_loopback_alone(server):
    inodes = set()
    for pid in (server.pid, *server.family()):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            inodes.update(re.findall(r"socket:\[(\d+)\]", os.readlink(entry.path)))
    listening = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes and (fields[3] == "0A" or table.startswith("udp")):
                listening.append((table, fields[1]))
    assert listening == [("tcp", f"0100007F:{server.port:04X}")]


# The web page of a stranger, in the browser of someone near: DNS rebinding, forged requests.


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/metrics", AIPLATFORM.format("m"), "/v1/models/m", "/x"])
def test_a_name_of_a_stranger_is_not_answered_to(server, method, path):
    status, body = server.fetch(method, path, b"{}", {"Host": "rebound.example"})
    assert status == 421
    assert b"Host" in body


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/metrics", AIPLATFORM.format("m"), "/v1/models/m", "/x"])
def test_a_page_of_a_stranger_is_not_served(server, method, path):
    status, body = server.fetch(method, path, b"{}", {"Origin": "https://evil.example"})
    assert status == 403
    assert b"origin" in body


def test_no_page_of_another_origin_may_read_an_answer(server, tools):
    data = tools[0].request(AIPLATFORM.format("m"), json.dumps(ROW).encode())
    answer = ask(tools, server, data)
    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]


# An open port: CVE-2023-48022 again, and every server bound to 0.0.0.0 by habit.


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_an_address_that_others_reach_needs_tokens_or_a_flag(faults, host):
    target = [faults, "--model-dir", ROOT / "benchmarks" / "robustness"]
    command = [sys.executable, "-m", "cpr", "serve", *target, "--host", host, "--port", "0"]
    environ = {key: text for key, text in os.environ.items() if not key.startswith("AIP_")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ)
    assert done.returncode in (2, 3)
    assert "--token-file" in done.stderr
    assert "--insecure" in done.stderr


@pytest.mark.parametrize(
    "path",
    ["/", "/metrics", "/openapi.json", "/v1/models/m", "/v1/projects/p/models/m", "/readyz?verbose"]
)  # fmt: skip
def test_with_tokens_nothing_but_health_is_told_without_one(token_server, path):
    assert token_server.get(path)[0] == 401
    assert token_server.post(AIPLATFORM.format("m"), ROW)[0] == 401
    assert token_server.post(AIPLATFORM.format("m"), b"not JSON")[0] == 401
    assert token_server.get("/healthz")[0] == 200
    assert_it_serves(token_server, {"Authorization": f"Bearer {token_server.token}"})


def test_a_body_without_a_token_is_not_waited_for(token_server, tools):
    headers = {"Content-Length": "7000000"}
    answer = ask(tools, token_server, tools[0].request(AIPLATFORM.format("m"), headers=headers))
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="cpr"'
    assert answer.ends_connection


def test_a_refused_request_that_never_ends_is_ended(tools):
    data = tools[0].request("/v1/models/unknown:predict", headers={"Content-Length": "9"})
    with tools[1].serve_faults("--body-timeout", "0.2") as server:
        answer = ask(tools, server, data + b"{")
    assert (answer.status, answer.ends_connection) == (404, True)


# Names that become paths: CVE-2023-1177 and those after it.

TRAVERSALS = [
    "..", "../m", "../../etc/passwd", "m/../m", "m/..", "./m", ".", "%2e", "%2e%2e", "..%2f",
    "..%2F..%2Fetc%2Fpasswd", "%2e%2e%2f", "%2e%2e/", "..%5c", "..\\", "..\\..\\boot.ini",
    "%252e%252e%252f", "..%252f", "%25%32%65%25%32%65%2f", "%c0%ae%c0%ae%c0%af", "..%c0%af",
    "%e0%80%ae%e0%80%ae", "%uff0e%uff0e", "%ef%bc%8e%ef%bc%8e", "....//", "..;/m", "m;/../",
    "%00", "m%00", "m%00.json", "%0a", "m%0d%0aX-Evil:1", "/etc/passwd", "//etc/passwd",
    "%2fetc%2fpasswd", "%2f%2fevil.example", "file:///etc/passwd", "file:%2f%2f%2fetc%2fpasswd",
    "gs:%2f%2fbucket%2fmodel", "http:%2f%2fevil.example%2fm", "C:%5cWindows", "%5c%5chost%5cshare",
    "~", "~root", "%7eroot", "$HOME", "$%7bHOME%7d", "$(id)", "`id`", "%60id%60", ";id", "%7cid",
    "m%3apredict", "m%20", "%20m", "m%09", "m?x=../", "m#/../", "*", "%2a", "%", "%2", "%zz",
    "m" * 129, "%6d" * 129, "\u2025", "\u00e9", "m\u0000", "\U0001f600",
]  # fmt: skip
TEMPLATES = [
    "/v1/projects/p/models/{}:predict",
    "/v1/projects/p/models/m/versions/{}:predict",
    "/v1/models/{}:predict",
    "/v1/models/m/versions/{}:predict",
    "/v1/models/m/labels/{}:predict",
    "/v1/models/{}",
    "/v1/projects/p/models/{}",
]


def raw_path(template, name):
    """As a hostile client sends it: nothing is normalised, and no byte is left out."""
    return template.format(name).encode("utf-8").decode("latin-1")


@pytest.mark.parametrize("template", TEMPLATES[:5])
def test_no_spelling_of_a_path_is_a_name(template):
    routes = Routes()
    for name in TRAVERSALS:
        path = raw_path(template, name).encode("latin-1").partition(b"?")[0]
        route = routes.predict_route(path)
        names = () if route is None else (route.model, route.version, route.label)
        assert all(re.fullmatch(r"|[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}", n) for n in names), path


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_spelling_of_a_path_reaches_anything(server, tools, template):
    assert len(TRAVERSALS) * len(TEMPLATES) >= 400
    for name in TRAVERSALS:
        body = json.dumps(ROW).encode() if template.endswith(":predict") else b""
        method = "POST" if body else "GET"
        if method == "GET" and set("?#") & set(name):
            continue  # what follows is no part of the path
        answer = ask(tools, server, tools[0].request(raw_path(template, name), body, method=method))
        assert answer.status in (400, 404, 405, 414), name
        assert b"root:" not in answer.body
    assert_it_serves(server)


# What errors tell: CVE-2025-23320 told the name of shared memory, which opened it to anyone.

BAD_BODIES = [
    b"", b"{", b"\xff", b"[]", b"{}", b'{"instances": 1, "instances": 2', b"null", b'"' + b"x" * 99,
    b'{"instances": [{"do": "raise"}]}', b'{"instances": [{"do": "unserialisable"}]}',
    b'{"instances": [{"do": "nan"}]}', b'{"instances": [{"do": "bad_input"}]}',
    b'{"instances": [{"do": "sys_exit"}]}', b'{"instances": [{"do": "recursion"}]}',
    b'{"instances": [{"do": "alloc"}]}', b'{"instances": {"do": "raise"}}',
]  # fmt: skip


def internals(server):
    pids = [server.pid, *server.family()]
    paths = [str(ROOT), sys.prefix, os.path.expanduser("~"), os.getcwd(), "/tmp", "/proc", "/usr"]
    words = ["Traceback", 'File "', ", line ", ".sock", "memfd", "cpr.server", "cpr.routine", ".py"]
    pattern = "|".join(re.escape(text) for text in (*paths, *words))
    return re.compile("|".join([pattern, *(rf"\b{pid}\b" for pid in pids)]).encode())


def test_no_error_tells_a_path_a_process_or_a_traceback(server):
    told = internals(server)
    for path in [AIPLATFORM.format("m"), "/v1/models/m:predict", "/", "/nowhere", "/v1/models/x"]:
        for body in BAD_BODIES:
            status, answer = server.fetch("POST", path, body)
            assert status >= 400, (path, body)
            assert not told.search(answer), (path, body, answer)
            assert json.loads(answer)["error"], (path, body)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_answer_says_what_the_server_is_made_of(server, tools, method):
    for path in (AIPLATFORM.format("m"), "/", "/nowhere", "/healthz", "/v1/models/m"):
        data = tools[0].request(path, json.dumps(ROW).encode(), method=method)
        headers = ask(tools, server, data).headers
        assert headers.get("server", "cpr") == "cpr"
        assert not {"x-powered-by", "via"} & set(headers)


# Documents made to exhaust: CVE-2025-0649 crashed on nested JSON, CVE-2025-23310 on many chunks.

DEEP = {
    "lists": b'{"instances": [' + b"[" * 50_000 + b"]" * 50_000 + b"]}",
    "unclosed lists": b'{"instances": [' + b"[" * 1_000_000,
    "objects": b'{"instances": [' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"]}",
    "bare lists": b"[" * 1_000_000,
}


@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP)
def test_nested_json_is_refused_and_harms_nobody(server, body):
    for _ in range(25):
        assert server.fetch("POST", AIPLATFORM.format("m"), body)[0] == 400
    assert_it_serves(server)


def test_a_body_in_tiny_chunks_is_one_body(server, tools):
    row = json.dumps({"instances": ["x" * 300_000]}).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in row) + b"0\r\n\r\n"
    head = f"POST {AIPLATFORM.format('m')} HTTP/1.1\r\nHost: localhost\r\n"
    data = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks
    answer = ask(tools, server, data)
    assert (answer.status, json.loads(answer.body)) == (200, {"predictions": ["x" * 300_000]})


def test_huge_numbers_and_names_harm_nobody(server):
    for body in (
        b'{"instances": [' + b"9" * 1_000_000 + b"]}",
        b'{"instances": [1e' + b"9" * 1_000_000 + b"]}",
        b'{"instances": [1], "' + b"k" * 1_000_000 + b'": 1}',
        b'{"instances": [1], ' + b",".join(b'"k%d": 1' % n for n in range(50_000)) + b"}",
    ):
        assert server.fetch("POST", AIPLATFORM.format("m"), body)[0] in (200, 400)
    assert_it_serves(server)


# Requests that two servers read differently: smuggling.

SMUGGLED = {
    "two lengths": "Content-Length: 18\r\nContent-Length: 19\r\n",
    "length and chunked": "Content-Length: 18\r\nTransfer-Encoding: chunked\r\n",
    "signed length": "Content-Length: +18\r\n",
    "list of lengths": "Content-Length: 18, 18\r\n",
    "unknown coding": "Transfer-Encoding: xchunked\r\n",
    "chunked not last": "Transfer-Encoding: chunked, identity\r\n",
    "two hosts": "Content-Length: 18\r\nHost: localhost\r\n",
    "space before the colon": "Content-Length : 18\r\n",
    "folded line": "X-A: b\r\n Content-Length: 18\r\n",
    "bare line feed": "X-A: b\nContent-Length: 18\r\n",
    "NUL in a value": "X-A: \0\r\nContent-Length: 18\r\n",
}


@pytest.mark.parametrize("lines", SMUGGLED.values(), ids=SMUGGLED)
def test_a_request_of_two_meanings_is_refused(server, tools, lines):
    head = f"POST {AIPLATFORM.format('m')} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n"
    answer = ask(tools, server, head.encode("latin-1") + b'{"instances": [1]}')
    assert answer.status in (400, 411)
    assert answer.ends_connection


def test_a_request_without_host_is_refused(server, tools):
    data = f"POST {AIPLATFORM.format('m')} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    assert ask(tools, server, data).status == 400


# Documentation.


def test_the_page_names_the_tests_of_this_file():
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    mine = {n.name for n in ast.parse(Path(__file__).read_bytes()).body if hasattr(n, "name")}
    named = set(re.findall(r"`(test_\w+)`", text))
    tests = {name for name in mine if name.startswith("test_")}
    others = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert {n for n in named - tests if f"def {n}(" not in others} == set()
    assert tests - named <= {"test_the_page_names_the_tests_of_this_file"}
