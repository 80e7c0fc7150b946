"""Makes a SavedModel smaller without changing what it answers."""

from __future__ import annotations

from cpr.savedmodel.shrinking.result import Shrunk, Step
from cpr.savedmodel.shrinking.shrinker import TOLERANCES, shrink

__all__ = ["TOLERANCES", "Shrunk", "Step", "shrink"]
