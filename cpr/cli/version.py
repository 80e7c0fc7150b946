"""The version of `cpr` that is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """The version, or ``(not installed)`` for a bare checkout on the import path."""
    try:
        return version("cpr")
    except PackageNotFoundError:
        return "(not installed)"
