"""Sending: every request, in order, as often as asked, none lost to a failure."""

from cpr.replay.requests import RecordedRequest
from cpr.replay.run import replay
from cpr.serving import open_routine

PREDICTOR = """
class Doubler:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances):
        return [2 * instance for instance in instances]
"""


def test_sends_all_in_order_and_goes_on_after_a_failure(tmp_path):
    (tmp_path / "doubling.py").write_text(PREDICTOR)
    lines = [b'{"instances": [1, 2]}', b'{"instances": [null]}', b'{"instances": [3]}', b"{"]
    requests = [RecordedRequest(body, "r.jsonl", n) for n, body in enumerate(lines, start=1)]
    answered = []
    with open_routine(f"{tmp_path / 'doubling.py'}:Doubler", str(tmp_path)) as routine:
        run = replay(routine, requests, repeat=2, on_answer=lambda: answered.append(1))
    assert [outcome.request.line for outcome in run.outcomes] == [1, 2, 3, 4] * 2
    assert [outcome.error is None for outcome in run.outcomes] == [True, False, True, False] * 2
    assert [outcome.instance_count for outcome in run.outcomes[:3]] == [2, 1, 1]
    assert [outcome.error.exit_code for outcome in run.outcomes if outcome.error] == [14, 11] * 2
    assert len(answered) == 8
    assert all(outcome.elapsed_ns > 0 for outcome in run.outcomes)
    assert sum(outcome.elapsed_ns for outcome in run.outcomes) <= run.elapsed_ns
