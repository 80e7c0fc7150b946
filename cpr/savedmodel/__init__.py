"""SavedModels as files: read, checked, cleaned, written and exported.

Nothing here imports TensorFlow but what must run a graph, and that when it is
called.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cpr.savedmodel.cleaning import Cleaned
    from cpr.savedmodel.cleaning.clean import clean
    from cpr.savedmodel.exporting import Exported, Head, Retention, export
    from cpr.savedmodel.method_names import set_method_names
    from cpr.savedmodel.shrinking import Shrunk, shrink

_PLACES = {
    "Cleaned": "cleaning",
    "Exported": "exporting",
    "Head": "exporting",
    "Retention": "exporting",
    "Shrunk": "shrinking",
    "clean": "cleaning",
    "export": "exporting",
    "set_method_names": "method_names",
    "shrink": "shrinking",
}

__all__ = [
    "Cleaned",
    "Exported",
    "Head",
    "Retention",
    "Shrunk",
    "clean",
    "export",
    "set_method_names",
    "shrink",
]


def __getattr__(name: str) -> Any:
    # CLI start-up time: what only reads a SavedModel does not wait for what writes one.
    if name in _PLACES:
        return getattr(importlib.import_module(f"cpr.savedmodel.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'cpr.savedmodel' has no attribute {name!r}")
