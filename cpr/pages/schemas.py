"""JSON schemas of a model's requests and answers, from its description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Schema = dict[str, Any]

_BYTES: Schema = {
    "type": "object",
    "required": ["b64"],
    "properties": {"b64": {"type": "string", "contentEncoding": "base64"}},
    "additionalProperties": False,
}
_TYPES = {"boolean": "boolean", "integer": "integer", "number": "number", "string": "string"}
# Kinds whose numbers may be missing: null is NaN there.
_WITH_NULLS = ("scikit-learn", "xgboost")


def request_schema(description: Mapping[str, Any]) -> Schema:
    """The schema of a request's body, one alternative for each signature."""
    signatures: Mapping[str, Any] = description.get("signatures") or {"predict": {"form": "any"}}
    default = description.get("default_signature", "")
    bodies = [
        _body(description, signature, name, is_default=name == default, count=len(signatures))
        for name, signature in signatures.items()
    ]
    schema = bodies[0] if len(bodies) == 1 else {"anyOf": bodies}
    samples = description.get("samples")
    return {**schema, "examples": list(samples)} if samples else schema


def answer_schema(description: Mapping[str, Any]) -> Schema:
    """The schema of an answer."""
    outputs = [
        _prediction(signature.get("outputs", {}), bool(description.get("labels")))
        for signature in description.get("signatures", {}).values()
    ]
    different = [item for at, item in enumerate(outputs) if item not in outputs[:at]]
    if not different or {} in different:
        prediction: Schema = {}
    else:
        prediction = different[0] if len(different) == 1 else {"anyOf": different}
    return {
        "type": "object",
        "required": ["predictions"],
        "properties": {
            "predictions": {
                "description": "One prediction for each instance, in their order.",
                **({"type": "array", "items": prediction} if prediction else {}),
            }
        },
    }


def _body(
    description: Mapping[str, Any],
    signature: Mapping[str, Any],
    name: str,
    *,
    is_default: bool,
    count: int,
) -> Schema:
    properties: dict[str, Schema] = {
        "instances": {
            "type": "array",
            "description": "What to predict for.",
            "items": _instance(signature, description.get("kind", "")),
        }
    }
    required = ["instances"]
    if count > 1:
        properties["signature_name"] = {"const": name}
        required += [] if is_default else ["signature_name"]
    for parameter in description.get("parameters", ()):
        properties[parameter["name"]] = _parameter(parameter)
        required += [parameter["name"]] if parameter["required"] else []
    title = {"title": name} if count > 1 else {}
    return {**title, "type": "object", "required": required, "properties": properties}


def _instance(signature: Mapping[str, Any], kind: str) -> Schema:
    form = signature["form"]
    if form == "any":
        return {}
    inputs = {
        name: _value(item, name, may_be_null=kind in _WITH_NULLS)
        for name, item in signature["inputs"].items()
    }
    if form == "object":
        return {
            "type": "object",
            "required": list(inputs),
            "properties": inputs,
            "additionalProperties": False,
        }
    if form == "row":
        return {
            "type": "array",
            "prefixItems": [{"title": name, **item} for name, item in inputs.items()],
            "items": False,
            "minItems": len(inputs),
        }
    return next(iter(inputs.values()))


def _prediction(outputs: Mapping[str, Any], has_labels: bool) -> Schema:
    if not outputs or has_labels:
        return {}
    schemas = {name: _value(item, name) for name, item in outputs.items()}
    if len(schemas) == 1:
        return next(iter(schemas.values()))
    return {"type": "object", "required": list(schemas), "properties": schemas}


def _value(item: Mapping[str, Any], name: str, *, may_be_null: bool = False) -> Schema:
    """The schema of one instance's part of a tensor."""
    schema = _scalar(item["dtype"], name, may_be_null=may_be_null)
    if item.get("choices"):
        schema["examples"] = item["choices"]
    if item["shape"] is None:
        return {}
    return _nested(schema, item["shape"][1:])


def _nested(schema: Schema, sizes: Sequence[int | None]) -> Schema:
    for size in reversed(sizes):
        bounds = {} if size is None else {"minItems": size, "maxItems": size}
        schema = {"type": "array", "items": schema, **bounds}
    return schema


def _scalar(dtype: str, name: str, *, may_be_null: bool) -> Schema:
    if dtype == "string":
        return {**_BYTES} if name.endswith("_bytes") else {"anyOf": [{"type": "string"}, _BYTES]}
    if dtype == "bool":
        return {"type": "boolean"}
    kind = "integer" if "int" in dtype else "number"
    return {"type": [kind, "null"] if may_be_null else kind}


def _parameter(parameter: Mapping[str, Any]) -> Schema:
    kind = _TYPES.get(parameter["type"])
    default = {"default": parameter["default"]} if "default" in parameter else {}
    return {**({"type": kind} if kind else {}), **default}
