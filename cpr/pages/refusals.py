"""What the app says about a request that no page answers, in the path's dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import quote

import flask
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from cpr.wire.failures import failure
from cpr.wire.routes import Routes

_TEXTS = {
    404: "There is nothing at this path.",
    413: "The request's body is too long.",
}
_OWN = ("content-type", "content-length", "allow")


def handler(routes: Routes) -> Callable[[HTTPException], flask.Response]:
    """The error handler of an app: JSON for whatever werkzeug refuses."""

    def refuse(error: HTTPException) -> flask.Response:
        methods = methods_among(getattr(error, "valid_methods", None) or (), routes)
        if isinstance(error, MethodNotAllowed) and not methods:
            error = NotFound()
        status = error.code or 500
        if status == 500:
            # Flask has logged what it was.
            return answer("tfserving", 500, "The server has a fault; its log says which.")
        dialect = routes.dialect_of(raw_path())
        response = answer(dialect, status, _text(error, status))
        for name, value in error.get_headers():
            if name.lower() not in _OWN:
                response.headers[name] = value
        if methods:
            response.headers["Allow"] = ", ".join(methods)
        return response

    return refuse


def raw_path() -> bytes:
    """The path as it stood in the request line: WSGI has decoded it, routes do so themselves."""
    return quote(flask.request.path, safe="/:").encode("ascii")


def answer(dialect: str, status: int, text: str) -> flask.Response:
    """A refusal as the dialect writes it."""
    sent, body = failure(dialect, status, text)
    return flask.Response(body, sent, content_type="application/json")


def methods_among(known: Iterable[str], routes: Routes) -> list[str]:
    """The methods that the path has: POST, which every path seems to take, only to predict."""
    methods = set(known) - {"OPTIONS"}
    if routes.predict_route(raw_path()) is None:
        methods.discard("POST")
    return sorted(methods)


def _text(error: HTTPException, status: int) -> str:
    if status == 405:
        return f"{flask.request.method} is not a method of this path."
    if error.description == type(error).description:
        return _TEXTS.get(status, error.description or error.name)
    return error.description or error.name
