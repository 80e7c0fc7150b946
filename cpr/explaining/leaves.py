"""An instance as a list of its values, and back: what can be replaced one by one.

A feature is a value inside an instance: a number, text or truth value. Lists
and objects around it stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cpr.errors import BadInput, shorten

# What stands for an unnamed row of features, as a key of its attributions.
UNNAMED = "features"


def leaves(instance: Any) -> list[Any]:
    """The values of an instance, in order."""
    found: list[Any] = []
    pending = [instance]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(reversed(value.values()))
        elif isinstance(value, (list, tuple)):
            pending.extend(reversed(value))
        else:
            found.append(value)
    return found


def rebuilder(instance: Any) -> Callable[[Sequence[Any]], Any]:
    """Makes instances of the same form from lists of values."""
    if isinstance(instance, list) and not any(isinstance(v, (list, dict)) for v in instance):
        return list
    if isinstance(instance, dict) and not any(
        isinstance(v, (list, tuple, dict)) for v in instance.values()
    ):
        names = list(instance)
        return lambda values: dict(zip(names, values, strict=True))
    return lambda values: _rebuilt(instance, iter(values))


def zero(value: Any) -> Any:
    """What stands for the absence of a value: 0, False, an empty text."""
    if isinstance(value, (bool, str, bytes)):
        return type(value)()
    return None if value is None else 0


def zeros_like(instance: Any) -> Any:
    """An instance of the same form, of zeros."""
    return rebuilder(instance)(list(map(zero, leaves(instance))))


def like(values: Any, instance: Any, *, what: str) -> list[Any]:
    """The leaves of `values`, which must have the form of an instance.

    One value that is no list or object stands for every leaf, as in AI
    Platform's baselines; an object may do so for each of its keys.

    Raises:
        BadInput: It has another form; `what` names it.
    """
    return list(_matched(values, instance, what))


def _matched(values: Any, instance: Any, what: str) -> list[Any]:
    if not isinstance(values, (list, tuple, dict)):
        return [values] * len(leaves(instance))
    if isinstance(instance, dict) and isinstance(values, dict):
        missing = [key for key in instance if key not in values]
        if missing:
            raise BadInput(
                f"{what} has no {missing[0]!r}, which the instance has.",
                hint="Give the baseline a value for every key of the instance.",
            )
        parts = [(values[key], part, f"{what}.{key}") for key, part in instance.items()]
    elif isinstance(instance, (list, tuple)) and isinstance(values, (list, tuple)):
        if len(values) != len(instance):
            raise BadInput(
                f"{what} has {len(values)} values where the instance has {len(instance)}.",
                hint="Give the baseline the form of an instance, or a single number for all.",
            )
        pairs = zip(values, instance, strict=True)
        parts = [(v, part, f"{what}[{at}]") for at, (v, part) in enumerate(pairs)]
    else:
        raise BadInput(
            f"{what} is {shorten(values)} where the instance is {shorten(instance)}.",
            hint="Give the baseline the form of an instance, or a single number for all.",
        )
    return [leaf for value, part, name in parts for leaf in _matched(value, part, name)]


def _rebuilt(instance: Any, values: Any) -> Any:
    if isinstance(instance, dict):
        return {key: _rebuilt(part, values) for key, part in instance.items()}
    if isinstance(instance, (list, tuple)):
        return [_rebuilt(part, values) for part in instance]
    return next(values)


def by_feature(attributions: Sequence[float], instance: Any, names: Sequence[str]) -> Any:
    """Attributions as an object of features, each of the form that its values have.

    Args:
        attributions: One for each leaf.
        instance: Whose form they take, where it is an object.
        names: What the features of a flat row, or the only one, are called.
    """
    whole = _rebuilt(instance, iter(attributions))
    if isinstance(instance, dict):
        return whole
    if isinstance(instance, (list, tuple)) and len(names) == len(instance) > 0:
        return dict(zip(names, whole, strict=True))
    return {names[0] if len(names) == 1 else UNNAMED: whole}
