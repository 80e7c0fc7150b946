"""Instances as the table that a fitted scikit-learn object takes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cpr.errors import BadInput
from cpr.estimators.parts import needs_names
from cpr.extras import import_extra
from cpr.suggest import did_you_mean
from cpr.wire.tensors import dense, describe


class Layout:
    """What a fitted object wants its instances to be; worked out once.

    Rows of numbers become an array, rows that mix numbers and text an array
    of objects, objects such rows in the order of the names that the object
    was fitted with; null is NaN among numbers. Where a part of it may pick
    columns by name, rows become a DataFrame. What a text vectorizer or a
    DictVectorizer takes stays a list, as does any list of texts.

    Args:
        fitted: An estimator, a transformer, or any other object.
    """

    def __init__(self, fitted: Any) -> None:
        first = _first_step(fitted)
        self._width: int | None = getattr(fitted, "n_features_in_", None)
        named = getattr(fitted, "feature_names_in_", None)
        self._names = None if named is None else [str(name) for name in named]
        self._is_frame = named is not None and needs_names(fitted)
        self._is_mixed = bool(getattr(fitted, "is_mixed", False))
        self._takes_texts = hasattr(first, "build_analyzer")
        self._takes_objects = type(first).__name__ == "DictVectorizer"

    def arrange(self, instances: Sequence[Any]) -> Any:
        """The table of at least one instance.

        Raises:
            BadInput: An instance has another number of features or other
                names than the object was fitted with, or the rows are ragged.
        """
        kinds = set(map(type, instances))
        if self._takes_texts:
            return _all_of(instances, kinds, {str, bytes}, "a text")
        if self._takes_objects:
            return _all_of(instances, kinds, {dict}, "an object of features")
        if dict in kinds:
            if self._names is None and self._width is None:
                return list(instances)
            instances = self._rows(instances)
        elif kinds <= {str, bytes}:
            if self._width is not None:
                raise _no_row(instances, self._width)
            return list(instances)
        return self._table(instances)

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Hold back scikit-learn's warning that an array has no feature names.

        `arrange` has put the columns in order. The process's warning filters
        are changed for the time of the call.
        """
        if self._names is None or self._is_frame:
            yield
            return
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            yield

    def _table(self, rows: Sequence[Any]) -> Any:
        try:
            table = dense(rows, object if self._is_mixed else None, nulls_as_nan=True)
        except BadInput:
            table = dense(rows, object)  # numbers and text, or really ragged
        if self._width is not None:
            _check_width(rows, table.shape, self._width)
        if not self._is_frame:
            return table
        pandas = import_extra("pandas", "pandas")
        return pandas.DataFrame(list(rows) if table.dtype == object else table, columns=self._names)

    def _rows(self, instances: Sequence[Any]) -> list[list[Any]]:
        if self._names is None:
            index = next(i for i, row in enumerate(instances) if isinstance(row, dict))
            raise BadInput(
                f"instances[{index}] is an object, but the model was fitted without feature names.",
                hint="Send each instance as a list of its features, in the order of the training "
                "data.",
            )
        wanted = set(self._names)
        for index, row in enumerate(instances):
            if not isinstance(row, dict) or row.keys() != wanted:
                raise _bad_names(index, row, self._names)
        return [[row[name] for name in self._names] for row in instances]


def _first_step(fitted: Any) -> Any:
    while steps := getattr(fitted, "steps", None):
        fitted = steps[0][1]
    return fitted


def _all_of(instances: Sequence[Any], kinds: set[type], wanted: set[type], words: str) -> list[Any]:
    if not kinds <= wanted:
        index = next(i for i, value in enumerate(instances) if type(value) not in wanted)
        raise BadInput(f"instances[{index}] is {describe(instances[index])}; expected {words}.")
    return list(instances)


def _bad_names(index: int, row: Any, names: list[str]) -> BadInput:
    if not isinstance(row, dict):
        return BadInput(
            f"instances[{index}] is {describe(row)}; expected an object, as other instances are."
        )
    unexpected = [name for name in row if name not in names]
    missing = [name for name in names if name not in row]
    parts = []
    if missing:
        parts.append(f"lacks {', '.join(map(repr, missing))}")
    if unexpected:
        parts.append(f"has {', '.join(map(repr, unexpected))}, which the model does not know")
    hint = did_you_mean(unexpected[0], missing) if unexpected and missing else ""
    return BadInput(
        f"instances[{index}] {' and '.join(parts)}.",
        hint=hint or f"The model was fitted on {', '.join(map(repr, names))}.",
    )


def _check_width(instances: Sequence[Any], shape: tuple[int, ...], width: int) -> None:
    if len(shape) == 1:
        raise _no_row(instances, width)
    if len(shape) > 2:
        raise BadInput(
            f"instances[0] is a list of lists; expected a flat list of {width} features."
        )
    if shape[1] != width:
        raise BadInput(f"Each instance has {shape[1]} features; the model takes {width}.")


def _no_row(instances: Sequence[Any], width: int) -> BadInput:
    features = "1 feature" if width == 1 else f"{width} features"
    return BadInput(f"instances[0] is {describe(instances[0])}; expected a list of {features}.")
