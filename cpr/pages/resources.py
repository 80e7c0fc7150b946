"""AI Platform's resources: models and versions, one by one and listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import flask

from cpr.pages.backend import Backend, ServedModel, ServedVersion

_STATES = {
    "loading": "CREATING",
    "ready": "READY",
    "draining": "DELETING",
    "failed": "FAILED",
    "gone": "DELETING",
}
_FRAMEWORKS = {
    "tensorflow": "TENSORFLOW",
    "keras": "TENSORFLOW",
    "scikit-learn": "SCIKIT_LEARN",
    "xgboost": "XGBOOST",
}
_MODELS = "/v1/projects/<project>/models"


def blueprint(backend: Backend) -> flask.Blueprint:
    """GET of models and versions under ``/v1/projects/P/models``; the project is any."""
    pages = flask.Blueprint("resources", __name__)

    @pages.get(_MODELS)
    def models(project: str) -> dict[str, Any]:
        found = [_model(project, item) for item in backend.models()]
        return _page_of(found, "models")

    @pages.get(f"{_MODELS}/<name:model>")
    def model(project: str, model: str) -> dict[str, Any]:
        return _model(project, find_model(backend, model))

    @pages.get(f"{_MODELS}/<name:model>/versions")
    def versions(project: str, model: str) -> dict[str, Any]:
        served = find_model(backend, model)
        return _page_of([_version(project, served, item) for item in served.versions], "versions")

    @pages.get(f"{_MODELS}/<name:model>/versions/<name:version>")
    def version(project: str, model: str, version: str) -> dict[str, Any]:
        served = find_model(backend, model)
        return _version(project, served, find_version(served, version))

    return pages


def find_model(backend: Backend, name: str) -> ServedModel:
    """The model of that name; aborts with 404 where there is none."""
    found = next((model for model in backend.models() if model.name == name), None)
    if found is None:
        flask.abort(404, f"There is no model {name!r} here.")
    return found


def find_version(model: ServedModel, name: str) -> ServedVersion:
    """The version of that name; aborts with 404 where there is none."""
    found = model.version(name)
    if found is None:
        flask.abort(404, f"Model {model.name!r} has no version {name!r}.")
    return found


def _model(project: str, model: ServedModel) -> dict[str, Any]:
    found: dict[str, Any] = {"name": f"projects/{project}/models/{model.name}"}
    default = model.version()
    if default is not None:
        found["defaultVersion"] = _version(project, model, default)
        found |= _described(default)
    return found


def _version(project: str, model: ServedModel, version: ServedVersion) -> dict[str, Any]:
    kind = version.description.get("kind", "")
    found: dict[str, Any] = {
        "name": f"projects/{project}/models/{model.name}/versions/{version.name}",
        "state": _STATES[version.state],
        **_described(version),
    }
    if version.name == model.default_version:
        found["isDefault"] = True
    if version.error:
        found["errorMessage"] = version.error
    if version.created_s:
        created = datetime.fromtimestamp(version.created_s, timezone.utc)
        found["createTime"] = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind in _FRAMEWORKS:
        found["framework"] = _FRAMEWORKS[kind]
    elif kind in ("custom", "vertex"):
        found["predictionClass"] = version.description["name"]
    route = f"/v1/models/{model.name}/versions/{version.name}"
    found["routes"] = {"predict": f"{route}:predict", "health": route}
    return found


def _described(version: ServedVersion) -> dict[str, str]:
    summary = version.description.get("summary", "")
    return {"description": summary} if summary else {}


def _page_of(found: Sequence[dict[str, Any]], key: str) -> dict[str, Any]:
    """One page of a list, as ``pageSize`` and ``pageToken`` ask for."""
    size, start = _number("pageSize") or len(found), _number("pageToken")
    page: dict[str, Any] = {key: list(found[start : start + size])}
    if start + size < len(found):
        page["nextPageToken"] = str(start + size)
    return page


def _number(name: str) -> int:
    text = flask.request.args.get(name, "") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        flask.abort(400, f"{name} is not a number of this list.")
    return int(text)
