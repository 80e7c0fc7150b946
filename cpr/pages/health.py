"""Liveness, readiness and metrics."""

from __future__ import annotations

import flask

from cpr.observe.exposition import PROMETHEUS_TEXT
from cpr.pages.backend import Backend


def blueprint(backend: Backend, aip_health_route: str = "") -> flask.Blueprint:
    """``/healthz``, ``/readyz``, ``/metrics``, and what the platforms ask for.

    ``/healthz`` says that this process answers. ``/readyz``, and Vertex AI's
    health route, say that a predictor does.
    """
    pages = flask.Blueprint("health", __name__)

    # The first of several at one path is the one that answers.
    if aip_health_route:

        @pages.get(aip_health_route)
        def healthy() -> tuple[flask.Response, int]:
            return flask.jsonify({}), 200 if backend.readiness().is_ready else 503

    @pages.get("/healthz")
    def alive() -> flask.Response:
        return flask.jsonify(status="alive")

    @pages.get("/_ah/health")
    def alive_on_app_engine() -> flask.Response:
        return flask.Response(b"", 200)

    @pages.get("/readyz")
    def ready() -> tuple[flask.Response, int]:
        readiness = backend.readiness()
        shown = {"ready": readiness.is_ready}
        if "verbose" in flask.request.args:
            shown |= readiness.details
        return flask.jsonify(shown), 200 if readiness.is_ready else 503

    @pages.get("/metrics")
    def metrics() -> flask.Response:
        return flask.Response(backend.metrics(), content_type=PROMETHEUS_TEXT)

    return pages
