"""What platforms put into a container's environment, as settings.

AI Platform and Vertex AI name the routine and its model; Vertex AI also says
where a server listens, on which paths, and with how many processes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from cpr.errors import ConfigError, shorten

# "table.key" → (value, the variable that says so).
Layer = dict[str, tuple[Any, str]]

_PER_CORE = "VERTEX_CPR_WORKERS_PER_CORE"
_MOST = "VERTEX_CPR_MAX_WORKERS"


def routine_variables(environ: Mapping[str, str]) -> Layer:
    """Which routine and which model, as AI Platform and Vertex AI say it.

    Raises:
        ConfigError: The create_version_request is not what AI Platform sent.
    """
    values: Layer = {}
    if environ.get("AIP_STORAGE_URI"):
        values["project.model_dir"] = (environ["AIP_STORAGE_URI"], "AIP_STORAGE_URI")
    if environ.get("PREDICTOR_MODULE") and environ.get("PREDICTOR_CLASS"):
        name = f"{environ['PREDICTOR_MODULE']}.{environ['PREDICTOR_CLASS']}"
        values["project.prediction_class"] = (name, "PREDICTOR_MODULE and PREDICTOR_CLASS")
    named = _class_of_request(environ.get("create_version_request"))
    if named:
        values["project.prediction_class"] = (named, "create_version_request")
    return values


def server_variables(environ: Mapping[str, str]) -> Layer:
    """Where to listen, on which paths, and with how many processes.

    Raises:
        ConfigError: A number of workers cannot be read, or there is a handler
            of the user's own.
    """
    values: Layer = {}
    handler = environ.get("HANDLER_CLASS", "")
    if handler not in ("", "PredictionHandler"):
        raise ConfigError(
            f"the handler {shorten(handler)} of HANDLER_CLASS would not be called.",
            hint="Move what it does into preprocess and postprocess of the predictor, "
            "or unset HANDLER_MODULE and HANDLER_CLASS.",
        )
    if environ.get("PORT"):
        values["serve.port"] = (environ["PORT"], "PORT")
    if environ.get("AIP_HTTP_PORT"):
        values["serve.port"] = (environ["AIP_HTTP_PORT"], "AIP_HTTP_PORT")
        # Vertex AI's contract; the container's network is the platform's own.
        values["serve.host"] = ("0.0.0.0", "AIP_HTTP_PORT")  # noqa: S104
    for variable, key in [
        ("AIP_PREDICT_ROUTE", "serve.predict_route"),
        ("AIP_HEALTH_ROUTE", "serve.health_route"),
    ]:
        if environ.get(variable):
            values[key] = (environ[variable], variable)
    return values | _workers(environ)


def _class_of_request(request: str | None) -> Any:
    if not request:
        return None
    try:
        return json.loads(request)["version"].get("prediction_class")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            "the environment variable create_version_request is not the JSON of a "
            f"versions.create call: {shorten(request)}",
            hint='Expected {"version": {"prediction_class": "predictor.MyPredictor", …}}.',
        ) from error


def _workers(environ: Mapping[str, str]) -> Layer:
    """The number of processes, by the rules of Vertex AI's own server."""
    for variable in ("VERTEX_CPR_WEB_CONCURRENCY", "WEB_CONCURRENCY"):
        if variable == "WEB_CONCURRENCY" and (environ.get(_PER_CORE) or environ.get(_MOST)):
            break
        if environ.get(variable):
            return {"serve.workers": (environ[variable], variable)}
    else:
        return {}
    count = max(int(_number(environ, _PER_CORE, "1") * (os.cpu_count() or 1)), 2)
    most = int(_number(environ, _MOST, "0"))
    named = " and ".join(name for name in (_PER_CORE, _MOST) if environ.get(name))
    return {"serve.workers": (min(count, most) if most else count, named)}


def _number(environ: Mapping[str, str], variable: str, default: str) -> float:
    text = environ.get(variable) or default
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"{variable} is {shorten(text)}; expected a number.") from error
