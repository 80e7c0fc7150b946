"""Counting requests, and adding up what several processes have counted."""

import json

import pytest

from cpr.observe.answered import NO_STAGES, Stages
from cpr.observe.counters import (
    BATCH_BOUNDS,
    DURATION_BOUNDS_S,
    EVENTS,
    MAX_SERIES,
    OTHER,
    REFUSALS,
    STAGE_BOUNDS_S,
    Counters,
    merged,
)

MS = 1_000_000
STAGES = Stages(2, 3, 4, 10, 1)


def counted(*durations_ns, labels=("iris", "1", "aiplatform", 200), stages=STAGES):
    counters = Counters()
    for duration in durations_ns:
        counters.series(*labels).record(duration, 0 if stages is NO_STAGES else 1, stages)
    return counters


def series_of(snapshot):
    return {tuple(labels): figures for *labels, figures in map(split, snapshot["series"])}


def split(entry):
    return (*entry[:4], entry[4:])


@pytest.mark.parametrize(
    ("total_ns", "bucket"),
    [
        (0, 0),
        (250_000, 0),
        (250_001, 1),
        (1 * MS, DURATION_BOUNDS_S.index(0.001)),
        (60_000 * MS, len(DURATION_BOUNDS_S) - 1),
        (60_000 * MS + 1, len(DURATION_BOUNDS_S)),
    ],
    ids=["nothing", "a bound", "above it", "1 ms", "the last bound", "beyond"],
)
def test_a_bound_belongs_to_its_own_bucket(total_ns, bucket):
    (figures,) = series_of(counted(total_ns).snapshot()).values()
    assert figures[0].index(1) == bucket
    assert sum(figures[0]) == 1


def test_a_request_is_counted_in_all_its_figures():
    counters = Counters()
    counters.series("iris", "1", "vertex", 200).record(
        5 * MS, 1000, Stages(20_000, 3 * MS, 400, 7, 3)
    )
    durations, stages, batches, sums, instances = series_of(counters.snapshot())[
        "iris", "1", "vertex", 200
    ]
    assert durations[DURATION_BOUNDS_S.index(0.005)] == 1
    assert [STAGE_BOUNDS_S[stage.index(1)] for stage in stages] == [1e-05, 2.5e-05, 5e-3, 1e-05]
    assert BATCH_BOUNDS[batches.index(1)] == 4
    assert sums == [5 * MS, 1000, 20_000, 3 * MS, 400, 3]
    assert instances == 7


def test_a_request_that_no_worker_answered_has_no_stages():
    (figures,) = series_of(counted(MS, stages=NO_STAGES).snapshot()).values()
    durations, stages, batches, sums, instances = figures
    assert sum(durations) == 1
    assert sum(map(sum, stages)) == sum(batches) == instances == 0
    assert sums == [MS, 0, 0, 0, 0, 0]


def test_calls_of_one_batch_are_counted_one_by_one_whatever_comes_between():
    counters = Counters()
    series = counters.series("iris", "1", "vertex", 200)
    shared, other = Stages(20_000, 3 * MS, 400, 7, 3), Stages(MS, MS, MS, 1, 1)
    for stages in (shared, shared, NO_STAGES, shared, other):
        series.record(5 * MS, 0 if stages is NO_STAGES else 1000, stages)

    for _ in range(2):  # reading changes nothing
        _, stages, batches, sums, instances = series_of(counters.snapshot())[
            "iris", "1", "vertex", 200
        ]
        assert [sum(stage) for stage in stages] == [4, 4, 4, 4]
        assert batches[BATCH_BOUNDS.index(4)] == 3
        assert sums == [25 * MS, 4000, 60_000 + MS, 10 * MS, 1200 + MS, 10]
        assert instances == 22


def test_the_same_labels_are_the_same_series():
    counters = Counters()
    first = counters.series("iris", "1", "vertex", 200)
    assert counters.series("iris", "1", "vertex", 200) is first
    assert counters.series("iris", "1", "vertex", 500) is not first


def test_a_snapshot_is_json_and_stays_as_it_was():
    counters = counted(MS)
    snapshot = counters.snapshot()
    text = json.dumps(snapshot)
    counters.series("iris", "1", "aiplatform", 200).record(MS, 0, Stages(0, 0, 0, 1, 1))
    counters.refuse("auth")
    counters.count("retried")
    assert json.loads(text) == snapshot
    assert json.dumps(snapshot) == text


def test_snapshots_of_several_processes_add_up():
    first, second = counted(MS, 2 * MS), counted(MS)
    second.series("iris", "2", "aiplatform", 200).record(MS, 1, Stages(1, 1, 1, 1, 1))
    for counters in (first, second):
        counters.refuse("overload")
        counters.count("sent_bytes", 100)
    total = merged(json.loads(json.dumps(one.snapshot())) for one in (first, second))
    figures = series_of(total)
    assert sum(figures["iris", "1", "aiplatform", 200][0]) == 3
    assert figures["iris", "1", "aiplatform", 200][3] == [4 * MS, 3, 6, 9, 12, 3]
    assert figures["iris", "1", "aiplatform", 200][4] == 30
    assert sum(figures["iris", "2", "aiplatform", 200][0]) == 1
    assert total["refused"]["overload"] == 2
    assert total["events"]["sent_bytes"] == 200


def test_a_sum_is_a_snapshot_itself():
    first, second, third = (counted(n * MS).snapshot() for n in (1, 2, 3))
    assert merged([merged([first, second]), third]) == merged([first, second, third])


def test_adding_up_changes_no_snapshot():
    first, second = counted(MS).snapshot(), counted(MS).snapshot()
    before = json.dumps(first)
    merged([first, second])
    assert json.dumps(first) == before


def test_nothing_adds_up_to_zero():
    total = merged([])
    assert total == Counters().snapshot()
    assert set(total["refused"]) == set(REFUSALS)
    assert set(total["events"]) == set(EVENTS)


def test_snapshots_of_different_shapes_are_refused():
    first, second = counted(MS).snapshot(), counted(MS).snapshot()
    second["series"][0][4].append(0)
    with pytest.raises(ValueError, match="snapshots of different shapes"):
        merged([first, second])


def test_endless_labels_end_in_one_series():
    counters = Counters()
    for version in range(MAX_SERIES + 50):
        counters.series("iris", str(version), "vertex", 503).record(MS, 0, NO_STAGES)
    figures = series_of(counters.snapshot())
    assert len(figures) == MAX_SERIES + 1
    assert sum(figures[OTHER, OTHER, OTHER, 500][0]) == 50


@pytest.mark.parametrize("act", ["refuse", "count"])
def test_an_unknown_name_is_an_error_of_the_caller(act):
    with pytest.raises(KeyError, match="nonsense"):
        getattr(Counters(), act)("nonsense")
