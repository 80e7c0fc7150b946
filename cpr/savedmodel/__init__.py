"""SavedModels as files: read, checked, cleaned, written and exported.

Nothing here imports TensorFlow but what must run a graph, and that when it is
called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cpr.savedmodel.exporting import Exported, Head, Retention, export
    from cpr.savedmodel.shrinking import Shrunk, shrink

_EXPORTING = ("Exported", "Head", "Retention", "export")
_SHRINKING = ("Shrunk", "shrink")

__all__ = ["Exported", "Head", "Retention", "Shrunk", "export", "shrink"]


def __getattr__(name: str) -> Any:
    # CLI start-up time: what only reads a SavedModel does not wait for what writes one.
    if name in _EXPORTING:
        from cpr.savedmodel import exporting

        return getattr(exporting, name)
    if name in _SHRINKING:
        from cpr.savedmodel import shrinking

        return getattr(shrinking, name)
    raise AttributeError(f"module 'cpr.savedmodel' has no attribute {name!r}")
