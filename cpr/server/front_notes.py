"""What a front notes of every exchange that is over: counts, and a line of the access log."""

from __future__ import annotations

from time import monotonic_ns

from cpr.observe.access_log import AccessLog
from cpr.observe.counters import Counters, Series
from cpr.observe.tracing import Tracer
from cpr.server.front_exchange import Exchange
from cpr.server.front_link import Outcome
from cpr.server.front_table import Table

_NO_OUTCOME = Outcome(0, b"")


class Notes:
    """Counts, logs and traces exchanges.

    Args:
        counters: Of this front.
        table: Which knows the model's name.
        access_log: None for none.
        tracer: None for none.
    """

    def __init__(
        self,
        counters: Counters,
        table: Table,
        access_log: AccessLog | None,
        tracer: Tracer | None,
    ) -> None:
        self._counters = counters
        self._table = table
        self._access_log = access_log
        self._tracer = tracer
        # By version, route and status: what is asked for again and again.
        self._series: dict[tuple[str, str, int], Series] = {}

    def note(
        self, exchange: Exchange, status: int, sent: int, outcome: Outcome | None = None
    ) -> None:
        """Count and log an exchange that is over."""
        total_ns = monotonic_ns() - exchange.started_ns
        route = exchange.route.counted_as if exchange.route is not None else "page"
        if outcome is None:
            decode = predict = encode = instances = batch_size = queue_ns = 0
        else:
            _, _, _, decode, predict, encode, instances, batch_size = outcome
            queue_ns = max(total_ns - decode - predict - encode, 0)
        key = (exchange.version, route, status)
        model = self._table.model_name if exchange.version else ""
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._counters.series(
                model, exchange.version, route, status
            )
        series.record(total_ns, queue_ns, decode, predict, encode, instances, batch_size)
        counters = self._counters
        counters.count("received_bytes", exchange.received)
        counters.count("sent_bytes", sent)
        if self._access_log is not None:
            # Written out: a dictionary of all this would cost as much as the line.
            self._access_log.add(
                request_id=exchange.request_id,
                client=exchange.peer,
                method=exchange.method,
                path=exchange.path,
                model=model,
                version=exchange.version,
                route=route,
                status=status,
                bytes_in=exchange.received,
                bytes_out=sent,
                total_ns=total_ns,
                queue_ns=queue_ns,
                decode_ns=decode,
                predict_ns=predict,
                encode_ns=encode,
                instances=instances,
                batch_size=batch_size,
                is_retried=exchange.attempts > 0,
            )
        if self._tracer is not None:
            self._trace(self._tracer, exchange, status, sent, total_ns, outcome)

    def _trace(
        self,
        tracer: Tracer,
        exchange: Exchange,
        status: int,
        sent: int,
        total_ns: int,
        outcome: Outcome | None,
    ) -> None:
        told = outcome or _NO_OUTCOME
        spent = told.decode_ns + told.predict_ns + told.encode_ns
        tracer.add(
            headers=exchange.fields.items(),
            request_id=exchange.request_id,
            client=exchange.peer,
            method=exchange.method,
            path=exchange.path,
            model=self._table.model_name if exchange.version else "",
            version=exchange.version,
            route=exchange.route.counted_as if exchange.route is not None else "page",
            status=status,
            bytes_in=exchange.received,
            bytes_out=sent,
            total_ns=total_ns,
            queue_ns=max(total_ns - spent, 0) if outcome is not None else 0,
            decode_ns=told.decode_ns,
            predict_ns=told.predict_ns,
            encode_ns=told.encode_ns,
            instances=told.instances,
            batch_size=told.batch_size,
            is_retried=exchange.attempts > 0,
        )


def server_timing(exchange: Exchange, outcome: Outcome) -> bytes:
    """Where the time went, in milliseconds, for whoever asked."""
    total = monotonic_ns() - exchange.started_ns
    spent = outcome.decode_ns + outcome.predict_ns + outcome.encode_ns
    stages = {
        "queue": max(total - spent, 0),
        "decode": outcome.decode_ns,
        "predict": outcome.predict_ns,
        "encode": outcome.encode_ns,
        "total": total,
    }
    parts = ", ".join(f"{name};dur={ns / 1e6:.3f}" for name, ns in stages.items())
    return b"server-timing: %b\r\n" % parts.encode()
