"""A routine in a user's own tests and notebooks: predict, replay, check, assert."""

from __future__ import annotations

from cpr.harness.routine_harness import Harness

__all__ = ["Harness"]
