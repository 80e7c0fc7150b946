"""The text of a replay: the figures of what succeeded, errors, the worst mismatches."""

import json
import math

from cpr.replay.report import render
from cpr.replay.results import ErrorGroup, Latency, Mismatch, ReplayResult, RequestResult


def request(line, instances=1, **more):
    return RequestResult(f"r.jsonl:{line}", instances, 200, 2.0, 0.0, **more)


def result(*requests, **more):
    some = {"name": "p.P", "elapsed_s": 0.5, "latency_ms": Latency(2.0, 2.0, 2.0, 2.0, 2.0)}
    return ReplayResult(requests=requests, **{**some, **more})


def test_figures_are_those_of_the_requests_that_succeeded():
    found = result(request(1, 10), request(2, 7, error="BadInput: no"), request(3, 20))
    assert (found.failed, found.instances, found.is_ok) == (1, 30, False)
    assert found.requests_per_s == 4.0
    assert found.instances_per_s == 60.0


def test_renders_a_table_and_the_errors():
    group = ErrorGroup("BadInput", "no", "why", 11, 1, "r.jsonl", 2)
    found = result(request(1, 3), request(2, 0, error="BadInput: no"), errors=[group])
    assert render(found) == (
        "requests    2\n"
        "instances   3\n"
        "failed      1\n"
        "latency ms  min 2.000  p50 2.000  p95 2.000  p99 2.000  max 2.000\n"
        "throughput  2.0 requests/s  6.0 instances/s\n"
        "\n"
        "1 × BadInput, first at r.jsonl:2\n"
        "    no\n"
        "    why"
    )


def test_renders_the_ten_most_frequent_messages():
    errors = [ErrorGroup("BadInput", f"message {n}", "", 11, 1, "r", n) for n in range(12)]
    text = render(result(request(1, error="BadInput: message 0"), errors=errors, latency_ms=None))
    assert text.count("BadInput") == 10
    assert text.endswith("\n\nand 2 other messages")
    assert "latency ms  none succeeded" in text


MISMATCHES = (
    Mismatch("predictions[0].b", "x", None, kind="missing"),
    Mismatch("predictions", 3, 2, kind="length"),
    Mismatch("predictions[1].a", 1.0, 1.5, 0.5, 0.5, excess=50.0),
)


def test_the_worst_mismatches_come_first_and_the_rest_is_counted():
    small = Mismatch("predictions[0].a", 2.0, math.nan)
    close = Mismatch("predictions[9]", 4.0, 4.1, 0.1, 0.025, excess=2.0)
    found = result(
        request(1, mismatches=(close,), mismatch_count=1, is_compared=True),
        request(2, mismatches=MISMATCHES, mismatch_count=3, is_compared=True),
        request(3, mismatches=(small,), mismatch_count=7, is_compared=True),
        request(4, is_compared=True),
        tolerance="atol 0, rtol 0.01",
        notes=["x matched nothing in any response"],
    )
    assert render(found, show=4).partition("instances/s\n")[2] == (
        "\n"
        "3 responses not as expected, in 11 values (atol 0, rtol 0.01); the worst:\n"
        "\n"
        "r.jsonl:2\n"
        "    path              expected  actual     abs  rel\n"
        '    predictions[0].b  "x"       (missing)\n'
        "    predictions       length 3  length 2\n"
        "    predictions[1].a  1.0       1.5        0.5  0.5\n"
        "\n"
        "r.jsonl:3\n"
        "    path              expected  actual  abs  rel\n"
        "    predictions[0].a  2.0       NaN\n"
        "\n"
        "and 7 more, also in 1 other requests; --show N shows more, --format json all\n"
        "\n"
        "note: x matched nothing in any response"
    )


def test_compared_requests_are_counted():
    text = render(result(request(1, is_compared=True), request(2)))
    assert "\ncompared    1, as expected 1, not 0\n" in text


def test_document_is_strict_json():
    odd = Mismatch("predictions[0]", math.inf, [math.nan, {"a": -math.inf}])
    document = result(request(1, mismatches=(odd,), mismatch_count=1)).to_json()
    text = json.dumps(document, allow_nan=False)
    [shown] = json.loads(text)["results"][0]["mismatches"]
    assert (shown["expected"], shown["actual"]) == ("Infinity", ["NaN", {"a": "-Infinity"}])
    assert shown["excess"] == "Infinity"
