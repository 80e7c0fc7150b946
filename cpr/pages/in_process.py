"""An app that predicts in its own process, for hosts that speak WSGI."""

from __future__ import annotations

import atexit
import os
import platform
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import flask

from cpr.config import load_settings
from cpr.describing import describe
from cpr.explaining.lazy import LazyExplainer
from cpr.messages import Call, Reply
from cpr.observe.answered import Stages
from cpr.observe.counters import Counters
from cpr.observe.exposition import exposition
from cpr.observe.gauges import Gauges, VersionFigures
from cpr.observe.processes import process_figures
from cpr.observe.request_ids import accepted, request_names
from cpr.pages.app import build_app
from cpr.pages.backend import PageReply, Readiness, ServedModel, ServedVersion
from cpr.routine import Routine
from cpr.serving import open_routine
from cpr.settings_tables import LimitsSettings
from cpr.wire.failures import failure
from cpr.wire.routes import Route


def create_app(
    target: str | None = None,
    model_dir: str | None = None,
    *,
    model_name: str = "",
    version: str = "1",
    samples: Sequence[bytes] = (),
    prediction_class: str | None = None,
    packages: Sequence[str] = (),
    framework: str | None = None,
    shims: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    require_signature: str | Path | None = None,
) -> flask.Flask:
    """A WSGI app that serves one predictor: every route of `cpr serve`, and its pages.

    Requests are predicted in the calling process, one at a time: what guards
    `cpr serve` against user code that crashes or hangs is not there. Set it
    up behind a WSGI server, with as many processes as there are to be copies
    of the model. ``app.extensions["cpr"].close()`` closes the predictor; at
    the end of the process that is done by itself.

    Args:
        target: As `cpr.open_routine` takes it, with all further arguments.
        model_dir: A local directory or a URL; else the project's own.
        model_name: In paths; by default that of the settings, else ``default``.
        version: In paths.
        samples: Request bodies to begin with on the playground.
        prediction_class: The class by its dotted name.
        packages: Further packages, as AI Platform's packageUris.
        framework: Which kind of artifact to serve, where there are several.
        shims: Names from `cpr.shims.SHIMS` to switch on first.
        flags: Settings that win over all others.
        require_signature: The public key that package files must be signed by.

    Raises:
        CprError: What is wrong, before any request is answered.
    """
    settings = load_settings(flags=flags)
    routine = open_routine(
        target,
        model_dir,
        prediction_class=prediction_class,
        packages=packages,
        framework=framework,
        shims=shims,
        flags=flags,
        require_signature=require_signature,
    )
    name = model_name or settings.serve.model_name or "default"
    with ExitStack() as opened:
        opened.callback(routine.close)
        backend = InProcessBackend(routine, name, version, samples=samples, limits=settings.limits)
        opened.callback(backend.close)
        app = build_app(backend, body_bytes=settings.limits.body_bytes)
        opened.pop_all()
    app.extensions["cpr"] = backend
    return app


class InProcessBackend:
    """Answers with a routine of this process, which it owns.

    Args:
        routine: It is open.
        model_name: Of its one model.
        version: Of its one version.
        samples: Request bodies known to be good.
        limits: Of which an explanation keeps the time.
    """

    def __init__(
        self,
        routine: Routine,
        model_name: str = "default",
        version: str = "1",
        *,
        samples: Sequence[bytes] = (),
        limits: LimitsSettings | None = None,
    ) -> None:
        self._routine = routine
        self._explainer = LazyExplainer(routine)
        self._started_s = time.time()
        self._timeout_ns = round((limits or LimitsSettings()).request_timeout_s * 1e9)
        served = ServedVersion(
            version, "ready", describe(routine, samples), created_s=self._started_s
        )
        self._model = ServedModel(model_name, version, [served])
        self._counters = Counters()
        self._lock = threading.Lock()
        self._name_of_request = request_names()
        self._is_closed = False
        atexit.register(self.close)

    def models(self) -> Sequence[ServedModel]:
        """The one model."""
        return [self._model]

    def predict(self, route: Route, body: bytes, headers: Mapping[str, str]) -> PageReply:
        """Answer one prediction; waits for those before it."""
        name = headers.get("x-request-id", "").encode("utf-8", "replace")
        request_id = accepted(name) or self._name_of_request()
        unknown = self._unknown(route)
        if unknown:
            status, refusal = failure(route.dialect, 404, unknown)
            return PageReply(status, refusal, headers={"x-request-id": request_id})
        call = Call(
            body,
            route.dialect,
            request_id,
            headers.get("content-encoding", ""),
            headers.get("content-type", ""),
        )
        start = time.perf_counter_ns()
        if route.verb == "explain":
            reply = self._explainer.answer(call, deadline_ns=time.monotonic_ns() + self._timeout_ns)
        else:
            reply = self._routine.answer([call])[0]
        total_ns = time.perf_counter_ns() - start
        self._count(route, reply, total_ns)
        stages = _server_timing(reply, total_ns)
        sent = {"x-request-id": request_id, "server-timing": stages}
        return PageReply(reply.status, reply.body, reply.content_type, sent)

    def readiness(self) -> Readiness:
        """Ready from the start: the predictor was loaded and warmed up before."""
        is_ready = not self._is_closed
        state = "ready" if is_ready else "gone"
        versions = {self._model.default_version: state}
        return Readiness(is_ready, {"models": {self._model.name: {"versions": versions}}})

    def metrics(self) -> bytes:
        """The counters of this process."""
        figures = process_figures("app", os.getpid())
        ready = int(not self._is_closed)
        version = VersionFigures(
            self._model.name, self._model.default_version, is_default=True, workers=1, ready=ready
        )
        gauges = Gauges(
            product_version=installed_version("cpr"),
            python_version=platform.python_version(),
            started_s=self._started_s,
            processes=[figures] if figures else [],
            versions=[version],
        )
        with self._lock:
            return exposition(self._counters.snapshot(), gauges)

    def close(self) -> None:
        """Close the predictor; safe to call twice."""
        self._is_closed = True
        atexit.unregister(self.close)
        self._routine.close()

    def _unknown(self, route: Route) -> str:
        """Why the model or version that a route names is not here; "" where it is."""
        if route.model not in ("", self._model.name):
            return f"There is no model {route.model!r} here; there is {self._model.name!r}."
        if route.label or route.version not in ("", self._model.default_version):
            asked = f"label {route.label!r}" if route.label else f"version {route.version!r}"
            known = self._model.default_version
            return f"Model {self._model.name!r} has no {asked}; it has version {known!r}."
        return ""

    def _count(self, route: Route, reply: Reply, total_ns: int) -> None:
        timing = reply.timing
        queue_ns = max(0, total_ns - timing.total_ns)
        with self._lock:
            version = self._model.default_version
            series = self._counters.series(
                self._model.name, version, route.counted_as, reply.status
            )
            stages = Stages(*timing, reply.instance_count, reply.batch_size)
            series.record(total_ns, queue_ns, stages)


def _server_timing(reply: Reply, total_ns: int) -> str:
    timing = reply.timing
    stages = {
        "queue": max(0, total_ns - timing.total_ns),
        "decode": timing.decode_ns,
        "predict": timing.predict_ns,
        "encode": timing.encode_ns,
    }
    return ", ".join(f"{name};dur={spent / 1e6:.3f}" for name, spent in stages.items())
