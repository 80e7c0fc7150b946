"""What MLflow loads as a Python function."""

from __future__ import annotations

from typing import Any

import work


class WorkModel:
    """Rows or a table in, a list out."""

    def __init__(self) -> None:
        self._predict = work.load()

    def predict(self, data: Any, params: Any = None) -> Any:
        return self._predict(data.to_dict("records") if hasattr(data, "to_dict") else data)


def _load_pyfunc(path: str) -> WorkModel:
    return WorkModel()
