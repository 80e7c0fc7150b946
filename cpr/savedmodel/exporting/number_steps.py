"""The graphs of scikit-learn's transformers of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from cpr.errors import UsageError, shorten
from cpr.savedmodel.exporting.tables import Table, joined

_FUNCTIONS = {"log": "log", "log1p": "log1p", "exp": "exp", "expm1": "expm1", "sqrt": "sqrt"}
_FUNCTIONS |= {"absolute": "abs", "square": "square", "tanh": "tanh"}


def standard(tf: Any, scaler: Any, table: Table) -> Table:
    """What a fitted StandardScaler makes."""
    return _scaled(tf, table, scaler.mean_ if scaler.with_mean else None, scaler.scale_)


def robust(tf: Any, scaler: Any, table: Table) -> Table:
    """What a fitted RobustScaler makes."""
    center = scaler.center_ if scaler.with_centering else None
    return _scaled(tf, table, center, scaler.scale_ if scaler.with_scaling else None)


def max_abs(tf: Any, scaler: Any, table: Table) -> Table:
    """What a fitted MaxAbsScaler makes."""
    scaled = _scaled(tf, table, None, scaler.scale_)
    if not getattr(scaler, "clip", False):
        return scaled
    return Table((tf.clip_by_value(scaled.matrix(tf), -1.0, 1.0),))


def min_max(tf: Any, scaler: Any, table: Table) -> Table:
    """What a fitted MinMaxScaler makes."""
    numbers = table.matrix(tf) * scaler.scale_ + scaler.min_
    if scaler.clip:
        low, high = map(float, scaler.feature_range)
        numbers = tf.clip_by_value(numbers, low, high)
    return Table((numbers,))


def normalize(tf: Any, normalizer: Any, table: Table) -> Table:
    """What a Normalizer makes."""
    numbers = table.matrix(tf)
    if normalizer.norm == "l2":
        size = tf.sqrt(tf.reduce_sum(numbers * numbers, axis=1, keepdims=True))
    elif normalizer.norm == "l1":
        size = tf.reduce_sum(tf.abs(numbers), axis=1, keepdims=True)
    else:
        size = tf.reduce_max(tf.abs(numbers), axis=1, keepdims=True)
    return Table((numbers / tf.where(size == 0.0, tf.ones_like(size), size),))


def function(tf: Any, transformer: Any, table: Table) -> Table:
    """What a FunctionTransformer makes, of a NumPy function that TensorFlow has too.

    Raises:
        UsageError: It is another function.
    """
    func = transformer.func
    if func is None:
        return table
    name = getattr(func, "__name__", "")
    if name not in _FUNCTIONS or not isinstance(func, np.ufunc) or transformer.kw_args:
        raise UsageError(
            f"the FunctionTransformer of {shorten(func)} cannot be made a graph.",
            hint=f"Known are numpy's {', '.join(sorted(_FUNCTIONS))}; write others as a function "
            "of tensors, and give that as preprocess.",
        )
    return Table((getattr(tf.math, _FUNCTIONS[name])(table.matrix(tf)),))


def impute(tf: Any, imputer: Any, table: Table) -> Table:
    """What a fitted SimpleImputer makes; a missing text is an empty one."""
    filled: list[Table] = []
    masks = []
    for index in range(table.width):
        column = table.column(index)
        mask = _is_missing(tf, column, imputer.missing_values)
        masks.append(mask)
        value = imputer.statistics_[index]
        if _is_nan(value) and not getattr(imputer, "keep_empty_features", False):
            continue
        kind = tf.string if table.is_text(index) else tf.float64
        fill = tf.constant(value if kind == tf.string else float(value), kind)
        filled.append(Table((tf.where(mask, fill, column)[:, None],)))
    if imputer.indicator_ is not None:
        kept = [masks[place] for place in imputer.indicator_.features_]
        filled.append(Table((tf.cast(tf.stack(kept, axis=1), tf.float64),)))
    if not any(table.is_text(index) for index in range(table.width)):
        return Table((joined(filled).matrix(tf),))
    return joined(filled)


def _is_missing(tf: Any, column: Any, missing: Any) -> Any:
    if column.dtype.name == "string":
        return column == (missing if isinstance(missing, str) else "")
    return tf.math.is_nan(column) if _is_nan(missing) else column == float(missing)


def _is_nan(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def _scaled(tf: Any, table: Table, center: Any, scale: Any) -> Table:
    numbers = table.matrix(tf)
    if center is not None:
        numbers = numbers - np.asarray(center, np.float64)
    if scale is not None:
        numbers = numbers / np.asarray(scale, np.float64)
    return Table((numbers,))
