"""A diff finds exactly the values that changed, as numpy works them out."""

import json

import numpy as np
import pytest

from cpr.errors import BadInput
from cpr.replay.diff import diff
from cpr.replay.endpoint import Destination
from cpr.replay.recorded import RecordedRequest
from cpr.replay.sending import Answer
from cpr.replay.tolerance import make_tolerance

LINEAR = """
import numpy as np

class Linear:
    def __init__(self, weights):
        self.weights = weights

    @classmethod
    def from_path(cls, model_dir):
        return cls(np.load(f"{model_dir}/weights.npy").astype(np.float64))

    def predict(self, instances):
        return (np.asarray(instances) * self.weights).sum(axis=1)
"""
ROWS = np.random.default_rng(3).normal(size=(120, 6))
WEIGHTS = np.random.default_rng(4).normal(size=6)


class Says:
    """An endpoint that answers each request by a function of its instances."""

    def __init__(self, answer, order=None, name=""):
        self.name = name
        self._answer = answer
        self._order = order if order is not None else []

    def send(self, request):
        self._order.append(self.name)
        values = json.loads(request.body)["instances"]
        try:
            body = {"predictions": self._answer(values)}
        except BadInput as error:
            return Answer(400, b"", 0, error)
        return Answer(200, json.dumps(body).encode(), len(values))


def ask(*instances, line=1):
    return RecordedRequest(json.dumps({"instances": instances}).encode(), "r.jsonl", line)


def run(a, b, requests, **tolerance):
    return diff(Says(a), Says(b), requests, names=("a", "b"), tolerance=make_tolerance(**tolerance))


@pytest.mark.parametrize(
    ("atol", "rtol"), [(0.0, 0.0), (0.0, 2e-4), (3e-4, 0.0), (1e-4, 1e-4)], ids=str
)
def test_float16_copy_changes_exactly_the_values_that_numpy_says(tmp_path, atol, rtol):
    (tmp_path / "linear.py").write_text(LINEAR)
    destinations = []
    for name, weights in (("full", WEIGHTS), ("half", WEIGHTS.astype(np.float16))):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "weights.npy", weights)
        destinations.append(Destination(f"{tmp_path / 'linear.py'}:Linear", str(tmp_path / name)))
    requests = [
        ask(*ROWS[start : start + 10].tolist(), line=start // 10 + 1) for start in range(0, 120, 10)
    ]

    with destinations[0].open(isolated=True) as a, destinations[1].open(isolated=True) as b:
        tolerance = make_tolerance(atol=atol, rtol=rtol)
        result = diff(a, b, requests, names=("full", "half"), tolerance=tolerance)

    full = (ROWS * WEIGHTS).sum(axis=1)
    half = (ROWS * WEIGHTS.astype(np.float16).astype(np.float64)).sum(axis=1)
    beyond = np.abs(half - full) > atol + rtol * np.abs(full)
    assert 0 < beyond.sum() < 120 or (atol, rtol) == (0.0, 0.0)
    found = {
        (int(item.place.rpartition(":")[2]) - 1) * 10 + int(mismatch.path[12:-1]): mismatch
        for item in result.requests
        for mismatch in item.mismatches
    }
    assert sorted(found) == np.flatnonzero(beyond).tolist()
    for row, mismatch in found.items():
        assert (mismatch.expected, mismatch.actual) == (full[row], half[row])
        assert mismatch.abs_diff == abs(half[row] - full[row])
    assert (result.predictions, result.changed, result.beyond) == (120, len(found), len(found))
    assert result.differing == int((half != full).sum())
    assert result.is_ok is not beyond.any()
    [shift] = result.numbers
    assert shift.max_abs_diff == np.abs(half - full).max()
    assert shift.a.mean == pytest.approx(full.mean(), abs=1e-15)
    assert shift.b.std == pytest.approx(half.std(), abs=1e-15)


def test_the_side_that_goes_first_alternates():
    order = []
    sides = (Says(list, order, "a"), Says(list, order, "b"))
    diff(*sides, [ask(1), ask(2), ask(3)], names=("a", "b"), repeat=2)
    assert "".join(order) == "abbaab" + "baabba"


def test_changed_predictions_are_counted_once_each():
    def b(values):
        return [{"x": value + (value > 1), "y": value + (value > 2)} for value in values]

    result = run(lambda values: [{"x": v, "y": v} for v in values], b, [ask(1, 2, 3), ask(1)])
    assert (result.predictions, result.changed, result.beyond, result.values) == (4, 2, 3, 8)
    assert [item.changed for item in result.requests] == [2, 0]


def test_predictions_that_are_missing_have_changed():
    result = run(list, lambda values: values[:-1], [ask(1.5, 2.5, 3.5)])
    assert (result.predictions, result.changed) == (3, 1)


def test_answer_that_is_no_list_is_one_prediction():
    result = run(lambda values: {"x": 1.0}, lambda values: {"x": 2.0}, [ask(1), ask(2)])
    assert (result.predictions, result.changed) == (2, 2)


def test_failure_of_one_side_is_no_change_and_no_success():
    def refuse(values):
        if values == [2]:
            raise BadInput("no twos")
        return values

    result = run(list, refuse, [ask(1), ask(2, line=2)])
    assert (result.failed_a, result.failed_b, result.is_ok) == (0, 1, False)
    assert (result.predictions, result.changed) == (1, 0)
    assert result.requests[1].b.error == "BadInput: no twos"
    assert [(group.problem, group.line) for group in result.errors_b] == [("no twos", 2)]
    assert result.latency_a_ms.max == result.requests[0].a.latency_ms


def test_repeats_add_latencies_and_no_changes():
    result = diff(Says(list), Says(lambda v: [0.5]), [ask(1)], names=("a", "b"), repeat=5)
    assert len(result.requests) == 5
    assert (result.predictions, result.changed, result.beyond) == (1, 1, 1)


def test_document_is_strict_json():
    result = run(lambda values: [float("nan")], lambda values: [1.0], [ask(1)])
    document = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert document["results"][0]["mismatches"][0]["expected"] == "NaN"
    assert document["numbers"][0]["a"]["nonfinite"] == 1
    assert (document["a"], document["b"]) == ("a", "b")
