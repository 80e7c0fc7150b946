"""Spans of requests, as OpenTelemetry's own SDK exports them."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from cpr.errors import ConfigError, EnvironmentProblem
from cpr.observe.answered import NO_STAGES, Answered, Stages
from cpr.observe.tracing import Tracer, start_tracing

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra otel")
export = pytest.importorskip("opentelemetry.sdk.trace.export")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
trace = pytest.importorskip("opentelemetry.trace")

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = (b"traceparent", f"00-{TRACE_ID}-b7ad6b7169203331-01".encode())
NOT_SAMPLED = (b"traceparent", f"00-{TRACE_ID}-b7ad6b7169203331-00".encode())
HEADERS = [(b"host", b"localhost"), PARENT, (b"x-odd", b"\xff")]
REQUEST = {
    "ended_ns": 1_790_000_000_123_456_789,
    "request_id": "r-1",
    "client": "192.0.2.7",
    "method": b"POST",
    "path": b"/v1/models/iris:predict?token=secret",
    "model": "iris",
    "version": "3",
    "route": "tfserving",
    "status": 200,
    "bytes_in": 120,
    "bytes_out": 64,
    "total_ns": 5_000_000,
    "queue_ns": 1_000_000,
    "stages": Stages(200_000, 3_000_000, 300_000, 4, 16),
}
OTEL = [name for name in os.environ if name.startswith("OTEL_")]


@pytest.fixture
def clean(monkeypatch):
    for name in OTEL:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def spans(clean):
    """A function that traces one request and gives its spans by name."""
    exporter = memory.InMemorySpanExporter()
    provider = sdk.TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    tracer = Tracer(provider)

    def traced(headers=HEADERS, **changes):
        exporter.clear()
        tracer.add(Answered(**{**REQUEST, **changes}), headers)
        return {span.name: span for span in exporter.get_finished_spans()}

    yield traced
    assert tracer.close()


def test_a_request_is_a_server_span_of_the_callers_trace(spans):
    span = spans()["POST tfserving"]
    assert f"{span.context.trace_id:032x}" == TRACE_ID
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert span.kind is trace.SpanKind.SERVER
    assert span.end_time - span.start_time == 5_000_000
    assert span.end_time == REQUEST["ended_ns"]
    assert dict(span.attributes) == {
        "http.request.method": "POST",
        "http.route": "tfserving",
        "url.path": "/v1/models/iris:predict",
        "client.address": "192.0.2.7",
        "http.response.status_code": 200,
        "http.request.body.size": 120,
        "http.response.body.size": 64,
        "cpr.request_id": "r-1",
        "cpr.model": "iris",
        "cpr.version": "3",
        "cpr.instances": 4,
        "cpr.batch_size": 16,
        "cpr.retried": False,
    }
    assert span.status.is_unset


def test_every_stage_is_a_child_that_lasts_as_long_as_the_stage_did(spans):
    made = spans()
    server = made.pop("POST tfserving")
    assert {name: span.end_time - span.start_time for name, span in made.items()} == {
        "queue": 1_000_000,
        "decode": 200_000,
        "predict": 3_000_000,
        "encode": 300_000,
    }
    start = server.start_time
    for name in ("queue", "decode", "predict", "encode"):
        assert made[name].parent.span_id == server.context.span_id
        assert made[name].start_time == start
        start = made[name].end_time
    assert start <= server.end_time


def test_a_request_that_no_worker_answered_has_no_stages(spans):
    assert list(spans(status=413, stages=NO_STAGES)) == ["POST tfserving"]


@pytest.mark.parametrize(
    ("status", "is_error"), [(200, False), (404, False), (500, True), (503, True)]
)
def test_only_faults_of_the_server_are_errors(spans, status, is_error):
    span = spans(status=status)["POST tfserving"]
    assert (span.status.status_code is trace.StatusCode.ERROR) == is_error
    assert span.attributes.get("error.type") == (str(status) if is_error else None)


@pytest.mark.parametrize(
    "headers",
    [[], [(b"traceparent", b"nonsense")], [(b"traceparent", b"\xff" * 55)]],
    ids=["none", "nonsense", "bytes"],
)
def test_without_a_callers_trace_a_request_begins_its_own(spans, headers):
    span = spans(headers=headers)["POST tfserving"]
    assert span.parent is None
    assert span.context.trace_id


def test_what_the_caller_does_not_sample_is_not_recorded(spans):
    assert spans(headers=[NOT_SAMPLED]) == {}


def test_a_hostile_path_is_cut_and_escaped(spans):
    span = spans(path=b"/\xff" + b"x" * 5000)["POST tfserving"]
    assert len(span.attributes["url.path"]) < 300
    assert span.attributes["url.path"].startswith("/\\xff")


def test_disabled_means_none(clean):
    clean.setenv("OTEL_SDK_DISABLED", "true")
    assert start_tracing("1.0") is None


def test_an_exporter_that_is_not_there_is_named(clean):
    clean.setenv("OTEL_TRACES_EXPORTER", "nonsense")
    with pytest.raises(EnvironmentProblem, match="no trace exporter 'nonsense' is installed"):
        start_tracing("1.0")


def test_a_protocol_that_is_none_is_named(clean):
    clean.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "pigeon")
    with pytest.raises(ConfigError, match="OTEL_EXPORTER_OTLP_PROTOCOL is 'pigeon', expected"):
        start_tracing("1.0")


CONSOLE = """
import json, sys
from cpr.observe.answered import Answered
from cpr.observe.tracing import start_tracing
tracer = start_tracing("1.0")
request = json.loads(sys.argv[1])
request |= {"method": b"POST", "path": b"/p"}
tracer.add(Answered(**request), [])
assert tracer.close(60)
"""


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ("cpr", "1.0")),
        ({"OTEL_SERVICE_NAME": "flowers"}, ("flowers", "1.0")),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=plants"}, ("plants", "1.0")),
    ],
    ids=["ours", "by name", "by attribute"],
)
def test_the_standard_variables_decide(variables, expected):
    environ = {name: value for name, value in os.environ.items() if name not in OTEL}
    environ |= {"OTEL_TRACES_EXPORTER": "console", **variables}
    plain = {key: value for key, value in REQUEST.items() if isinstance(value, (str, int))}
    done = subprocess.run(
        [sys.executable, "-c", CONSOLE, json.dumps(plain)],
        env=environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert '"name": "POST tfserving"' in done.stdout
    first = json.JSONDecoder().raw_decode(done.stdout)[0]
    attributes = first["resource"]["attributes"]
    assert (attributes["service.name"], attributes["cpr.server.version"]) == expected


class Collector(BaseHTTPRequestHandler):
    """Answers OTLP over HTTP and remembers what came."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append((self.path, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def test_spans_reach_a_collector(clean):
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        server.seen = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        clean.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        clean.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        tracer = start_tracing("1.0")
        tracer.add(Answered(**REQUEST), HEADERS)
        assert tracer.close(60)
        server.shutdown()
        thread.join()
    ((path, body),) = server.seen
    assert path == "/v1/traces"
    assert b"POST tfserving" in body
    assert bytes.fromhex(TRACE_ID) in body
