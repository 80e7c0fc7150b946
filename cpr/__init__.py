"""Custom prediction routines: write, package, predict, replay and serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cpr.errors import BadInput, CprError
from cpr.predictor import Predictor

if TYPE_CHECKING:
    from cpr.harness import Harness
    from cpr.serving import open_routine

__all__ = ["BadInput", "CprError", "Harness", "Predictor", "open_routine"]


def __getattr__(name: str) -> Any:
    # CLI start-up time: serving brings numpy and orjson, which `cpr --help` must not wait for.
    if name == "open_routine":
        from cpr.serving import open_routine

        return open_routine
    if name == "Harness":
        from cpr.harness import Harness

        return Harness
    raise AttributeError(f"module 'cpr' has no attribute {name!r}")
