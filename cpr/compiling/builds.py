"""The candidates of each kind of model, and what builds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cpr.artifacts.compiled import Runtime
from cpr.artifacts.detect import Kind
from cpr.compiling.entries import function_inputs
from cpr.compiling.signature_builds import build_signatures
from cpr.compiling.subject import SIGNATURE_KINDS, Subject
from cpr.compiling.table_builds import build_booster, build_estimator

# A candidate is a runtime, and an option of how to build for it.
CANDIDATES: dict[Kind, tuple[tuple[Runtime, str], ...]] = {
    **dict.fromkeys(SIGNATURE_KINDS, (("litert", ""), ("onnx", ""), ("xla", ""))),
    Kind.SKLEARN: (("onnx", "float64"), ("onnx", "float32")),
    Kind.XGBOOST: (("onnx", ""),),
}
# Tried where nothing else wins, or they are asked for: they do not spare the original's library.
LAST: tuple[Runtime, ...] = ("xla",)


def build(
    subject: Subject,
    runtime: Runtime,
    option: str,
    facts: Mapping[str, Any],
    batch_sizes: Sequence[int],
    into: Path,
) -> dict[str, Any]:
    """Write a candidate's files; returns the record's part `model`.

    Raises:
        Declined: It cannot be built; says why.
    """
    artifact = subject.artifact
    if artifact.kind in SIGNATURE_KINDS:
        model = build_signatures(artifact, subject.tags, runtime, batch_sizes, into)
        for name, entry in model["signatures"].items():
            found = facts["signatures"][name]
            entry["is_strict"] = found["is_strict"]
            inputs = function_inputs(entry)
            for alias, bounds in found["bounds"].items():
                if alias in inputs:
                    inputs[alias]["bounds"] = bounds
        return model
    predictor = subject.open()
    if artifact.kind is Kind.XGBOOST:
        return build_booster(predictor, facts, into)
    return build_estimator(predictor, option, facts, into)
