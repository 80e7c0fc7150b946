"""The Flask app: predict routes, resources, health, metrics, OpenAPI, the playground."""

from __future__ import annotations

import os
import re

import flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from cpr.errors import ConfigError, shorten
from cpr.pages import health, openapi_page, playground, predicting, refusals, resources, statuses
from cpr.pages.backend import Backend
from cpr.wire.routes import Routes

_PATH = re.compile(r"/[\w.~:%/-]*", re.ASCII)


def build_app(
    backend: Backend,
    *,
    routes: Routes | None = None,
    aip_health_route: str | None = None,
    body_bytes: int = 8_000_000,
) -> flask.Flask:
    """The app that answers for a backend.

    It is complete by itself under any WSGI server, with threads or without,
    and at any prefix (``SCRIPT_NAME``).

    Args:
        backend: Whatever predicts.
        routes: The predict routes; by default the usual ones, and Vertex AI's
            as the environment gives it.
        aip_health_route: Where Vertex AI asks for health; by default from the
            environment, "" for nowhere.
        body_bytes: Longer bodies are refused with status 413; 0 for no bound.

    Raises:
        ConfigError: The health route is not a path.
    """
    if aip_health_route is None:
        aip_health_route = os.environ.get("AIP_HEALTH_ROUTE", "")
    if aip_health_route and not _PATH.fullmatch(aip_health_route):
        raise ConfigError(
            f"the health route is {shorten(aip_health_route)}; expected a path such as /health.",
            hint="Correct AIP_HEALTH_ROUTE.",
        )
    if routes is None:
        routes = Routes(
            aip_predict_route=os.environ.get("AIP_PREDICT_ROUTE", ""),
            aip_health_route=aip_health_route,
        )
    app = flask.Flask("cpr.pages", static_folder="assets", static_url_path="/assets")
    app.config["MAX_CONTENT_LENGTH"] = body_bytes or None
    # Features keep their order: a form shows them in it.
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_env.policies["json.dumps_kwargs"] = {}
    app.url_map.converters["name"] = _Name
    # A path is what it says: it is neither completed nor tidied up by a redirect.
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    for pages in (
        health.blueprint(backend, aip_health_route),
        resources.blueprint(backend),
        statuses.blueprint(backend),
        openapi_page.blueprint(backend),
        playground.blueprint(backend),
        predicting.blueprint(backend, routes),
    ):
        app.register_blueprint(pages)
    app.register_error_handler(HTTPException, refusals.handler(routes))
    app.after_request(_protected)
    return app


class _Name(BaseConverter):
    """A model, version or label in a path; after a colon comes what to do with it."""

    regex = "[^/:]+"


def _protected(response: flask.Response) -> flask.Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response
