"""What the files of a model directory are, and whether they still are that."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from cpr.errors import EnvironmentProblem, PackageRefused, shorten
from cpr.manifest import MemberRecord

_CHUNK = 1 << 20


def record_model(folder: Path) -> dict[str, MemberRecord]:
    """Size and sha256 of every file below a directory, by its path with ``/``, sorted."""
    found = {}
    for top, _, names in os.walk(folder):
        for name in names:
            path = Path(top, name)
            found[path.relative_to(folder).as_posix()] = record_file(path)
    return dict(sorted(found.items()))


def record_file(path: Path) -> MemberRecord:
    """Size and sha256 of one file."""
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                digest.update(piece)
                size += len(piece)
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be read: {error.strerror}") from error
    return MemberRecord(digest.hexdigest(), size)


def check_model(folder: Path, records: Mapping[str, MemberRecord], package: str) -> None:
    """Hold a model directory against what a package recorded of it.

    Raises:
        PackageRefused: A file is missing, changed, or was not there.
    """
    found = record_model(folder)
    for path in (*records, *found):
        if found.get(path) == records.get(path):
            continue
        if path not in found:
            fault = "is missing"
        else:
            fault = "was changed" if path in records else "was not there"
        raise PackageRefused(
            f"the model directory {folder} is not the one that {package} was signed with: "
            f"{shorten(path)} {fault}.",
            hint="Give the directory that cpr package --model-dir staged beside the package.",
        )
