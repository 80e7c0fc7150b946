"""The request's other keys: which of them predict takes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cpr.contract import Contract
from cpr.routine import Routine

_TYPES = {"bool": "boolean", "int": "integer", "float": "number", "str": "string"}
_PLAIN = (bool, int, float, str)
# A whole number of a sample says little: another request may hold a fraction.
_TYPES_OF_VALUES = {bool: "boolean", int: "number", float: "number", str: "string"}


def parameters_of(
    routine: Routine, kind: str, samples: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """The named parameters of predict, each with `name`, `type`, `required`, `default`.

    `type` is JSON's, "" where nothing tells. A predict that takes any keyword,
    as AI Platform's guide has it, has those that the samples hold. Left out are `stats`, which the
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
    parameters = inspect.signature(function).parameters.values()
    named = [item for item in parameters if item.kind is item.KEYWORD_ONLY]
    found = [_described(item) for item in named if item.name not in left_out]
    if kind == "custom" and any(item.kind is item.VAR_KEYWORD for item in parameters):
        known = left_out.union(("instances",), (item.name for item in named))
        found += _of_samples(samples, known)
    return found


def _of_samples(samples: Sequence[Mapping[str, Any]], known: set[str]) -> Iterator[dict[str, Any]]:
    types: dict[str, set[str]] = {}
    for sample in samples:
        for name in sample.keys() - known:
            types.setdefault(name, set()).add(_TYPES_OF_VALUES.get(type(sample[name]), ""))
    for name in sorted(types):
        kind = types[name].pop() if len(types[name]) == 1 else ""
        yield {"name": name, "type": kind, "required": False}


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
