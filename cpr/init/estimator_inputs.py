"""What a fitted estimator takes, as far as it tells by its attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cpr.describing.estimators import steps_of
from cpr.errors import UsageError, shorten

_TEXT = "some text"
# What a module's first name is called where libraries are published.
_PUBLISHED_AS = {"sklearn": "scikit-learn", "imblearn": "imbalanced-learn"}


def describe_estimator(estimator: Any) -> tuple[dict[str, Any], Any]:
    """The schema of its instances, and an invented instance.

    Raises:
        UsageError: It is no fitted estimator.
    """
    if not hasattr(estimator, "predict"):
        raise UsageError(
            f"the pickle holds {shorten(estimator)}, which has no predict.",
            hint="Save the fitted estimator or pipeline itself.",
        )
    first = next(steps_of(estimator))
    names = getattr(estimator, "feature_names_in_", None)
    width = getattr(estimator, "n_features_in_", None)
    schema: dict[str, Any]
    instance: Any
    if hasattr(first, "build_analyzer"):
        schema, instance = {"instance": "a text"}, _TEXT
    elif type(first).__name__ == "DictVectorizer":
        names = [str(name) for name in first.feature_names_]
        schema, instance = {"instance": "an object"}, dict.fromkeys(names[:20], 0.0)
    elif names is not None:
        known = dict(_categories(estimator))
        instance = {str(name): known.get(str(name), 0.0) for name in names}
        schema = {"instance": "an object by feature", "features": list(instance)}
    elif width is not None:
        schema, instance = {"instance": "a row of numbers", "n_features": width}, [0.0] * width
    else:
        raise UsageError(
            f"{type(estimator).__name__} does not say what it takes: it has no n_features_in_.",
            hint="Fit it before it is saved; or start with --template sklearn.",
        )
    return {**schema, **_classes(estimator)}, instance


def libraries_of(estimator: Any) -> tuple[str, ...]:
    """The libraries that unpickling it needs: scikit-learn, and its own."""
    roots = {type(part).__module__.partition(".")[0] for part in steps_of(estimator)}
    return tuple(sorted({"scikit-learn", *(_PUBLISHED_AS.get(root, root) for root in roots)}))


def _classes(estimator: Any) -> dict[str, Any]:
    classes: Any = getattr(estimator, "classes_", None)
    return {"classes": classes.tolist()} if hasattr(classes, "tolist") else {}


def _categories(estimator: Any) -> Iterator[tuple[str, Any]]:
    """A value that each categorical column was fitted with, by its name."""
    for _, transformer, columns in getattr(next(steps_of(estimator)), "transformers_", ()):
        encoder = next((s for s in steps_of(transformer) if hasattr(s, "categories_")), None)
        if encoder is not None and not isinstance(columns, (str, slice)):
            for column, values in zip(columns, encoder.categories_, strict=False):
                first = values[0]
                yield str(column), first.item() if hasattr(first, "item") else first
