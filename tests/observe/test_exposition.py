"""The metrics as text: read back by Prometheus' own parser."""

import json

import pytest

from cpr.observe.answered import NO_STAGES, Stages
from cpr.observe.counters import EVENTS, Counters, merged
from cpr.observe.exposition import EVENT_METRICS, exposition
from cpr.observe.gauges import FrontFigures, Gauges, ProcessFigures, VersionFigures
from cpr.observe.metrics import METRICS

prometheus_parser = pytest.importorskip(
    "prometheus_client.parser", reason="the parser is Prometheus' own"
)

GAUGES = Gauges(
    product_version="1.2",
    python_version="3.12.1",
    started_s=1_700_000_000.5,
    processes=[ProcessFigures("front-0", 41, 1.25, 70_000_000, 12, 1_700_000_001.0)],
    fronts=[FrontFigures(3, 2, [("iris", "1", 1)]), FrontFigures(4, 1, [("iris", "1", 5)])],
    versions=[
        VersionFigures("iris", "1", True, workers=2, ready=1, restarts=3, crashes=2, hangs=1),
        VersionFigures("iris", "2", workers=1),
    ],
    reloads={"ok": 4, "failed": 1},
    is_last_reload_failed=True,
    last_reload_s=1_700_000_050.0,
)


def parse(text):
    families = prometheus_parser.text_string_to_metric_families
    return {family.name: family for family in families(text.decode("utf-8"))}


def values(families):
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families.values()
        for sample in family.samples
    }


@pytest.fixture
def counters():
    counters = Counters()
    for status in (200, 200, 500):
        series = counters.series("iris", "1", "aiplatform", status)
        series.record(2_000_000, 100_000, Stages(20_000, 1_500_000, 30_000, 5, 8))
    counters.series("", "", "", 404).record(1000, 0, NO_STAGES)
    counters.refuse("too_large")
    counters.count("retried", 2)
    return counters


@pytest.fixture
def families(counters):
    return parse(exposition(counters.snapshot(), GAUGES))


def test_every_metric_is_written_with_its_kind_and_labels(families):
    assert list(families) == [metric.name for metric in METRICS]
    for metric in METRICS:
        family = families[metric.name]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels), metric.name
        assert family.samples, f"{metric.name} has no sample here"


def test_the_values_are_those_that_were_counted(families):
    found = values(families)
    assert found["cpr_requests_total", "1", "200", "aiplatform", "iris"] == 2
    assert found["cpr_requests_total", "", "", "", "404"] == 1
    assert found["cpr_request_duration_seconds_count", "1", "200", "aiplatform", "iris"] == 2
    assert found[
        "cpr_request_duration_seconds_sum", "1", "200", "aiplatform", "iris"
    ] == pytest.approx(0.004)
    assert found["cpr_request_stage_duration_seconds_sum", "1", "iris", "predict"] == 0.0045
    assert found["cpr_request_stage_duration_seconds_count", "1", "iris", "queue"] == 3
    assert found["cpr_request_batch_size_sum", "1", "iris"] == 24
    assert found["cpr_instances_total", "1", "iris"] == 15
    assert found["cpr_requests_refused_total", "too_large"] == 1
    assert found["cpr_requests_refused_total", "auth"] == 0
    assert found[("cpr_requests_retried_total",)] == 2


def test_the_state_is_that_of_the_gauges(families):
    found = values(families)
    assert found[("cpr_connections",)] == 7
    assert found[("cpr_requests_in_flight",)] == 3
    assert found["cpr_queue_depth", "1", "iris"] == 6
    assert found["cpr_queue_depth", "2", "iris"] == 0
    assert found["cpr_workers_ready", "1", "iris"] == 1
    assert found["cpr_worker_restarts_total", "1", "iris"] == 3
    assert found["cpr_worker_crashes_total", "1", "iris"] == 2
    assert found["cpr_worker_hangs_total", "1", "iris"] == 1
    assert found["cpr_model_default", "1", "iris"] == 1
    assert found["cpr_model_default", "2", "iris"] == 0
    assert found["cpr_reloads_total", "ok"] == 4
    assert found["cpr_reloads_total", "failed"] == 1
    assert found[("cpr_last_reload_failed",)] == 1
    assert found["cpr_build_info", "1.2", "3.12.1"] == 1
    assert found["cpr_process_resident_memory_bytes", "front-0"] == 70_000_000


def test_buckets_hold_all_that_is_below_their_bound(families):
    samples = families["cpr_request_duration_seconds"].samples
    buckets = {
        float(one.labels["le"]): one.value
        for one in samples
        if one.name.endswith("_bucket") and one.labels["status"] == "200"
    }
    assert buckets[0.001] == 0
    assert buckets[0.0025] == buckets[60.0] == buckets[float("inf")] == 2


def test_names_that_nobody_serves_have_no_stages(families):
    samples = families["cpr_request_stage_duration_seconds"].samples
    assert {one.labels["model"] for one in samples} == {"iris"}


def test_a_server_that_has_done_nothing_can_be_read():
    text = exposition(merged([]), Gauges())
    found = values(parse(text))
    assert found[("cpr_sent_bytes_total",)] == 0
    assert ("cpr_last_reload_timestamp_seconds",) not in found


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "\\n", "naïve", ""], ids=repr)
def test_a_label_is_read_back_as_it_was(name):
    counters = Counters()
    counters.series(name, "1", "vertex", 200).record(1, 1, Stages(1, 1, 1, 1, 1))
    text = exposition(counters.snapshot(), Gauges())
    (sample,) = parse(text)["cpr_requests"].samples
    assert sample.labels["model"] == name


def test_gauges_survive_their_journey():
    assert Gauges.from_json(json.loads(json.dumps(GAUGES.to_json()))) == GAUGES


def test_every_event_has_a_metric():
    assert set(EVENT_METRICS.values()) == set(EVENTS)


def test_every_metric_keeps_to_the_naming_practice():
    for metric in METRICS:
        assert metric.name.startswith("cpr_")
        assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket"))
        assert metric.help.endswith(".")
