"""The playground: a page that fills in a request, sends it and shows the predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask

import cpr.reports
from cpr.pages.backend import Backend, ServedModel

# Reports are sent about as single files, so what both pages share lies with them.
_SHARED = Path(cpr.reports.__file__).parent / "assets"
_POLICY = "; ".join(
    [
        "default-src 'self'",
        # A picture that a model returned is shown from its bytes.
        "img-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)


def blueprint(backend: Backend) -> flask.Blueprint:
    """GET of ``/``, and of the style that reports have too; the rest is static files of the app."""
    pages = flask.Blueprint("playground", __name__)

    @pages.get("/")
    def playground() -> flask.Response:
        models = backend.models()
        served = {"root": flask.request.script_root, "models": [_model(item) for item in models]}
        response = flask.make_response(
            flask.render_template("playground.html", served=served, models=models)
        )
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    @pages.get("/assets/base.css")
    def base_style() -> flask.Response:
        return flask.send_from_directory(_SHARED, "base.css")

    return pages


def _model(model: ServedModel) -> dict[str, Any]:
    versions = [
        {"name": item.name, "state": item.state, "description": dict(item.description)}
        for item in model.versions
        if item.state in ("ready", "loading", "failed")
    ]
    return {"name": model.name, "default": model.default_version, "versions": versions}
