"""Teaches skl2onnx the boosted trees that it does not know, or fails at."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np

from cpr.compiling.onnx_trees import ML, ML_VERSION, VERSION, Nodes, forest_of, is_forest
from cpr.extras import import_extra

_MODULES = ("sklearn.ensemble", "sklearn.tree", "xgboost", "lightgbm")


def register() -> None:
    """Register a converter for each kind of boosted trees whose library is loaded."""
    skl2onnx = import_extra("skl2onnx", "compile")
    for module in _MODULES:
        if module not in sys.modules:
            continue
        for kind in vars(importlib.import_module(module)).values():
            if isinstance(kind, type) and is_forest(kind):
                options = {"zipmap": [True, False, "columns"], "nocl": [True, False]}
                options |= {"output_class_labels": [True, False], "raw_scores": [True, False]}
                is_classifier = hasattr(kind, "predict_proba")
                skl2onnx.update_registered_converter(
                    kind,
                    f"Cpr{kind.__name__}",
                    _classifier_shapes if is_classifier else _regressor_shapes,
                    _convert,
                    options=options if is_classifier else None,
                )


def _regressor_shapes(operator: Any) -> None:
    kind = _tensor_type(operator)
    operator.outputs[0].type = kind([None, 1])


def _classifier_shapes(operator: Any) -> None:
    types = import_extra("skl2onnx.common.data_types", "compile")
    classes = operator.raw_operator.classes_
    is_text = np.asarray(classes).dtype.kind in "OU"
    label = types.StringTensorType if is_text else types.Int64TensorType
    operator.outputs[0].type = label([None])
    operator.outputs[1].type = _tensor_type(operator)([None, len(classes)])


def _tensor_type(operator: Any) -> Any:
    types = import_extra("skl2onnx.common.data_types", "compile")
    is_double = isinstance(operator.inputs[0].type, types.DoubleTensorType)
    return types.DoubleTensorType if is_double else types.FloatTensorType


def _convert(scope: Any, operator: Any, container: Any) -> None:
    estimator = operator.raw_operator
    types = import_extra("skl2onnx.common.data_types", "compile")
    proto = import_extra("onnx", "compile").TensorProto
    is_double = isinstance(operator.inputs[0].type, types.DoubleTensorType)
    module = type(estimator).__module__
    # XGBoost computes in single precision, whatever it is given. Scikit-learn's forests
    # take single values, and compare them with double thresholds.
    is_forest_of_singles = module.startswith(("sklearn.tree", "sklearn.ensemble._forest"))
    is_single = module.startswith("xgboost") or not (is_double or is_forest_of_singles)
    nodes = Nodes(np.float32 if is_single else np.float64)
    prefix = scope.get_unique_operator_name("trees")
    own = proto.FLOAT if is_single else proto.DOUBLE
    table = operator.inputs[0].full_name
    if is_forest_of_singles:
        table = nodes.add("Cast", [table], f"{prefix}_single", to=proto.FLOAT)
    table = nodes.add("Cast", [table], f"{prefix}_table", to=own)
    forest = forest_of(estimator)
    raw = nodes.raw_scores(forest, table, f"{prefix}_raw")
    outputs = [output.full_name for output in operator.outputs]
    found = nodes.predictions(forest, raw, f"{prefix}_predictions")
    wanted = proto.DOUBLE if is_double else proto.FLOAT
    if hasattr(estimator, "classes_"):
        if forest.link == "sigmoid":
            found = nodes.both_classes(found, f"{prefix}_both")
        nodes.label(found, _plain(estimator.classes_), outputs[0])
    nodes.add("Cast", [found], outputs[-1], to=wanted)
    for node in nodes.nodes:
        version = ML_VERSION if node.domain == ML else VERSION
        given = {
            item.name: import_extra("onnx", "compile").helper.get_attribute_value(item)
            for item in node.attribute
        }
        container.add_node(
            node.op_type,
            list(node.input),
            list(node.output),
            op_domain=node.domain,
            op_version=version,
            name=scope.get_unique_operator_name(node.op_type),
            **given,
        )
    container.initializers.extend(nodes.constants)


def _plain(classes: Any) -> Any:
    """Classes as ONNX has them: texts, or whole numbers."""
    array = np.asarray(classes)
    return array if array.dtype.kind in "OU" else array.astype(np.int64)
