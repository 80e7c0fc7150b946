"""The metrics of the server: name, kind, labels and meaning of each.

The names follow the practice of Prometheus: base units, ``_total`` for counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True)
class Metric:
    """One family of metrics; a counter's samples end in ``_total``, its `name` does not."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()

    @property
    def shown_name(self) -> str:
        """The name as a query has it."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


_BY_VERSION = ("model", "version")
_BY_STATUS = ("model", "version", "route", "status")

METRICS = (
    Metric("cpr_requests", "counter", "Requests answered.", _BY_STATUS),
    Metric(
        "cpr_request_duration_seconds",
        "histogram",
        "Time from the first byte of a request to its whole answer.",
        _BY_STATUS,
    ),
    Metric(
        "cpr_request_stage_duration_seconds",
        "histogram",
        "Time in a stage: queue, decode, predict or encode; "
        "what calls of one batch share is split evenly.",
        (*_BY_VERSION, "stage"),
    ),
    Metric(
        "cpr_request_batch_size",
        "histogram",
        "Calls that shared the predict of a request, itself included.",
        _BY_VERSION,
    ),
    Metric("cpr_instances", "counter", "Instances of the requests answered.", _BY_VERSION),
    Metric(
        "cpr_requests_refused", "counter", "Requests turned away before any predict.", ("reason",)
    ),
    Metric("cpr_requests_retried", "counter", "Requests sent to a second worker: the first ended."),
    Metric("cpr_requests_abandoned", "counter", "Answers whose client had gone."),
    Metric("cpr_received_bytes", "counter", "Bytes of request bodies."),
    Metric("cpr_sent_bytes", "counter", "Bytes of response bodies."),
    Metric("cpr_connections_accepted", "counter", "Connections accepted."),
    Metric("cpr_connections_refused", "counter", "Connections closed at once: too many are open."),
    Metric("cpr_access_log_dropped_lines", "counter", "Lines lost: the disk was full or too slow."),
    Metric("cpr_connections", "gauge", "Connections open."),
    Metric("cpr_requests_in_flight", "gauge", "Requests read and not yet answered."),
    Metric("cpr_queue_depth", "gauge", "Requests that wait for a worker.", _BY_VERSION),
    Metric("cpr_workers", "gauge", "Worker processes there should be.", _BY_VERSION),
    Metric("cpr_workers_ready", "gauge", "Worker processes that answer.", _BY_VERSION),
    Metric("cpr_worker_restarts", "counter", "Workers started in place of others.", _BY_VERSION),
    Metric("cpr_worker_crashes", "counter", "Workers that ended by themselves.", _BY_VERSION),
    Metric("cpr_worker_hangs", "counter", "Workers ended for not answering.", _BY_VERSION),
    Metric(
        "cpr_model_default",
        "gauge",
        "1 for the version that answers when a request names none.",
        _BY_VERSION,
    ),
    Metric("cpr_reloads", "counter", "Attempts to load new versions.", ("result",)),
    Metric("cpr_last_reload_failed", "gauge", "1 while the last reload is one that failed."),
    Metric("cpr_last_reload_timestamp_seconds", "gauge", "When the last reload ended."),
    Metric("cpr_start_time_seconds", "gauge", "When the server started."),
    Metric("cpr_build_info", "gauge", "1, with versions in labels.", ("cpr", "python")),
    Metric("cpr_process_cpu_seconds", "counter", "Processor time of a process.", ("process",)),
    Metric("cpr_process_resident_memory_bytes", "gauge", "Memory of a process.", ("process",)),
    Metric("cpr_process_open_fds", "gauge", "Open descriptors of a process.", ("process",)),
    Metric("cpr_process_start_time_seconds", "gauge", "When a process started.", ("process",)),
)
