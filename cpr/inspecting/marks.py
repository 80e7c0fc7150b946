"""What is said of variables beside their names: not for serving, stored again, not reached."""

from __future__ import annotations

from collections.abc import Sequence

from cpr.inspecting.inspection import Role, Variable

_ROLES: dict[Role, str] = {
    "optimizer": "optimizer slot",
    "training": "training state",
    "bookkeeping": "bookkeeping of TensorFlow",
}


def marks_of(variables: Sequence[Variable]) -> list[str]:
    """A text for each variable; it names another one only by a name that tables show."""
    names = {item.key: item.name for item in variables}
    return [", ".join(_marks(item, names.get(item.duplicate_of, ""))) for item in variables]


def _marks(item: Variable, other: str) -> list[str]:
    found = [_ROLES[item.role]] if item.role in _ROLES else []
    if item.duplicate_of:
        # Keras 3 writes one variable in two places, under one name.
        found.append("stored again" if other in ("", item.name) else f"same as {other}")
    if item.is_reached is False and item.role != "bookkeeping":
        found.append("not reached")
    return found
