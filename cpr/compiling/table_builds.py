"""Builds the ONNX file of a table model: a scikit-learn estimator or an XGBoost Booster."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cpr.compiling.declined import Declined
from cpr.compiling.forests import of_xgboost
from cpr.compiling.onnx_trees import ML, ML_VERSION, VERSION, Nodes
from cpr.compiling.skl2onnx_trees import register
from cpr.extras import import_extra

_FILE = "function-0.onnx"


def build_estimator(
    predictor: Any, precision: str, facts: Mapping[str, Any], into: Path
) -> dict[str, Any]:
    """Convert an estimator, its numbers in `precision`; returns the record's part `model`.

    Raises:
        Declined: skl2onnx cannot convert it.
    """
    estimator = predictor.estimator
    skl2onnx = import_extra("skl2onnx", "compile")
    register()
    types = import_extra("skl2onnx.common.data_types", "compile")
    number = types.DoubleTensorType if precision == "float64" else types.FloatTensorType
    inputs, initial = _inputs(facts, types.StringTensorType, number)
    # skl2onnx raises its own errors, and KeyError, ValueError, RuntimeError, NotImplementedError.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = skl2onnx.to_onnx(
                estimator,
                initial_types=initial,
                options={"zipmap": False} if "predict_proba" in dir(estimator) else None,
                target_opset={"": VERSION, ML: ML_VERSION},
            )
    except Declined:
        raise
    except Exception as error:
        raise Declined(f"skl2onnx failed: {_first_line(error)}") from error
    (into / _FILE).write_bytes(model.SerializeToString())
    outputs = [item.name for item in model.graph.output]
    methods = {}
    if hasattr(estimator, "predict"):
        form = {"is_flat": facts["is_flat"], "kind": facts["answer_kind"]}
        methods["predict"] = {"output": outputs[0], **form}
        if hasattr(estimator, "predict_proba") and len(outputs) > 1:
            methods["predict_proba"] = {"output": outputs[1], "is_flat": False, "kind": "f"}
    else:
        methods["transform"] = {"output": outputs[0], "is_flat": False, "kind": "f"}
    kept = {key: value for key, value in facts.items() if key != "texts"}
    return {**kept, "file": _FILE, "inputs": inputs, "precision": precision, "methods": methods}


def build_booster(predictor: Any, facts: Mapping[str, Any], into: Path) -> dict[str, Any]:
    """Convert a Booster; returns the record's part `model`.

    Raises:
        Declined: It has something else than trees that split numbers.
    """
    onnx = import_extra("onnx", "compile")
    forest = of_xgboost(predictor.booster)
    nodes = Nodes(np.float32)
    raw = nodes.raw_scores(forest, "table", "raw")
    value = nodes.predictions(forest, raw, "linked")
    count, helper = len(forest.base), onnx.helper
    if forest.link == "class":
        value = nodes.label(value, np.arange(count).astype(np.float32), "class")
    flat = nodes.constant("flat", np.array([-1], np.int64))
    for name, found in (("predict", value), ("margin", raw)):
        if count == 1:
            nodes.add("Reshape", [found, flat], name)
        else:
            nodes.add("Identity", [found], name)
    number = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes.nodes,
        "cpr",
        [helper.make_tensor_value_info("table", number, [None, facts["width"]])],
        [helper.make_tensor_value_info(name, number, None) for name in ("predict", "margin")],
        nodes.constants,
    )
    versions = [helper.make_opsetid("", VERSION), helper.make_opsetid(ML, ML_VERSION)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=10)
    (into / _FILE).write_bytes(model.SerializeToString())
    return {**facts, "file": _FILE, "objective": predictor.objective}


def _inputs(facts: Mapping[str, Any], text: Any, number: Any) -> tuple[list[Any], list[Any]]:
    """The inputs as the record holds them, and as skl2onnx takes them.

    One of all columns where all are numbers, else one a column.
    """
    if facts.get("takes_texts"):
        return [{"name": "text", "columns": None, "is_text": True}], [("text", text([None]))]
    texts = facts["texts"]
    width = len(texts)
    if not any(texts) and not facts["picks_columns"]:
        told = {"name": "table", "columns": list(range(width)), "is_text": False}
        return [told], [("table", number([None, width]))]
    if all(texts):
        told = {"name": "table", "columns": list(range(width)), "is_text": True}
        if facts["names"] is None:
            return [told], [("table", text([None, width]))]
    names = facts["names"] or [f"column_{place}" for place in range(width)]
    inputs = [
        {"name": name, "columns": [place], "is_text": is_text}
        for place, (name, is_text) in enumerate(zip(names, texts, strict=True))
    ]
    initial = [
        (name, text([None, 1]) if is_text else number([None, 1]))
        for name, is_text in zip(names, texts, strict=True)
    ]
    return inputs, initial


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
