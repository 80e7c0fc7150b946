"""A routine in a process of its own, so that nothing it does can reach the caller."""

from __future__ import annotations

from cpr.isolated.process import ChildProcess
from cpr.isolated.routine import IsolatedRoutine, LoadReport, Usage, open_isolated

__all__ = ["ChildProcess", "IsolatedRoutine", "LoadReport", "Usage", "open_isolated"]
