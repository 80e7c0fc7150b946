"""Finds the SavedModel to deploy in a training directory, or says what is there instead."""

from __future__ import annotations

from pathlib import Path

from cpr.errors import LoadError
from cpr.savedmodel.exports import Exports, find_exports
from cpr.savedmodel.instead import no_saved_model


def find_export(source: Path, version: int | None = None) -> Exports:
    """The SavedModel to deploy, as `find_exports` chooses it.

    Raises:
        LoadError: There is none; the message says what is there, and what to do.
        UsageError: There are several, and which is meant cannot be told; or
            `version` is none of them.
    """
    if not source.is_dir():
        what = "is a file" if source.exists() else "does not exist"
        raise LoadError(f"{source} {what}; a directory is expected.", hint="Check the path.")
    found = find_exports(source, version)
    if found is None:
        raise no_saved_model(source)
    return found
