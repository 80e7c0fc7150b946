"""What an estimator is made of, and what follows from it for serving."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

# Libraries whose estimators, once fitted, answer each row by itself.
_KNOWN = frozenset({"sklearn", "xgboost", "lightgbm", "catboost"})
_PLAIN = (str, bytes, int, float, complex, type(None))


def parts(root: Any) -> Iterator[Any]:
    """The estimator and every estimator inside it, fitted or not."""
    stack, seen = [root], set()
    while stack:
        item = stack.pop()
        if isinstance(item, _PLAIN) or id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, np.ndarray):
            stack.extend(item.ravel().tolist() if item.dtype == object else ())
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
        elif item is root or hasattr(item, "fit"):
            yield item
            stack.extend(getattr(item, "__dict__", {}).values())


def is_rowwise(estimator: Any) -> bool:
    """Whether the answer for a row surely does not depend on its neighbours.

    Surely means that every part comes from a library known for it; a custom
    class or a FunctionTransformer may well compute over all rows.
    """
    declared = getattr(estimator, "is_rowwise", None)
    if isinstance(declared, bool):  # a compiled one, which was looked at when it was compiled
        return declared
    for part in parts(estimator):
        if type(part).__module__.partition(".")[0] not in _KNOWN:
            return False
        if type(part).__name__ == "FunctionTransformer" and part.func is not None:
            return False
    return True


def needs_names(estimator: Any) -> bool:
    """Whether any part may pick columns by their names."""
    names = {type(part).__name__ for part in parts(estimator)}
    return "ColumnTransformer" in names or not is_rowwise(estimator)


def run_on_one_thread(estimator: Any) -> None:
    """Undo n_jobs: for one request at a time, a pool costs more than it gains."""
    for part in parts(estimator):
        if getattr(part, "n_jobs", None) not in (None, 1):
            part.n_jobs = 1
