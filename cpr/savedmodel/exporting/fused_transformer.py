"""A scikit-learn transformer as the preprocessing of an export, held against the original."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cpr.errors import PredictionFailed, UsageError, shorten
from cpr.extras import import_extra
from cpr.savedmodel.exporting.columns import columns_of
from cpr.savedmodel.exporting.tables import Table
from cpr.savedmodel.exporting.transformers import transform
from cpr.savedmodel.servable import Tensors
from cpr.wire.tensors import Array

_ROWS = 8
# scikit-learn computes in float64 too: only the order of operations may differ.
_RTOL, _ATOL = 1e-9, 1e-12


class FusedTransformer:
    """A fitted transformer as a function of tensors.

    Fitted on a DataFrame, it takes an input for each column, by name; fitted
    on an array, one input called ``features``. Numbers are float64.

    Attributes:
        inputs: A `tf.TensorSpec` for each input.
        examples: Arrays that reach the categories, ranges and missing values
            that the transformer knows.
        owned: The lookup tables of the graphs that were made.

    Raises:
        UsageError: It cannot be made a graph, or is not fitted.
    """

    def __init__(self, tf: Any, transformer: Any) -> None:
        count = getattr(transformer, "n_features_in_", None)
        if count is None:
            raise UsageError(
                f"{shorten(transformer)} is not fitted.", hint="Give the fitted object."
            )
        self._tf, self._transformer = tf, transformer
        self.owned: list[Any] = []
        self._names: list[str] = list(getattr(transformer, "feature_names_in_", ()))
        columns = columns_of(transformer, count)
        self._missing = [column.missing for column in columns]
        kinds = [bool(column.is_text) for column in columns]
        values = [column.values or [0.0, 1.0, -2.0] for column in columns]
        rows = max(_ROWS, *map(len, values))
        made = [
            [known[(row + place) % len(known)] for row in range(rows)]
            for place, known in enumerate(values)
        ]
        self.inputs, self.examples = self._declare(kinds, made)

    def __call__(self, tensors: Tensors) -> Any:
        """The matrix that the model takes, float64."""
        tf = self._tf
        listed = (
            [tensors[name][:, None] for name in self._names]
            if self._names
            else list(tensors.values())
        )
        blocks = (b if b.dtype == tf.string else tf.cast(b, tf.float64) for b in listed)
        return transform(tf, self._transformer, Table(tuple(blocks)), self.owned).matrix(tf)

    def reference(self, arrays: Mapping[str, Array]) -> Array:
        """What scikit-learn itself makes of the same.

        Raises:
            PredictionFailed: The graph makes something else.
        """
        tf = self._tf
        tensors = {
            name: tf.constant(arrays[name].tolist(), spec.dtype)
            for name, spec in self.inputs.items()
        }
        got = self(tensors).numpy()
        wanted = self._transformer.transform(self._original(arrays))
        wanted = wanted.toarray() if hasattr(wanted, "toarray") else wanted
        wanted = np.asarray(wanted, dtype=np.float64)
        if got.shape != wanted.shape or not np.allclose(
            got, wanted, rtol=_RTOL, atol=_ATOL, equal_nan=True
        ):
            raise PredictionFailed(
                f"the graph of {shorten(self._transformer)} does not make what scikit-learn "
                f"does: {_difference(got, wanted)}.",
                hint="Leave it as the predictor's preprocessor (preprocessor.joblib).",
            )
        return wanted

    def _declare(
        self, kinds: list[bool], made: list[list[Any]]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        tf = self._tf
        types = [tf.string if is_text else tf.float64 for is_text in kinds]
        arrays = [
            np.array(
                [str(item).encode() for item in values] if is_text else values,
                dtype=object if is_text else np.float64,
            )
            for is_text, values in zip(kinds, made, strict=True)
        ]
        if self._names:
            specs = {n: tf.TensorSpec([None], t) for n, t in zip(self._names, types, strict=True)}
            return specs, dict(zip(self._names, arrays, strict=True))
        if len(set(kinds)) > 1:
            raise UsageError(
                "the transformer was fitted on an array of text and numbers; a tensor holds one.",
                hint="Fit it on a DataFrame: each column then is an input of its own.",
            )
        spec = tf.TensorSpec([None, len(kinds)], types[0])
        return {"features": spec}, {"features": np.stack(arrays, axis=1)}

    def _original(self, arrays: Mapping[str, Array]) -> Any:
        """The arrays as scikit-learn was given them: text as str, in a DataFrame."""
        if not self._names:
            columns = arrays["features"].T
            made = [_original(*pair) for pair in zip(columns, self._missing, strict=True)]
            return np.stack(made, axis=1)
        pandas = import_extra("pandas", "pandas")
        pairs = zip(self._names, self._missing, strict=True)
        return pandas.DataFrame({name: _original(arrays[name], gap) for name, gap in pairs})


def _original(column: Array, missing: Any) -> Array:
    """A column of a tensor as scikit-learn has it: texts as str, and the missing ones as such."""
    if column.dtype != object:
        return column
    found = np.empty(len(column), object)
    for at, value in enumerate(column.tolist()):
        text = value.decode("utf-8") if isinstance(value, bytes) else str(value)
        found[at] = text or missing
    return found


def _difference(got: Array, wanted: Array) -> str:
    if got.shape != wanted.shape:
        return f"the shape {list(got.shape)} instead of {list(wanted.shape)}"
    apart = ~np.isclose(got, wanted, rtol=_RTOL, atol=_ATOL, equal_nan=True)
    row, column = np.argwhere(apart)[0]
    return f"{got[row, column]!r} instead of {wanted[row, column]!r} in column {column}"
