"""What a model file or directory holds, told without the framework that wrote it."""

from __future__ import annotations

from cpr.inspecting.inspection import Inspection
from cpr.inspecting.opening import inspect_model

__all__ = ["Inspection", "inspect_model"]
