"""The request's other keys: which of them predict takes."""

from __future__ import annotations

import inspect
from typing import Any

from cpr.contract import Contract
from cpr.routine import Routine

_TYPES = {"bool": "boolean", "int": "integer", "float": "number", "str": "string"}
_PLAIN = (bool, int, float, str)


def parameters_of(routine: Routine, kind: str) -> list[dict[str, Any]]:
    """The named parameters of predict, each with `name`, `type`, `required`, `default`.

    `type` is JSON's, "" where nothing tells. Left out are `stats`, which the
    framework passes; `signature_name`, which is chosen among signatures; and
    `probabilities` where a ready-made predictor has none to give.
    """
    if routine.contract is Contract.VERTEX:
        return []
    predictor = routine.predictor
    left_out = {"stats", "signature_name"}
    if kind != "custom" and not _has_probabilities(predictor):
        left_out.add("probabilities")
    function = inspect.unwrap(predictor.predict)
    return [
        _described(parameter)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in left_out
    ]


def _has_probabilities(predictor: Any) -> bool:
    estimator = getattr(predictor, "estimator", None)
    if estimator is not None:
        return hasattr(estimator, "predict_proba")
    return bool(getattr(predictor, "labels", None))


def _described(parameter: inspect.Parameter) -> dict[str, Any]:
    default = parameter.default
    is_required = default is parameter.empty
    found: dict[str, Any] = {
        "name": parameter.name,
        "type": _type(parameter.annotation, default),
        "required": is_required,
    }
    if isinstance(default, _PLAIN):
        found["default"] = default
    return found


def _type(annotation: Any, default: Any) -> str:
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    name = name.removesuffix("| None").strip()
    return _TYPES.get(name) or _TYPES.get(type(default).__name__, "")
