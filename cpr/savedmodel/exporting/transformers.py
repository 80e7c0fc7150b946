"""A fitted scikit-learn transformer as a graph: scalers, encoders, imputers and their pipelines.

Numbers are computed as float64, as scikit-learn does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cpr.errors import UsageError, shorten
from cpr.savedmodel.exporting import category_steps, number_steps
from cpr.savedmodel.exporting.tables import Table, joined

_NUMBERS: dict[str, Callable[[Any, Any, Table], Table]] = {
    "StandardScaler": number_steps.standard,
    "MinMaxScaler": number_steps.min_max,
    "MaxAbsScaler": number_steps.max_abs,
    "RobustScaler": number_steps.robust,
    "Normalizer": number_steps.normalize,
    "FunctionTransformer": number_steps.function,
    "SimpleImputer": number_steps.impute,
}
_CATEGORIES: dict[str, Callable[[Any, Any, Table, list[Any]], Table]] = {
    "OneHotEncoder": category_steps.one_hot,
    "OrdinalEncoder": category_steps.ordinal,
}
_COMPOSITES = ("Pipeline", "ColumnTransformer", "FeatureUnion")
SUPPORTED = (*_NUMBERS, *_CATEGORIES, *_COMPOSITES)


def is_transformer(value: Any) -> bool:
    """Whether a value is a transformer of scikit-learn, fitted or not."""
    roots = {kind.__module__.partition(".")[0] for kind in type(value).__mro__}
    return "sklearn" in roots and hasattr(value, "transform")


def transform(tf: Any, transformer: Any, table: Table, owned: list[Any]) -> Table:
    """What a fitted transformer makes of a batch, as operations of a graph.

    Args:
        tf: TensorFlow.
        transformer: The transformer, or ``passthrough``.
        table: The columns that it was fitted on.
        owned: Gets the lookup tables that are made.

    Raises:
        UsageError: It, or a step of it, is of another kind, or not fitted.
    """
    name = type(transformer).__name__
    if transformer is None or transformer == "passthrough":
        return table
    if name == "Pipeline":
        for _, step in transformer.steps:
            table = transform(tf, step, table, owned)
        return table
    if name == "ColumnTransformer":
        parts = [
            transform(tf, step, table.take(tf, indices), owned)
            for step, indices in column_steps(transformer)
        ]
        return joined(parts)
    if name == "FeatureUnion":
        return _union(tf, transformer, table, owned)
    try:
        if name in _NUMBERS:
            return _NUMBERS[name](tf, transformer, table)
        if name in _CATEGORIES:
            return _CATEGORIES[name](tf, transformer, table, owned)
    except AttributeError as error:
        raise UsageError(
            f"the {name} is not fitted: {error}.", hint="Give the fitted object."
        ) from error
    raise UsageError(
        f"{shorten(transformer)} cannot be made a graph.",
        hint=f"Known are {', '.join(SUPPORTED)}. Leave it as the predictor's preprocessor "
        "(preprocessor.joblib), or write a function of tensors.",
    )


def column_steps(transformer: Any) -> Iterator[tuple[Any, list[int]]]:
    """The steps of a fitted ColumnTransformer and the numbers of their columns, in order.

    Raises:
        UsageError: It is not fitted.
    """
    if not hasattr(transformer, "transformers_"):
        raise UsageError("the ColumnTransformer is not fitted.", hint="Give the fitted object.")
    names = list(getattr(transformer, "feature_names_in_", ()))
    for _, step, columns in transformer.transformers_:
        indices = _indices(columns, names, transformer.n_features_in_)
        if step != "drop" and indices:
            yield step, indices


def _indices(columns: Any, names: Sequence[str], count: int) -> list[int]:
    if isinstance(columns, slice):
        if isinstance(columns.start, str) or isinstance(columns.stop, str):
            first = names.index(columns.start) if columns.start is not None else 0
            last = names.index(columns.stop) if columns.stop is not None else count - 1
            return list(range(first, last + 1))
        return list(range(count))[columns]
    listed = [columns] if isinstance(columns, (str, int)) else list(columns)
    if listed and all(isinstance(item, bool) or type(item).__name__ == "bool" for item in listed):
        return [place for place, is_in in enumerate(listed) if is_in]
    return [names.index(i) if isinstance(i, str) else range(count)[int(i)] for i in listed]


def _union(tf: Any, union: Any, table: Table, owned: list[Any]) -> Table:
    weights = union.transformer_weights or {}
    parts = []
    for name, step in union.transformer_list:
        if isinstance(step, str) and step == "drop":
            continue
        made = transform(tf, step, table, owned)
        parts.append(Table((made.matrix(tf) * weights[name],)) if name in weights else made)
    return joined(parts)
