"""What a routine does when it runs: each of these checks runs it in a child process."""

from __future__ import annotations

from cpr.checks.behaviour.check import check, observe

__all__ = ["check", "observe"]
