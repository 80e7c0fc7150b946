"""What a fitted scikit-learn object takes, as far as its attributes tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cpr.describing.tensors import ANYTHING, tensor

# More named features than anyone fills in by hand.
_FIELDS = 200
_CHOICES = 100


def estimator_signature(estimator: Any) -> dict[str, Any]:
    """The signature of a fitted estimator, transformer or pipeline.

    One that does not say how many features it was fitted with takes anything.
    """
    described = getattr(estimator, "described", None)
    if isinstance(described, dict):  # of a compiled one, whose steps are gone
        return dict(described)
    first = next(steps_of(estimator))
    if hasattr(first, "build_analyzer"):
        inputs = {"text": tensor("string", [None])}
        return {"form": "value", "inputs": inputs, "outputs": {}}
    if type(first).__name__ == "DictVectorizer":
        return _of_objects(first.feature_names_)
    names = getattr(estimator, "feature_names_in_", None)
    width = getattr(estimator, "n_features_in_", None)
    if width is None:
        return dict(ANYTHING)
    return table_signature(
        int(width), None if names is None else [str(name) for name in names], of=first
    )


def table_signature(
    width: int, names: Sequence[str] | None = None, *, dtype: str = "float64", of: Any = None
) -> dict[str, Any]:
    """Rows of `width` features: objects where they have names, lists where not.

    Args:
        width: How many features there are.
        names: Theirs, if the model knows them.
        dtype: Of those of which nothing else is known.
        of: The transformer that takes them; it may know categories.
    """
    if width > _FIELDS:
        inputs = {"features": tensor(dtype, [None, width])}
        return {"form": "value", "inputs": inputs, "outputs": {}}
    known = dict(_columns(of))
    inputs = {
        str(name): known.get(name) or known.get(position) or tensor(dtype, [None])
        for position, name in enumerate(names or [f"x{n}" for n in range(width)])
    }
    return {"form": "object" if names else "row", "inputs": inputs, "outputs": {}}


def labels_of(estimator: Any) -> list[str] | None:
    """The classes of a classifier, in the order of its probabilities."""
    classes = getattr(estimator, "classes_", None)
    if classes is None or getattr(classes, "ndim", 0) != 1:
        return None
    return [str(name) for name in classes.tolist()]


def steps_of(estimator: Any) -> Iterator[Any]:
    """The steps of a pipeline in their order, of pipelines within it too."""
    estimator = getattr(estimator, "best_estimator_", estimator)  # of a search
    steps = getattr(estimator, "steps", None)
    if not steps:
        yield estimator
        return
    for _, step in steps:
        yield from steps_of(step)


def _of_objects(names: Iterable[Any]) -> dict[str, Any]:
    """The features of a DictVectorizer: numbers, or texts that it saw as ``name=text``."""
    inputs: dict[str, Any] = {}
    for name in names:
        key, is_text, value = str(name).partition("=")
        if len(inputs) >= _FIELDS and key not in inputs:
            return dict(ANYTHING)
        if not is_text:
            inputs[key] = tensor("float64", [None])
            continue
        choices = inputs.setdefault(key, tensor("string", [None], choices=[]))["choices"]
        if len(choices) < _CHOICES:
            choices.append(value)
    return {"form": "object", "inputs": inputs, "outputs": {}}


def _columns(transformer: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The columns of a ColumnTransformer that are not plain numbers, by name or position."""
    for _, part, columns in getattr(transformer, "transformers_", ()):
        steps = list(steps_of(part))
        if isinstance(columns, (str, int)):
            if any(hasattr(step, "build_analyzer") for step in steps):
                yield columns, tensor("string", [None])
            continue
        encoder = next((step for step in steps if hasattr(step, "categories_")), None)
        if encoder is not None and not isinstance(columns, slice):
            for column, values in zip(columns, encoder.categories_, strict=False):
                yield column, _category(values.tolist())


def _category(values: list[Any]) -> dict[str, Any]:
    # A category may be NaN, which JSON has no word for.
    known = [value for value in values if value is not None and value == value]
    if known and all(isinstance(value, str) for value in known):
        dtype = "string"
    else:
        dtype = "int64" if all(isinstance(value, int) for value in known) else "float64"
    return tensor(dtype, [None], **({"choices": known} if len(known) <= _CHOICES else {}))
