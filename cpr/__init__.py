"""Custom prediction routines: write, package, predict, replay and serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cpr.errors import BadInput, CprError
from cpr.predictor import Predictor

if TYPE_CHECKING:
    from cpr.harness import Harness
    from cpr.pages.in_process import create_app
    from cpr.serving import open_routine

__all__ = ["BadInput", "CprError", "Harness", "Predictor", "create_app", "open_routine"]


def __getattr__(name: str) -> Any:
    # CLI start-up time: serving brings numpy and orjson, which `cpr --help` must not wait for.
    if name == "open_routine":
        from cpr.serving import open_routine

        return open_routine
    if name == "Harness":
        from cpr.harness import Harness

        return Harness
    if name == "create_app":
        from cpr.extras import import_extra

        import_extra("flask", "serve")
        from cpr.pages.in_process import create_app

        return create_app
    raise AttributeError(f"module 'cpr' has no attribute {name!r}")
