"""The metrics as Prometheus reads them, from a merged snapshot and gauges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from cpr.observe.counters import (
    BATCH_BOUNDS,
    DURATION_BOUNDS_S,
    REFUSALS,
    STAGE_BOUNDS_S,
    STAGES,
    merged,
)
from cpr.observe.gauges import RELOAD_RESULTS, Gauges
from cpr.observe.metrics import METRICS, Metric

PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"

Number = int | float
# Label values in the order of the metric's labels, then the number or histogram.
Sample = tuple[tuple[str, ...], Any]
# Counts of each bucket, the bounds of all but the last, and the sum.
Histogram = tuple[Sequence[int], Sequence[Number], Number]

EVENT_METRICS = {
    "cpr_connections_accepted": "connections",
    "cpr_connections_refused": "connections_refused",
    "cpr_received_bytes": "received_bytes",
    "cpr_sent_bytes": "sent_bytes",
    "cpr_requests_retried": "retried",
    "cpr_requests_abandoned": "abandoned",
    "cpr_access_log_dropped_lines": "log_lines_dropped",
}


def exposition(snapshot: Mapping[str, Any], gauges: Gauges) -> bytes:
    """The metrics as text that Prometheus reads.

    Args:
        snapshot: What `merged` made of the fronts' snapshots.
        gauges: The state of the server now.
    """
    samples = {**_request_samples(snapshot), **_event_samples(snapshot), **_state_samples(gauges)}
    lines: list[str] = []
    for metric in METRICS:
        lines += _family(metric, samples[metric.name])
    return ("\n".join(lines) + "\n").encode("utf-8")


def _request_samples(snapshot: Mapping[str, Any]) -> dict[str, list[Sample]]:
    requests: list[Sample] = []
    durations: list[Sample] = []
    versions: dict[tuple[str, str], list[Any]] = {}
    for model, version, route, status, counts, *rest in snapshot["series"]:
        labels = (model, version, route, str(status))
        requests.append((labels, sum(counts)))
        durations.append((labels, (counts, DURATION_BOUNDS_S, rest[2][0] / 1e9)))
        versions.setdefault((model, version), []).append(["", "", "", 0, counts, *rest])
    found: dict[str, list[Sample]] = {
        "cpr_requests": requests,
        "cpr_request_duration_seconds": durations,
        "cpr_request_stage_duration_seconds": [],
        "cpr_request_batch_size": [],
        "cpr_instances": [],
    }
    for pair, series in versions.items():
        _, _, _, _, _, stages, batches, sums, instances = merged(
            [{"series": series, "refused": {}, "events": {}}]
        )["series"][0]
        if not any(batches):
            continue  # nothing here was predicted: names that nobody serves
        for number, stage in enumerate(STAGES):
            histogram = (stages[number], STAGE_BOUNDS_S, sums[number + 1] / 1e9)
            found["cpr_request_stage_duration_seconds"].append(((*pair, stage), histogram))
        found["cpr_request_batch_size"].append((pair, (batches, BATCH_BOUNDS, sums[5])))
        found["cpr_instances"].append((pair, instances))
    return found


def _event_samples(snapshot: Mapping[str, Any]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {
        name: [((), snapshot["events"].get(event, 0))] for name, event in EVENT_METRICS.items()
    }
    refused = snapshot["refused"]
    found["cpr_requests_refused"] = [((name,), refused.get(name, 0)) for name in REFUSALS]
    return found


def _state_samples(gauges: Gauges) -> dict[str, list[Sample]]:
    def by_version(value: Callable[[Any], Number]) -> list[Sample]:
        return [((one.model, one.version), value(one)) for one in gauges.versions]

    def by_process(value: Callable[[Any], Number]) -> list[Sample]:
        return [((one.name,), value(one)) for one in gauges.processes]

    last: list[Sample] = [((), gauges.last_reload_s)] if gauges.last_reload_s else []
    versions = (gauges.product_version, gauges.python_version)
    return {
        "cpr_connections": [((), sum(front.connections for front in gauges.fronts))],
        "cpr_requests_in_flight": [((), sum(front.in_flight for front in gauges.fronts))],
        "cpr_queue_depth": _queued(gauges),
        "cpr_workers": by_version(lambda one: one.workers),
        "cpr_workers_ready": by_version(lambda one: one.ready),
        "cpr_worker_restarts": by_version(lambda one: one.restarts),
        "cpr_worker_crashes": by_version(lambda one: one.crashes),
        "cpr_worker_hangs": by_version(lambda one: one.hangs),
        "cpr_model_default": by_version(lambda one: int(one.is_default)),
        "cpr_reloads": [((name,), gauges.reloads.get(name, 0)) for name in RELOAD_RESULTS],
        "cpr_last_reload_failed": [((), int(gauges.is_last_reload_failed))],
        "cpr_last_reload_timestamp_seconds": last,
        "cpr_start_time_seconds": [((), gauges.started_s)],
        "cpr_build_info": [(versions, 1)],
        "cpr_process_cpu_seconds": by_process(lambda one: one.cpu_s),
        "cpr_process_resident_memory_bytes": by_process(lambda one: one.resident_bytes),
        "cpr_process_open_fds": by_process(lambda one: one.open_fds),
        "cpr_process_start_time_seconds": by_process(lambda one: one.started_s),
    }


def _queued(gauges: Gauges) -> list[Sample]:
    """Waiting calls by version, summed over the fronts; 0 for versions without any."""
    depth = {(one.model, one.version): 0 for one in gauges.versions}
    for front in gauges.fronts:
        for model, version, calls in front.queued:
            depth[model, version] = depth.get((model, version), 0) + calls
    return list(depth.items())


def _family(metric: Metric, samples: Iterable[Sample]) -> Iterator[str]:
    name = metric.shown_name
    yield f"# HELP {name} {metric.help}"
    yield f"# TYPE {name} {metric.kind}"
    for values, amount in samples:
        pairs = [f'{key}="{_escaped(one)}"' for key, one in zip(metric.labels, values, strict=True)]
        if metric.kind == "histogram":
            yield from _histogram(metric.name, pairs, amount)
        else:
            yield f"{name}{_braced(pairs)} {_written(amount)}"


def _histogram(name: str, pairs: Sequence[str], histogram: Histogram) -> Iterator[str]:
    counts, bounds, total = histogram
    # Written as floats, whatever the bounds are: queries match them as texts.
    limits = [*(_written(float(bound)) for bound in bounds), "+Inf"]
    for limit, count in zip(limits, accumulate(counts), strict=True):
        bucket = _braced([*pairs, f'le="{limit}"'])
        yield f"{name}_bucket{bucket} {count}"
    yield f"{name}_sum{_braced(pairs)} {_written(total)}"
    yield f"{name}_count{_braced(pairs)} {sum(counts)}"


def _braced(pairs: Sequence[str]) -> str:
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _written(number: Number) -> str:
    return repr(number)
