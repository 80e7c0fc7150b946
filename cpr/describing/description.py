"""Describes a routine: its kind, signatures, parameters, labels and sample requests."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from cpr.contract import Contract
from cpr.describing.estimators import estimator_signature, labels_of, table_signature
from cpr.describing.parameters import parameters_of
from cpr.describing.samples import given_samples, invented_sample
from cpr.describing.tensors import ANYTHING, onnx_signature, tensor_signatures
from cpr.predictor import Predictor
from cpr.routine import Routine
from cpr.savedmodel.layout import DEFAULT_SIGNATURE

logger = logging.getLogger(__name__)

KINDS = {
    "TfSavedModel": "tensorflow",
    "KerasModel": "keras",
    "LiteRTModel": "litert",
    "OnnxModel": "onnx",
    "SklearnEstimator": "scikit-learn",
    "XgboostBooster": "xgboost",
}
_LABELS = 1_000
# What one message of a worker to its supervisor may hold, with room for the rest of it.
_BYTES = 128_000
_Signatures = dict[str, dict[str, Any]]


def describe(routine: Routine, samples: Sequence[bytes] = ()) -> dict[str, Any]:
    """What a routine takes and returns, cheap to find out and JSON-able.

    Nothing is predicted, and nothing in it names a file. A predictor that
    tells nothing of itself, or fails to, is described as taking anything.

    Args:
        routine: It is open.
        samples: Request bodies known to be good. Where there is none, one is
            derived from the signature, if that says enough.

    Returns:
        `name` of the class, `kind` (`custom` for a class of the user's own,
        `vertex` for one with Vertex AI's methods), `summary`, `is_batchable`,
        `signatures` by name, `default_signature` ("" where a request must
        name one), `parameters`, `labels` or None, and `samples`: request
        bodies, parsed.

        A signature has `form`, how an instance is written (`value`, `object`,
        `row` or `any`), `inputs` and `outputs` by name; each has `dtype` and
        `shape`, whose first size counts instances, None where it varies.
    """
    kind = _kind(routine)
    signatures = _guarded(routine, "signatures", lambda: _signatures(routine, kind), {})
    signatures = signatures or {"predict": dict(ANYTHING)}
    known = given_samples(samples)
    parameters = _guarded(routine, "parameters", lambda: parameters_of(routine, kind, known), [])
    described: dict[str, Any] = {
        "name": routine.name,
        "kind": kind,
        "summary": _guarded(routine, "docstring", lambda: _summary(routine.predictor), ""),
        "is_batchable": bool(routine.is_batchable),
        "signatures": signatures,
        "default_signature": _default(signatures, routine.settings.signature_name),
        "parameters": parameters,
        "labels": _guarded(routine, "labels", lambda: _labels(routine.predictor), None),
        "samples": known,
    }
    if not described["samples"]:
        described["samples"] = invented_sample(signatures, described["default_signature"])
    return _bounded(described)


def _kind(routine: Routine) -> str:
    """The artifact's kind, if what a ready-made predictor takes is what instances must be."""
    if routine.contract is Contract.VERTEX:
        return "vertex"
    found = type(routine.predictor)
    for kind in inspect.getmro(found):
        if kind.__module__.startswith("cpr.predictors.") and kind.__name__ in KINDS:
            is_as_made = found.predict is kind.predict  # type: ignore[attr-defined]
            if is_as_made and found.preprocess is Predictor.preprocess:
                return KINDS[kind.__name__]
            break
    return "custom"


def _signatures(routine: Routine, kind: str) -> _Signatures:
    predictor = routine.predictor
    preprocessor = getattr(predictor, "preprocessor", None)
    if kind in ("tensorflow", "keras", "litert"):
        found = tensor_signatures(predictor.signatures)
    elif kind == "onnx":
        found = {"predict": onnx_signature(predictor.inputs)}
    elif kind == "scikit-learn":
        found = {"predict": estimator_signature(predictor.estimator)}
    elif kind == "xgboost":
        booster = predictor.booster
        names = booster.feature_names
        found = {"predict": table_signature(booster.num_features(), names, dtype="float32")}
    else:
        return {}
    if preprocessor is None:
        return found
    taken = estimator_signature(preprocessor.target)
    return {name: {**taken, "outputs": signature["outputs"]} for name, signature in found.items()}


def _default(signatures: Mapping[str, Any], configured: str) -> str:
    if configured in signatures:
        return configured
    if len(signatures) == 1:
        return next(iter(signatures))
    return DEFAULT_SIGNATURE if DEFAULT_SIGNATURE in signatures else ""


def _summary(predictor: Any) -> str:
    """The first line that the user wrote about the class; "" of a ready-made one."""
    kind = type(predictor)
    doc = None if kind.__module__.startswith("cpr.predictors.") else kind.__dict__.get("__doc__")
    lines = inspect.cleandoc(doc).splitlines() if isinstance(doc, str) else []
    return lines[0].strip()[:200] if lines else ""


def _labels(predictor: Any) -> list[str] | None:
    labels = getattr(predictor, "labels", None)
    if not isinstance(labels, list):
        labels = labels_of(getattr(predictor, "estimator", None))
    return None if labels is None or len(labels) > _LABELS else [str(name) for name in labels]


def _guarded(routine: Routine, what: str, read: Callable[[], Any], otherwise: Any) -> Any:
    """What can be read of a predictor, whose attributes may be code that raises."""
    try:
        found = read()
        return orjson.loads(orjson.dumps(found))
    except Exception as error:
        logger.info(
            "%s is served without a description of its %s: %s: %s",
            routine.name, what, type(error).__name__, error,
        )  # fmt: skip
        return otherwise


def _bounded(described: dict[str, Any]) -> dict[str, Any]:
    """The description without what makes it too long to be passed around."""
    shorter: list[dict[str, Any]] = [
        {"samples": described["samples"][:1]},
        {"samples": []},
        {"labels": None},
        {"signatures": {"predict": dict(ANYTHING)}, "default_signature": "predict"},
    ]
    for change in shorter:
        if len(orjson.dumps(described)) <= _BYTES:
            break
        described |= change
    return described
