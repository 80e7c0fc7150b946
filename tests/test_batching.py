"""Which calls share one predict, and how their predictions part again."""

import collections
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpr import batching
from cpr.binding import Binding
from cpr.config import PredictorSettings
from cpr.contract import Contract
from cpr.messages import Call, Instances
from cpr.routine import Routine


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


PLANS = {
    "nothing": ([], []),
    "one": ([Instances([1])], [[0]]),
    "without_parameters": ([Instances([1]), Instances([2, 3])], [[0, 1]]),
    "equal_parameters": (
        [Instances([1], {"a": 1, "b": 2}), Instances([2], {"b": 2, "a": 1})],
        [[0, 1]],
    ),
    "other_parameters": ([Instances([1], {"a": 1}), Instances([2], {"a": 2})], [[0], [1]]),
    "one_and_true": ([Instances([1], {"a": n}) for n in (1, True, 1.0, "1")], [[0], [1], [2], [3]]),
    "interleaved": ([Instances([n], {"a": n % 2}) for n in range(5)], [[0, 2, 4], [1, 3]]),
    "none_left_out": ([None, Instances([1]), None, Instances([2])], [[1, 3]]),
    "not_lists": (
        [Instances(v) for v in ({"a": 1}, "text", None, 3, [1], [2])],
        [[0], [1], [2], [3], [4, 5]],
    ),
    "empty_lists": (
        [Instances([1]), Instances([]), Instances([2]), Instances([])],
        [[0, 2], [1], [3]],
    ),
    "nested_parameters": (
        [Instances([1], {"a": {"x": [1], "y": 2}}), Instances([2], {"a": {"y": 2, "x": [1]}})],
        [[0, 1]],
    ),
    "nan_and_null": (
        [Instances([1], {"a": value}) for value in (float("nan"), None, "null", None)],
        [[0], [1, 3], [2]],
    ),
    "huge_integers": ([Instances([1], {"a": 2**70})] * 2, [[0], [1]]),
    "parameters_too_deep": ([Instances([1], {"a": deep(5000)})] * 2, [[0], [1]]),
}


@pytest.mark.parametrize(("requests", "groups"), PLANS.values(), ids=PLANS)
def test_joins_requests_that_differ_in_their_instances_only(requests, groups):
    assert batching.plan(requests) == groups


def test_joins_instances_in_order_and_leaves_the_requests_alone():
    first, second = Instances([1, 2], {"a": 1}), Instances([3], {"a": 1})
    assert batching.join([first, second]) == Instances([1, 2, 3], {"a": 1})
    assert (first.values, second.values) == ([1, 2], [3])


def test_parts_lists_tuples_and_arrays():
    assert batching.split([1, 2, 3], [2, 1]) == [[1, 2], [3]]
    assert batching.split((1, 2, 3), [0, 3]) == [(), (1, 2, 3)]
    first, second = batching.split(np.arange(6).reshape(3, 2), [1, 2])
    assert first.tolist() == [[0, 1]]
    assert second.tolist() == [[2, 3], [4, 5]]


@pytest.mark.parametrize("index", [[5, 6, 7], [0.5, 1.5, 2.5], ["x", "y", "z"]], ids=str)
def test_parts_pandas_by_position_whatever_the_index(index):
    pd = pytest.importorskip("pandas", reason="pandas belongs to the test extra")
    frame = pd.DataFrame({"a": [1, 2, 3]}, index=index)
    for whole in (frame, frame["a"]):
        first, second = batching.split(whole, [1, 2])
        assert np.ravel(first).tolist() == [1]
        assert np.ravel(second).tolist() == [2, 3]


PARTED_NEVER = {
    "too_few": [1, 2],
    "too_many": [1, 2, 3, 4],
    "text": "abc",
    "bytes": b"abc",
    "bytearray": bytearray(b"abc"),
    "memoryview": memoryview(b"abc"),
    "dict": {"a": 1, "b": 2, "c": 3},
    "user_dict": collections.UserDict(a=1, b=2, c=3),
    "set": {1, 2, 3},
    "dict_view": {1: 1, 2: 2, 3: 3}.values(),
    "deque": collections.deque([1, 2, 3]),
    "iterator": iter([1, 2, 3]),
    "scalar": 3,
    "none": None,
    "numpy_scalar": np.float64(3),
    "zero_dimensions": np.array(3),
    "columns_not_rows": np.zeros((2, 3)),
}


@pytest.mark.parametrize("predictions", PARTED_NEVER.values(), ids=PARTED_NEVER)
def test_does_not_part_what_is_not_one_row_an_instance(predictions):
    assert batching.split(predictions, [1, 2]) is None


class Recorder:
    """Answers each instance by `function`, in the container that `wrap` makes."""

    batchable = True

    def __init__(self, function=lambda value, _factor: value, wrap=list):
        self.function = function
        self.wrap = wrap
        self.sizes = []

    def predict(self, instances, *, factor=1):
        self.sizes.append(len(instances))
        return self.wrap([self.function(value, factor) for value in instances])


def answer(predictor, *bodies):
    routine = Routine(
        Binding(predictor, Contract.AI_PLATFORM), name="Recorder", settings=PredictorSettings()
    )
    calls = [
        Call(body if isinstance(body, bytes) else json.dumps(body).encode()) for body in bodies
    ]
    return routine.answer(calls)


