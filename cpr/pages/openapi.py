"""The OpenAPI 3.1 document of a server, from the descriptions of its models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version as installed_version
from typing import Any

from cpr.pages.backend import ServedModel
from cpr.pages.schemas import Schema, answer_schema, request_schema

_ERRORS = {
    400: "The request is at fault; the text says how.",
    401: "A token is needed.",
    403: "The token or the certificate is not let in.",
    404: "There is no such model, version or project.",
    408: "The request took too long to arrive.",
    413: "The body is too long.",
    415: "The only Content-Encoding that is undone is gzip.",
    500: "The predictor failed.",
    503: "The server is busy or not ready; try again.",
    504: "The predictor took too long.",
}
_TEXT = {"error": {"type": "string"}}
_GOOGLE = {
    "error": {
        "type": "object",
        "required": ["code", "message", "status"],
        "properties": {
            "code": {"type": "integer"},
            "message": {"type": "string"},
            "status": {"type": "string"},
        },
    }
}


def document(models: Sequence[ServedModel], *, server_url: str) -> dict[str, Any]:
    """The whole document.

    Args:
        models: What is served; schemas are those of the default versions.
        server_url: Where the paths begin.
    """
    schemas: dict[str, Schema] = {
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {"error": {"oneOf": [_TEXT["error"], _GOOGLE["error"]]}},
        }
    }
    paths: dict[str, Any] = {}
    for model in models:
        description = _description(model)
        schemas[f"{model.name}.Request"] = request_schema(description)
        schemas[f"{model.name}.Answer"] = answer_schema(description)
        paths |= _paths_of(model, description)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Predictions of {', '.join(model.name for model in models) or 'no model'}",
            "version": ", ".join(model.default_version for model in models) or "0",
            "description": f"Served by cpr {installed_version('cpr')}.",
        },
        "servers": [{"url": server_url}],
        "tags": [{"name": model.name, **_summary(model)} for model in models]
        + [{"name": "server", "description": "Health and metrics."}],
        "paths": {**paths, **_server_paths()},
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        # Whether a token is needed is the server's to say; one is never in the way.
        "security": [{}, {"token": []}],
    }


def _description(model: ServedModel) -> Mapping[str, Any]:
    default = model.version()
    return default.description if default is not None else {}


def _summary(model: ServedModel) -> dict[str, str]:
    summary = _description(model).get("summary", "")
    return {"description": summary} if summary else {}


def _paths_of(model: ServedModel, description: Mapping[str, Any]) -> dict[str, Any]:
    names = [version.name for version in model.versions]
    version = _parameter("version", {"type": "string", "enum": names})
    project = _parameter("project", {"type": "string", "example": "local"})
    flat, nested = f"/v1/models/{model.name}", f"/v1/projects/{{project}}/models/{model.name}"
    paths: dict[str, Any] = {}
    for prefix, parameters in ((flat, []), (nested, [project])):
        kind = "" if prefix is flat else "OnAiPlatform"
        paths |= {
            f"{prefix}:predict": {
                "post": _predict(model, description, f"predict{kind}", parameters)
            },
            f"{prefix}/versions/{{version}}:predict": {
                "post": _predict(
                    model, description, f"predictVersion{kind}", [*parameters, version]
                )
            },
            f"{prefix}:explain": {"post": _explain(model, f"explain{kind}", parameters)},
            f"{prefix}/versions/{{version}}:explain": {
                "post": _explain(model, f"explainVersion{kind}", [*parameters, version])
            },
            prefix: {"get": _get(model, f"getModel{kind}", "The model's state.", parameters)},
            f"{prefix}/versions/{{version}}": {
                "get": _get(
                    model, f"getVersion{kind}", "The version's state.", [*parameters, version]
                )
            },
        }
    return paths


def _predict(
    model: ServedModel,
    description: Mapping[str, Any],
    operation: str,
    parameters: list[dict[str, Any]],
) -> dict[str, Any]:
    samples = list(description.get("samples", ()))
    examples = {f"sample{number}": {"value": body} for number, body in enumerate(samples, 1)}
    request = {"schema": _reference(f"{model.name}.Request"), "examples": examples}
    answers = {str(status): _refusal(text) for status, text in _ERRORS.items()}
    return {
        "operationId": f"{model.name}.{operation}",
        "tags": [model.name],
        "summary": "Predict",
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": request}},
        "responses": {
            "200": {
                "description": "The predictions.",
                "content": {"application/json": {"schema": _reference(f"{model.name}.Answer")}},
            },
            **answers,
        },
    }


def _explain(
    model: ServedModel, operation: str, parameters: list[dict[str, Any]]
) -> dict[str, Any]:
    request = {"schema": _reference(f"{model.name}.Request")}
    answers = {str(status): _refusal(text) for status, text in _ERRORS.items()}
    return {
        "operationId": f"{model.name}.{operation}",
        "tags": [model.name],
        "summary": "Explain",
        "description": "How much each feature of an instance adds to its prediction. The key "
        "`explain` beside the instances holds options.",
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": request}},
        "responses": {"200": _json("The attributions of each instance."), **answers},
    }


def _get(
    model: ServedModel, operation: str, text: str, parameters: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "operationId": f"{model.name}.{operation}",
        "tags": [model.name],
        "summary": text.rstrip("."),
        "parameters": parameters,
        "responses": {"200": _json(text), "404": _refusal("It is not served here.")},
    }


def _server_paths() -> dict[str, Any]:
    def get(operation: str, responses: dict[str, Any]) -> dict[str, Any]:
        return {"get": {"operationId": operation, "tags": ["server"], "responses": responses}}

    text = {"text/plain": {"schema": {"type": "string"}}}
    ready = {"200": _json("A predictor answers."), "503": _json("None does, yet or any more.")}
    return {
        "/v1/models": get("listModels", {"200": _json("The names of the models.")}),
        "/healthz": get("isAlive", {"200": _json("The server answers.")}),
        "/readyz": get("isReady", ready),
        "/metrics": get("metrics", {"200": {"description": "For Prometheus.", "content": text}}),
    }


def _parameter(name: str, schema: Schema) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": {"type": "object"}}}}


def _refusal(text: str) -> dict[str, Any]:
    content = {"application/json": {"schema": _reference("Error")}}
    return {"description": text, "content": content}
