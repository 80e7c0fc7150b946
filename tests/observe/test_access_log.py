"""One line a request, which nothing in the request can break."""

import json
import re

import pytest

from cpr.observe.access_log import AccessLog
from cpr.observe.answered import Answered, Stages

REQUEST = {
    "ended_ns": 1_790_000_000_123_456_789,
    "request_id": "Cp9HGP19OWdH-2a",
    "client": "192.0.2.7",
    "method": b"POST",
    "path": b"/v1/models/iris:predict",
    "model": "iris",
    "version": "3",
    "route": "tfserving",
    "status": 200,
    "bytes_in": 120,
    "bytes_out": 64,
    "total_ns": 12_345_678,
    "queue_ns": 1_500_000,
    "stages": Stages(20_400, 10_000_000, 999, 4, 16),
    "is_retried": True,
}
HOSTILE = 'x\r\n{"status": 200}\\\x00\x1b[31m\x7f\u2028\u202e\u0085 é'


@pytest.fixture
def path(tmp_path):
    return tmp_path / "access.log"


def answered(**changes):
    return Answered(**{**REQUEST, **changes})


def logged(path, *requests, line_format="json"):
    log = AccessLog(path, line_format=line_format)
    log.add(answered(**request) for request in requests)
    assert log.close()
    return path.read_bytes().decode("ascii")


def test_a_json_line_holds_every_field(path):
    entry = json.loads(logged(path, {}))
    assert entry == {
        "time": "2026-09-21T14:13:20.123Z",
        "request_id": "Cp9HGP19OWdH-2a",
        "client": "192.0.2.7",
        "method": "POST",
        "path": "/v1/models/iris:predict",
        "model": "iris",
        "version": "3",
        "route": "tfserving",
        "status": 200,
        "bytes_in": 120,
        "bytes_out": 64,
        "ms": 12.345,
        "queue_ms": 1.5,
        "decode_ms": 0.02,
        "predict_ms": 10,
        "encode_ms": 0,
        "instances": 4,
        "batch_size": 16,
        "retried": True,
    }


def test_a_text_line_reads_from_left_to_right(path):
    first, second = logged(path, {}, {"is_retried": False}, line_format="text").splitlines()
    when, rest = first.split(" ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", when)
    assert rest == (
        '200 12.345 ms 192.0.2.7 "POST /v1/models/iris:predict" model="iris" version="3" '
        "route=tfserving id=Cp9HGP19OWdH-2a in=120 out=64 queue=1.500 decode=0.020 "
        "predict=10.000 encode=0.000 instances=4 batch=16 retried"
    )
    assert second.endswith("batch=16")


@pytest.mark.parametrize("field", ["request_id", "client", "method", "path", "model", "version"])
def test_json_values_cannot_end_a_line_or_a_field(path, field):
    value = HOSTILE if isinstance(REQUEST[field], str) else HOSTILE.encode()
    text = logged(path, {field: value})
    assert text.count("\n") == 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert json.loads(text)[field] == HOSTILE
    assert json.loads(text)["status"] == 200


@pytest.mark.parametrize("field", ["request_id", "client", "method", "path", "model", "version"])
def test_text_values_cannot_end_a_line_or_a_quote(path, field):
    value = HOSTILE if isinstance(REQUEST[field], str) else HOSTILE.encode()
    text = logged(path, {field: value}, line_format="text")
    assert text.count("\n") == 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert r"\r\n{\"status\": 200}\\\u0000\u001b[31m\u007f\u2028\u202e\u0085 \u00e9" in text


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b"/p?token=secret", "/p"),
        (b"/p?", "/p"),
        (b"/" + b"x" * 5000, "/" + "x" * 255 + "..."),
        (b"/\xff\xfe", r"/\xff\xfe"),
        ("/ü".encode(), "/ü"),
        (b"", ""),
    ],
    ids=["query", "empty query", "long", "not UTF-8", "UTF-8", "empty"],
)
def test_the_path_is_shown_without_its_query_and_not_endless(path, sent, shown):
    assert json.loads(logged(path, {"path": sent}))["path"] == shown


def test_every_line_is_of_its_own_request(path):
    batches = [Stages(n, n, n, n, n) for n in range(300)]
    requests = [
        {
            "ended_ns": n * 100_000_000,
            "client": f"192.0.2.{n % 3}",
            "path": b"/p%d" % n,
            "status": 200 + n,
            "total_ns": n * 1000,
            "stages": batches[n // 4],
        }
        for n in range(1000)
    ]
    entries = [json.loads(line) for line in logged(path, *requests).splitlines()]
    for n, entry in enumerate(entries):
        shown = (entry["client"], entry["path"], entry["status"], entry["ms"])
        assert shown == (f"192.0.2.{n % 3}", f"/p{n}", 200 + n, n / 1000)
        assert entry["time"].endswith(f":{n // 10 % 60:02d}.{n % 10}00Z")
        assert entry["batch_size"] == n // 4
    assert len(entries) == 1000


def test_paths_that_never_repeat_fill_no_memory(path):
    log = AccessLog(path)
    for n in range(20_000):
        log.add([answered(path=b"/p%d" % n)])
    assert len(log._known) <= 4096
    assert len(log._lines) < 256
    assert log.close(60)
    assert path.read_bytes().count(b"\n") + log.take_dropped() == 20_000


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [(0, 0), (999, 0), (1000, 0.001), (9_999_999, 9.999), (60_000_000_000, 60_000)],
    ids=["none", "below", "1 µs", "remembered", "a minute"],
)
def test_times_are_milliseconds(path, nanoseconds, shown):
    assert json.loads(logged(path, {"total_ns": nanoseconds}))["ms"] == shown


def test_reopen_writes_what_came_before_to_the_old_file(path):
    log = AccessLog(path)
    log.add([answered(status=201)])
    path.rename(path.with_suffix(".1"))
    log.reopen()
    log.add([answered(status=202)])
    assert log.close()
    assert json.loads(path.with_suffix(".1").read_text())["status"] == 201
    assert json.loads(path.read_text())["status"] == 202


def test_nothing_is_written_before_a_flush_and_all_of_it_after(path):
    log = AccessLog(path)
    log.add([answered()])
    assert path.read_bytes() == b""
    log.flush()
    log.flush()
    assert log.close()
    assert path.read_bytes().count(b"\n") == 1
