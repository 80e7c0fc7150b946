"""What a front notes of every exchange that is over: counts, and a line of the access log."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns, time_ns

from cpr.observe.access_log import AccessLog
from cpr.observe.answered import NO_STAGES, Answered, Stages
from cpr.observe.counters import Counters, Series
from cpr.observe.tracing import Tracer
from cpr.server.front_exchange import Exchange
from cpr.server.front_table import Table

_MANY = 64
_Over = tuple[Exchange, int, int, int, Stages]


class Notes:
    """Counts, logs and traces exchanges; many at once, after their answers were written.

    Args:
        counters: Of this front.
        table: Which knows the model's name.
        access_log: None for none.
        tracer: None for none.
        call_soon: Has the event loop call a function once it has written the answers.
    """

    def __init__(
        self,
        counters: Counters,
        table: Table,
        access_log: AccessLog | None,
        tracer: Tracer | None,
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._counters = counters
        self._table = table
        self._access_log = access_log
        self._tracer = tracer
        self._call_soon = call_soon
        self._over: list[_Over] = []
        # By version, route and status: what is asked for again and again.
        self._series: dict[tuple[str, str, int], tuple[Series, str]] = {}

    def note(self, exchange: Exchange, status: int, sent: int, stages: Stages = NO_STAGES) -> None:
        """Note an exchange that is over; `settle` does the rest."""
        over = self._over
        over.append((exchange, monotonic_ns(), status, sent, stages))
        exchange.body, exchange.held = b"", None
        if len(over) == _MANY:
            self._call_soon(self.settle)

    def settle(self) -> None:
        """Count, log and trace what was noted; before counts are read, and ten times a second."""
        over, self._over = self._over, []
        if not over:
            return
        answered = self._counted(over, time_ns() - monotonic_ns())
        if self._access_log is not None:
            self._access_log.add(answered)
        if self._tracer is not None:
            for (exchange, *_), one in zip(over, answered, strict=True):
                self._tracer.add(one, exchange.fields.items())

    def _counted(self, over: list[_Over], wall_ns: int) -> list[Answered]:
        answered = []
        received_bytes = sent_bytes = 0
        for exchange, ended_ns, status, sent, stages in over:
            route = exchange.route.counted_as if exchange.route is not None else "page"
            version, received = exchange.version, exchange.received
            series, model = self._series_of(version, route, status)
            total_ns = ended_ns - exchange.started_ns
            queue_ns = 0
            if stages is not NO_STAGES:
                queue_ns = max(total_ns - stages[0] - stages[1] - stages[2], 0)
            series.record(total_ns, queue_ns, stages)
            received_bytes += received
            sent_bytes += sent
            told = (
                wall_ns + ended_ns, exchange.request_id, exchange.peer, exchange.method,
                exchange.path, model, version, route, status, received, sent, total_ns,
                queue_ns, stages, exchange.attempts > 0,
            )  # fmt: skip
            answered.append(Answered._make(told))
        self._counters.count("received_bytes", received_bytes)
        self._counters.count("sent_bytes", sent_bytes)
        return answered

    def _series_of(self, version: str, route: str, status: int) -> tuple[Series, str]:
        key = (version, route, status)
        found = self._series.get(key)
        if found is None:
            model = self._table.model_name if version else ""
            series = self._counters.series(model, version, route, status)
            found = self._series[key] = (series, model)
        return found


def server_timing(exchange: Exchange, stages: Stages) -> bytes:
    """Where the time went, in milliseconds, for whoever asked."""
    total = monotonic_ns() - exchange.started_ns
    decode, predict, encode, _, _ = stages
    spent = {
        "queue": max(total - decode - predict - encode, 0),
        "decode": decode,
        "predict": predict,
        "encode": encode,
        "total": total,
    }
    parts = ", ".join(f"{name};dur={ns / 1e6:.3f}" for name, ns in spent.items())
    return b"server-timing: %b\r\n" % parts.encode()
