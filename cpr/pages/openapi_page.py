"""The page that holds the OpenAPI document."""

from __future__ import annotations

from typing import Any

import flask

from cpr.pages.backend import Backend
from cpr.pages.openapi import document


def blueprint(backend: Backend) -> flask.Blueprint:
    """``/openapi.json``, made anew for each request, since versions come and go."""
    pages = flask.Blueprint("openapi", __name__)

    @pages.get("/openapi.json")
    def openapi() -> dict[str, Any]:
        return document(backend.models(), server_url=flask.request.script_root or "/")

    return pages
