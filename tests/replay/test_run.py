"""Sending: every request, in order, as often as asked, none lost to a failure."""

import json
import threading

import pytest

from cpr.errors import BadInput, UsageError
from cpr.replay.endpoint import Destination
from cpr.replay.recorded import Expected, RecordedRequest
from cpr.replay.run import replay
from cpr.replay.sending import Answer
from cpr.replay.tolerance import make_tolerance

PREDICTOR = """
import os

class Doubler:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances):
        if instances == ["crash"]:
            os._exit(3)
        return [2 * instance for instance in instances]
"""


class Echo:
    """An endpoint that answers with the instances, and fails where it finds null."""

    def __init__(self, name="echo"):
        self.name = name
        self.seen = []

    def send(self, request):
        self.seen.append(request.line)
        values = json.loads(request.body)["instances"]
        if None in values:
            return Answer(400, b'{"error": "null"}', 0, BadInput("null"))
        return Answer(200, json.dumps({"predictions": values}).encode(), len(values))


def ask(*instances, line=1, expected=None, time_s=None):
    body = json.dumps({"instances": instances}).encode()
    return RecordedRequest(body, "r.jsonl", line, expected, time_s)


@pytest.fixture
def doubler(tmp_path):
    (tmp_path / "doubling.py").write_text(PREDICTOR)
    return Destination(f"{tmp_path / 'doubling.py'}:Doubler", str(tmp_path))


def test_sends_all_in_order_and_goes_on_after_a_failure(doubler):
    lines = [b'{"instances": [1, 2]}', b'{"instances": [null]}', b'{"instances": [3]}', b"{"]
    requests = [RecordedRequest(body, "r.jsonl", n) for n, body in enumerate(lines, start=1)]
    answered = []
    with doubler.open() as endpoint:
        result = replay(
            [endpoint], requests, repeat=2, on_answer=lambda *pair: answered.append(pair)
        )
    assert result.name == "doubling.Doubler"
    assert [item.place for item in result.requests] == [f"r.jsonl:{n}" for n in (1, 2, 3, 4)] * 2
    assert [bool(item.error) for item in result.requests] == [False, True, False, True] * 2
    assert [item.instances for item in result.requests[:3]] == [2, 1, 1]
    assert [item.status for item in result.requests[:4]] == [200, 500, 200, 400]
    assert [(group.error, group.count, group.line) for group in result.errors] == [
        ("UserCodeError", 2, 2),
        ("BadInput", 2, 4),
    ]
    assert [request.line for request, _ in answered] == [1, 2, 3, 4] * 2
    assert all(item.latency_ms > 0 for item in result.requests)
    starts = [item.started_ms for item in result.requests]
    assert starts == sorted(starts)


def test_crash_fails_one_request_and_the_process_is_started_again(doubler):
    requests = [ask(1, line=1), ask("crash", line=2), ask(2, line=3)]
    with doubler.open(isolated=True) as endpoint:
        result = replay([endpoint], requests)
    assert [bool(item.error) for item in result.requests] == [False, True, False]
    assert "exit code 3" in result.errors[0].problem


def test_a_process_that_keeps_crashing_is_left_alone(doubler):
    with doubler.open(isolated=True) as endpoint:
        result = replay([endpoint], [ask("crash")] * 6 + [ask(1)])
    assert [bool(item.error) for item in result.requests] == [True] * 7


def test_every_endpoint_has_its_own_thread_and_no_request_is_lost():
    echoes = [Echo(), Echo(), Echo()]
    result = replay(echoes, [ask(n, line=n) for n in range(300)])
    assert sorted(line for echo in echoes for line in echo.seen) == list(range(300))
    assert [item.place for item in result.requests] == [f"r.jsonl:{n}" for n in range(300)]
    assert result.concurrency == 3


def test_single_endpoint_is_used_from_the_caller_s_thread():
    threads = set()

    class Here(Echo):
        def send(self, request):
            threads.add(threading.current_thread())
            return super().send(request)

    replay([Here()], [ask(1)])
    assert threads == {threading.current_thread()}


def test_failure_of_an_endpoint_itself_ends_the_run():
    class Broken(Echo):
        def send(self, request):
            raise RuntimeError("bug")

    with pytest.raises(RuntimeError, match="bug"):
        replay([Broken(), Broken()], [ask(n) for n in range(50)])


def expect(*predictions):
    return Expected({"predictions": list(predictions)})


def test_expected_responses_are_compared():
    requests = [
        ask(1.0, 2.0, expected=expect(1.0, 2.0)),
        ask(1.0, 2.0, expected=expect(1.0, 2.5)),
        ask(3.0),
        ask(None, expected=expect(1)),
    ]
    result = replay([Echo()], requests, tolerance=make_tolerance(atol=0, rtol=0))
    assert [item.is_compared for item in result.requests] == [True, True, False, False]
    assert [item.mismatch_count for item in result.requests] == [0, 1, 0, 0]
    [mismatch] = result.requests[1].mismatches
    assert (mismatch.path, mismatch.abs_diff) == ("predictions[1]", 0.5)
    assert (result.compared, result.mismatched, result.failed) == (2, 1, 1)
    assert result.tolerance == "atol 0, rtol 0"


def test_expected_error_is_met_by_any_error_and_not_by_a_prediction():
    error = Expected({"error": "another text"}, is_error=True)
    result = replay([Echo()], [ask(None, expected=error), ask(1, expected=error)])
    assert [item.is_ok for item in result.requests] == [True, False]
    assert [(found.path, found.kind) for found in result.requests[1].mismatches] == [
        ("error", "missing"),
        ("predictions", "extra"),
    ]
    assert result.failed == 0


def test_pattern_that_meets_nothing_is_told():
    tolerance = make_tolerance(by_path=["predictions[*].scor=1"], ignore=["predictions[0]"])
    result = replay([Echo()], [ask(1, expected=expect(2))], tolerance=tolerance)
    assert result.is_ok
    assert result.notes == ["predictions[*].scor matched nothing in any response"]


def test_times_give_the_order_and_are_kept():
    echo = Echo()
    requests = [ask(1, line=1, time_s=7.03), ask(2, line=2, time_s=7.0), ask(3, line=3, time_s=7.3)]
    result = replay([echo], requests, speed=10.0)
    assert echo.seen == [2, 1, 3]
    starts = [item.started_ms for item in result.requests]
    assert all(start >= due for start, due in zip(starts, [0.0, 3.0, 30.0], strict=True))
    assert result.lag_ms >= 0


def test_request_without_a_time_is_refused_before_any_is_sent():
    echo = Echo()
    with pytest.raises(UsageError, match=r"r\.jsonl:2 has no time to keep\."):
        replay([echo], [ask(1, time_s=1.0), ask(1, line=2)], speed=1.0)
    assert echo.seen == []


def test_mismatches_of_many_values_are_counted_and_the_worst_kept():
    values = list(range(1, 2001))
    wrong = expect(*[value + value / 1000 for value in values])
    result = replay([Echo()], [ask(*map(float, values), expected=wrong)])
    [item] = result.requests
    assert item.mismatch_count == 2000
    assert len(item.mismatches) == 1000
