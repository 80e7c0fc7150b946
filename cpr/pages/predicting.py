"""The predict routes, for hosts that have no front."""

from __future__ import annotations

from typing import NoReturn

import flask
from werkzeug.exceptions import MethodNotAllowed, RequestEntityTooLarge

from cpr.pages.backend import Backend
from cpr.pages.refusals import methods_among, raw_path
from cpr.wire.routes import Routes


def blueprint(backend: Backend, routes: Routes) -> flask.Blueprint:
    """POST to any path: a prediction where `routes` says so. OPTIONS says where it does."""
    pages = flask.Blueprint("predicting", __name__)

    @pages.before_app_request
    def options() -> flask.Response | None:
        if flask.request.method != "OPTIONS":
            return None
        methods = methods_among(_methods_at(flask.request.path), routes)
        if not methods:
            flask.abort(404)
        return flask.Response(headers={"Allow": ", ".join([*methods, "OPTIONS"])})

    @pages.post("/", defaults={"path": ""})
    @pages.post("/<path:path>")
    def predict(path: str) -> flask.Response:
        request = flask.request
        route = routes.predict_route(raw_path())
        if route is None:
            _refuse(path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = backend.predict(route, _body(), headers)
        response = flask.Response(reply.body, reply.status, content_type=reply.content_type)
        response.headers.update(reply.headers)
        return response

    return pages


def _body() -> bytes:
    """The whole body. One that comes in chunks is read as far as is allowed, and may go on."""
    request = flask.request
    body = request.get_data(cache=False)
    may_go_on = request.content_length is None and len(body) == request.max_content_length
    if may_go_on and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge
    return body


def _refuse(path: str) -> NoReturn:
    """404, or 405 where a page stands at the path."""
    methods = _methods_at(f"/{path}") - {"POST"}
    if "GET" in methods:
        raise MethodNotAllowed(sorted(methods))
    flask.abort(404)


def _methods_at(path: str) -> set[str]:
    return set(flask.current_app.url_map.bind("").allowed_methods(path))
