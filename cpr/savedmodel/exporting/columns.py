"""What the columns of a fitted transformer hold: text or numbers, and values to try it on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cpr.savedmodel.exporting.transformers import column_steps

_UNKNOWN_TEXT, _UNKNOWN_NUMBER = "not seen before", -987654.0
_MOST_CATEGORIES = 40


@dataclass
class Column:
    """One column of a transformer.

    Attributes:
        is_text: Whether it is text, if that is known.
        values: Those worth trying.
        missing: What scikit-learn has for a missing text, None or NaN; in a tensor
            the empty text stands for it. "" where no text may be missing.
    """

    is_text: bool | None = None
    values: list[Any] = field(default_factory=list)
    missing: Any = ""


def columns_of(transformer: Any, count: int) -> list[Column]:
    """What is known of the columns that a transformer was fitted on."""
    name = type(transformer).__name__
    columns = [Column() for _ in range(count)]
    if name == "ColumnTransformer":
        for step, indices in column_steps(transformer):
            for index, found in zip(indices, columns_of(step, len(indices)), strict=True):
                _merge(columns[index], found)
    elif name == "Pipeline":
        for _, step in transformer.steps:
            if getattr(step, "n_features_in_", count) != count:
                break
            for column, found in zip(columns, columns_of(step, count), strict=True):
                _merge(column, found)
            if type(step).__name__ not in ("SimpleImputer", "str", "NoneType"):
                break  # what follows sees other values
    elif name == "FeatureUnion":
        for _, step in transformer.transformer_list:
            for column, found in zip(columns, columns_of(step, count), strict=True):
                _merge(column, found)
    elif hasattr(transformer, "categories_"):
        for column, known in zip(columns, transformer.categories_, strict=True):
            _add_categories(column, known, transformer.handle_unknown)
    elif hasattr(transformer, "statistics_"):
        for column, value in zip(columns, transformer.statistics_, strict=True):
            _add_imputed(column, value, transformer.missing_values)
    else:
        for index, column in enumerate(columns):
            column.values = _around(transformer, index)
    return columns


def _merge(column: Column, found: Column) -> None:
    if found.is_text is not None:
        column.is_text = found.is_text
    if not isinstance(found.missing, str):
        column.missing = found.missing
    column.values += found.values


def _add_categories(column: Column, known: Any, handle_unknown: str) -> None:
    column.is_text = any(isinstance(item, str) for item in known.tolist())
    values = known.tolist()
    if column.is_text:
        values = [item for item in values if isinstance(item, str)]
        column.missing = next((item for item in known.tolist() if not isinstance(item, str)), "")
    column.values = values[:_MOST_CATEGORIES]
    if not isinstance(column.missing, str):
        column.values.append("")
    if handle_unknown != "error":
        column.values.append(_UNKNOWN_TEXT if column.is_text else _UNKNOWN_NUMBER)


def _add_imputed(column: Column, value: Any, missing: Any) -> None:
    if isinstance(value, str) or isinstance(missing, str):
        column.is_text = True
        column.missing = missing
        column.values = [item if isinstance(item, str) else "" for item in (value, missing)]
    else:
        numbers = [float("nan") if missing is None else float(missing), float(value)]
        column.values = [number for number in numbers if number == number or missing != missing]


def _around(transformer: Any, index: int) -> list[float]:
    """Numbers in, at the edge of and outside the range that a scaler saw."""
    low = getattr(transformer, "data_min_", None)
    high = getattr(transformer, "data_max_", None)
    if low is not None and high is not None:
        span = float(high[index] - low[index])
        return [float(low[index]), float(high[index]), float(high[index]) + span, 0.5]
    center = getattr(transformer, "mean_", getattr(transformer, "center_", None))
    scale = getattr(transformer, "scale_", None)
    middle = 0.0 if center is None else float(center[index])
    step = 1.0 if scale is None else float(np.asarray(scale)[index])
    return [middle, middle + step, middle + 2.5 * step, abs(middle) + 0.25]