def test_calls_with_equal_parameters_share_one_predict():
    predictor = Recorder(lambda value, factor: value * factor)
    replies = answer(
        predictor,
        {"instances": [1, 2]},
        {"instances": [3], "factor": 10},
        {"instances": [4]},
        {"instances": []},
        {"instances": [5, 6], "factor": 10},
    )
    assert [json.loads(reply.body)["predictions"] for reply in replies] == [
        [1, 2],
        [30],
        [4],
        [],
        [50, 60],
    ]
    assert predictor.sizes == [3, 3, 0]
    assert [reply.batch_size for reply in replies] == [2, 2, 2, 1, 2]
    assert [reply.instance_count for reply in replies] == [2, 1, 1, 0, 2]


WRAPPERS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "strided": lambda rows: np.array([rows, rows]).T[:, 0],
    "frame": lambda rows: pytest.importorskip("pandas").DataFrame({"y": rows}),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_every_container_of_rows_is_parted(wrap):
    predictor = Recorder(wrap=wrap)
    replies = answer(predictor, {"instances": [1, 2]}, {"instances": [3]})
    rows = [json.loads(reply.body)["predictions"] for reply in replies]
    assert rows in ([[1, 2], [3]], [[{"y": 1}, {"y": 2}], [{"y": 3}]])
    assert predictor.sizes == [3]


WHOLE = {
    "dict": lambda rows: {"rows": rows},
    "text": lambda rows: "".join(map(str, rows)),
    "sum": sum,
    "one_more": lambda rows: [*rows, 0],
}


@pytest.mark.parametrize("wrap", WHOLE.values(), ids=WHOLE)
def test_results_that_cannot_be_parted_are_had_one_by_one_with_one_warning(wrap, caplog):
    predictor = Recorder(wrap=wrap)
    routine = Routine(
        Binding(predictor, Contract.AI_PLATFORM), name="Recorder", settings=PredictorSettings()
    )
    calls = [Call(b'{"instances": [1, 2]}'), Call(b'{"instances": [3]}')]
    for _ in range(2):
        replies = routine.answer(calls)
        expected = [wrap([1, 2]), wrap([3])]
        assert [json.loads(reply.body)["predictions"] for reply in replies] == expected
    assert predictor.sizes == [3, 2, 1, 3, 2, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "Recorder is batchable, but for 3 instances its predict did not return as many "
        "predictions; such calls are answered one by one"
    ]


def fragile(value, _factor):
    """Fails on -1, and first spoils every object that it meets."""
    if isinstance(value, dict):
        value = value.pop("x")
    if value == -1:
        raise SystemExit("poison")
    return float("nan") if value == -2 else value


def test_a_bad_call_never_fails_its_neighbours():
    replies = answer(
        Recorder(fragile),
        {"instances": [{"x": 1}, {"x": 2}]},
        b"{not json",
        {"instances": [{"x": 3}, {"x": -1}]},
        {"instances": [{"x": -2}]},
        {"instances": [{"x": 4}]},
    )
    assert [reply.status for reply in replies] == [200, 400, 500, 500, 200]
    assert json.loads(replies[0].body) == {"predictions": [1, 2]}
    assert json.loads(replies[4].body) == {"predictions": [4]}
    assert "predict raised SystemExit: poison" in json.loads(replies[2].body)["error"]
    assert "nan at predictions[0]," in json.loads(replies[3].body)["error"]


def test_one_prediction_that_cannot_be_written_fails_its_own_call_only():
    predictor = Recorder(fragile)
    replies = answer(predictor, {"instances": [1]}, {"instances": [-2]}, {"instances": [2]})
    assert [reply.status for reply in replies] == [200, 500, 200]
    assert predictor.sizes == [3]


BODIES = st.lists(
    st.fixed_dictionaries(
        {
            "instances": st.lists(st.integers(-2, 3), max_size=4)
            | st.just("text")
            | st.just({"x": 1})
        },
        optional={"factor": st.integers(1, 2), "unknown": st.none()},
    )
    | st.just({"no": "instances"}),
    max_size=8,
)


@given(BODIES)
def test_batched_replies_are_those_of_calls_made_alone_each_in_its_place(bodies):
    def echo(value, factor):
        return [fragile(value, factor), factor]

    batched = answer(Recorder(echo), *bodies)
    alone = [answer(Recorder(echo), body)[0] for body in bodies]
    assert [(r.status, r.body) for r in batched] == [(r.status, r.body) for r in alone]


def rows_of(*sizes):
    return [Instances([0] * size) for size in sizes]


CUTS = {
    "no_bound": (rows_of(2, 2, 2), 0, [[0, 1, 2]]),
    "fits": (rows_of(2, 2), 4, [[0, 1]]),
    "one_too_many": (rows_of(2, 2, 1), 4, [[0, 1], [2]]),
    "larger_alone": (rows_of(1, 9, 1), 4, [[0], [1], [2]]),
    "in_order": ([*rows_of(1, 3), Instances([1], {"a": 1}), *rows_of(4)], 4, [[0, 1], [2], [3]]),
    "not_a_list": ([Instances("text"), *rows_of(1)], 1, [[0], [1]]),
}


@pytest.mark.parametrize(("requests", "most", "groups"), CUTS.values(), ids=CUTS)
def test_a_group_has_no_more_instances_than_the_most(requests, most, groups):
    assert batching.plan(requests, most) == groups


def test_rows_are_joined_with_instances_and_columns_with_nothing():
    requests = [
        Instances([1]),
        Instances([1], {}, "rows"),
        Instances([1], {}, "columns"),
        Instances([1], {}, "body"),
        Instances([2], {}, "columns"),
    ]
    assert batching.plan(requests) == [[0, 1], [2], [3], [4]]
