"""What TensorFlow Serving and KServe say about a model, under ``/v1/models``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flask

from cpr.pages.backend import Backend, ServedModel, ServedVersion
from cpr.pages.resources import find_model, find_version
from cpr.wire.routes import version_name

_STATES = {
    "loading": "LOADING",
    "ready": "AVAILABLE",
    "draining": "UNLOADING",
    "failed": "END",
    "gone": "END",
}
_DTYPES = {
    "float32": "DT_FLOAT",
    "float64": "DT_DOUBLE",
    "float16": "DT_HALF",
    "bfloat16": "DT_BFLOAT16",
    "bool": "DT_BOOL",
    "string": "DT_STRING",
    **{f"{sign}int{bits}": f"DT_{sign.upper()}INT{bits}"
       for sign in ("", "u") for bits in (8, 16, 32, 64)},
}  # fmt: skip
_WITH_SIGNATURES = ("tensorflow", "keras", "litert")


def blueprint(backend: Backend) -> flask.Blueprint:
    """A SavedModel's status and metadata; of other models, KServe's readiness."""
    pages = flask.Blueprint("statuses", __name__)

    @pages.get("/v1/models")
    def models() -> dict[str, Any]:
        return {"models": [model.name for model in backend.models()]}

    @pages.get("/v1/models/<name:model>")
    @pages.get("/v1/models/<name:model>/versions/<name:version>")
    @pages.get("/v1/models/<name:model>/labels/<name:label>")
    def status(model: str, version: str = "", label: str = "") -> Any:
        served = find_model(backend, model)
        wanted = version or served.labels.get(label, "")
        return _status(served, version_name(wanted))

    @pages.get("/v1/models/<name:model>/metadata")
    @pages.get("/v1/models/<name:model>/versions/<name:version>/metadata")
    @pages.get("/v1/models/<name:model>/labels/<name:label>/metadata")
    def metadata(model: str, version: str = "", label: str = "") -> Any:
        served = find_model(backend, model)
        if label and label not in served.labels:
            flask.abort(400, f"Unrecognized servable version label: {label}")
        found = find_version(served, version_name(version or served.labels.get(label, "")))
        return _metadata(served, found)

    return pages


def _status(model: ServedModel, wanted: str) -> Any:
    default = model.version()
    if default is None or default.description.get("kind") == "tensorflow":
        versions = [find_version(model, wanted)] if wanted else _newest_first(model.versions)
        return {"model_version_status": [_version_status(version) for version in versions]}
    found = find_version(model, wanted)
    is_ready = found.state == "ready"
    return {"name": model.name, "ready": is_ready}, 200 if is_ready else 503


def _newest_first(versions: Sequence[ServedVersion]) -> list[ServedVersion]:
    def order(version: ServedVersion) -> tuple[int, str]:
        return (int(version.name) if version.name.isdecimal() else -1, version.name)

    return sorted(versions, key=order, reverse=True)


def _version_status(version: ServedVersion) -> dict[str, Any]:
    has_failed = version.state == "failed"
    return {
        "version": version.name,
        "state": _STATES[version.state],
        "status": {
            "error_code": "UNKNOWN" if has_failed else "OK",
            "error_message": version.error if has_failed else "",
        },
    }


def _metadata(model: ServedModel, version: ServedVersion) -> dict[str, Any]:
    description = version.description
    if description.get("kind") not in _WITH_SIGNATURES:
        flask.abort(404, f"Model {model.name!r} has no TensorFlow signatures; see /openapi.json.")
    signatures = {name: _definition(item) for name, item in description["signatures"].items()}
    return {
        "model_spec": {"name": model.name, "signature_name": "", "version": version.name},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _definition(signature: Mapping[str, Any]) -> dict[str, Any]:
    sides = {
        side: {alias: _tensor(item) for alias, item in signature[side].items()}
        for side in ("inputs", "outputs")
    }
    return {**sides, "method_name": signature.get("method", ""), "defaults": {}}


def _tensor(item: Mapping[str, Any]) -> dict[str, Any]:
    shape = item["shape"]
    sizes = [{"size": str(-1 if size is None else size), "name": ""} for size in shape or ()]
    return {
        "dtype": _DTYPES.get(item["dtype"], "DT_INVALID"),
        "tensor_shape": {"dim": sizes, "unknown_rank": shape is None},
        "name": item.get("tensor", ""),
    }
