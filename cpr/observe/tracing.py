"""OpenTelemetry spans of requests, made from their timings when they are done.

Needs the extra ``otel``. A front process that does not trace holds None
instead of a `Tracer`, and pays nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from threading import Thread
from typing import Any

from cpr.errors import ConfigError, EnvironmentProblem, shorten
from cpr.extras import import_extra
from cpr.observe.answered import Answered
from cpr.observe.counters import STAGES

_LONGEST = 256
_OTLP = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}


class Tracer:
    """Makes a server span of each request, with a child for each stage it went through.

    Args:
        provider: A ``TracerProvider`` of OpenTelemetry's SDK, which `close` shuts down.
    """

    def __init__(self, provider: Any) -> None:
        trace = import_extra("opentelemetry.trace", "otel")
        self._provider = provider
        self._start: Callable[..., Any] = provider.get_tracer("cpr").start_span
        self._extract = import_extra("opentelemetry.propagate", "otel").extract
        self._within = trace.set_span_in_context
        self._server = trace.SpanKind.SERVER
        self._failed = trace.StatusCode.ERROR

    def add(self, answered: Answered, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Make the spans of one request.

        `headers` are those of the request, with lower-case names: the caller's
        trace is continued (``traceparent``, or what OTEL_PROPAGATORS names).
        """
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        verb = answered.method.decode("latin-1")
        route = answered.route
        start = answered.ended_ns - answered.total_ns
        span = self._start(
            f"{verb} {route}" if route else verb,
            context=self._extract(carrier),
            kind=self._server,
            start_time=start,
            attributes={
                "http.request.method": verb,
                "http.route": route,
                "cpr.model": answered.model,
            },
        )
        stages = answered.stages
        if span.is_recording():
            span.set_attributes(
                {
                    "url.path": _shown(answered.path),
                    "client.address": answered.client,
                    "http.response.status_code": answered.status,
                    "http.request.body.size": answered.bytes_in,
                    "http.response.body.size": answered.bytes_out,
                    "cpr.request_id": answered.request_id,
                    "cpr.version": answered.version,
                    "cpr.instances": stages.instances,
                    "cpr.batch_size": stages.batch_size,
                    "cpr.retried": answered.is_retried,
                }
            )
            if answered.status >= 500:
                self._mark_failed(span, answered.status)
            if stages.batch_size:
                self._add_stages(span, start, (answered.queue_ns, *stages[:3]))
        span.end(answered.ended_ns)

    def _mark_failed(self, span: Any, status: int) -> None:
        span.set_attribute("error.type", str(status))
        span.set_status(self._failed)

    def close(self, timeout_s: float = 2.0) -> bool:
        """Send what is pending; False if the collector took longer than `timeout_s`."""
        # The SDK's own timeouts add up to half a minute where the collector is away.
        ending = Thread(target=self._provider.shutdown, name="cpr-traces", daemon=True)
        ending.start()
        ending.join(timeout_s)
        return not ending.is_alive()

    def _add_stages(self, span: Any, start: int, stages: Iterable[int]) -> None:
        """One child after the other: how long each stage took is known, not when it began."""
        context = self._within(span)
        for name, duration in zip(STAGES, stages, strict=True):
            self._start(name, context=context, start_time=start).end(start + duration)
            start += duration


def start_tracing(product_version: str) -> Tracer | None:
    """A tracer as the standard ``OTEL_*`` variables say; None if they disable the SDK.

    Called in each front process. Spans are sent in the background, by default
    to the OTLP collector at localhost:4318; a collector that is away costs
    spans and nothing else.

    Raises:
        EnvironmentProblem: The extra ``otel`` is missing, or the exporter.
        ConfigError: A variable has a value that means nothing.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    sdk = import_extra("opentelemetry.sdk.trace", "otel")
    export = import_extra("opentelemetry.sdk.trace.export", "otel")
    # Ended by `close`; at exit, an absent collector would hold the process up.
    provider = sdk.TracerProvider(resource=_resource(product_version), shutdown_on_exit=False)
    for name in _exporter_names():
        try:
            exporter = _exporter_class(name)()
        except (ValueError, TypeError) as error:
            raise ConfigError(
                f"the OTEL_* variables do not fit the trace exporter {name!r}: {error}"
            ) from error
        provider.add_span_processor(export.BatchSpanProcessor(exporter))
    return Tracer(provider)


def _resource(product_version: str) -> Any:
    """What the spans say of the server; the standard variables come first."""
    create = import_extra("opentelemetry.sdk.resources", "otel").Resource.create
    found = create()
    name = str(found.attributes.get("service.name", ""))
    ours = {"cpr.server.version": product_version}
    return create({**ours, "service.name": "cpr"} if name.startswith("unknown_service") else ours)


def _exporter_names() -> list[str]:
    named = os.environ.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    names = [name.strip() for name in named.split(",")]
    return [_otlp_name() if name == "otlp" else name for name in names if name not in ("", "none")]


def _otlp_name() -> str:
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = os.environ.get(variable, "").strip()
        if protocol and protocol not in _OTLP:
            raise ConfigError(
                f"{variable} is {shorten(protocol)}, expected one of {', '.join(_OTLP)}"
            )
        if protocol:
            return _OTLP[protocol]
    return _OTLP["http/protobuf"]


def _exporter_class(name: str) -> Any:
    found = list(entry_points(group="opentelemetry_traces_exporter", name=name))
    if not found:
        known = sorted({one.name for one in entry_points(group="opentelemetry_traces_exporter")})
        raise EnvironmentProblem(
            f"no trace exporter {shorten(name)} is installed; there are: {', '.join(known)}",
            hint="OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_PROTOCOL name it; "
            "pip install opentelemetry-exporter-… brings others.",
        )
    module, _, attribute = found[0].value.partition(":")
    return getattr(import_extra(module, "otel"), attribute)


def _shown(path: bytes) -> str:
    return path.partition(b"?")[0][:_LONGEST].decode("utf-8", "backslashreplace")
