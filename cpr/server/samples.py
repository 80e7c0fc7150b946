"""Sample requests: what a version answers before it serves, and what its page offers.

They are the requests that `cpr replay` reads: those that are named, with the
answers that are recorded with them or stand in ``golden/`` beside them; or else
``requests/`` of the project directory, inside the package, or in the project
whose ``dist/`` the package is in. Of those only the requests are taken, without
answers: a new model may well answer otherwise, and so does a class that is
being worked on.
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from cpr.archive import Contents, is_package_file, open_archive
from cpr.config import settings_file
from cpr.errors import CprError
from cpr.replay.golden import with_golden
from cpr.replay.recorded import RecordedRequest
from cpr.replay.requests import SUFFIXES, read_requests
from cpr.server.options import VersionSource
from cpr.server.version_sources import path_of_target

logger = logging.getLogger(__name__)

# A version answers them all each time it is loaded; those that are named are all taken.
MOST = 20
_FOLDER = "requests"


def samples_of(source: VersionSource, named: str = "") -> list[dict[str, Any]]:
    """The sample requests of a version, as JSON values.

    Each is ``{"body": text, "place": "file:line"}``, and of those that are
    named, where an answer is known, ``"expected": document`` or ``"fails": true``.
    Requests that are found rather than named are left out with a warning if
    they cannot be read, and silently if an error is recorded for them.

    Args:
        source: The version.
        named: A file or directory of requests; "" looks for the version's own.

    Raises:
        BadFile: `named` cannot be used.
        NoFile: `named` is not there.
    """
    if named:
        return [_sample(one) for one in _with_answers(read_requests(named), Path(named))]
    target = source.open_with.get("target")
    try:
        return [_sample(replace(request, expected=None)) for request in _own_requests(target)]
    except CprError as error:
        logger.warning("the requests of %s cannot be used as samples: %s", target, error.problem)
        return []


def _own_requests(target: str | None) -> list[RecordedRequest]:
    place = path_of_target(target)
    if place is None or target is None:
        return []
    if place.is_file() and is_package_file(place):
        found = _packed_requests(place) or _requests_in(_built_from(place))
    else:
        found = _requests_in(place if place.is_dir() else _project_of(place))
    return [one for one in found if one.expected is None or not one.expected.is_error][:MOST]


def _built_from(package: Path) -> Path:
    """The project directory of a package in its ``dist/``; the package's own folder elsewhere."""
    return package.parent.parent if package.parent.name == "dist" else package.parent


def _project_of(file: Path) -> Path:
    """The project directory of a source file; its own folder where there is none."""
    return next((folder for folder in file.parents if settings_file(folder)), file.parent)


def _requests_in(folder: Path) -> list[RecordedRequest]:
    requests = folder / _FOLDER
    if not requests.is_dir() or not any(item.suffix in SUFFIXES for item in requests.iterdir()):
        return []
    return read_requests(str(requests))


def _with_answers(requests: list[RecordedRequest], place: Path) -> list[RecordedRequest]:
    """The requests with the golden answers beside them, unless some answer is recorded."""
    folder = place if place.is_dir() else place.parent
    golden = next(
        (path for path in (folder.parent / "golden", folder / "golden") if path.is_dir()), None
    )
    if golden is None or any(request.expected for request in requests):
        return requests
    return with_golden(requests, str(golden))


def _packed_requests(package: Path) -> list[RecordedRequest]:
    with tempfile.TemporaryDirectory(prefix="cpr-samples-") as folder:
        with open_archive(package) as contents:
            _unpack(contents, Path(folder))
        return _requests_in(Path(folder))


def _unpack(contents: Contents, into: Path) -> None:
    """Write the requests of a package, a flat folder of checked names."""
    prefix = f"{contents.root}/" if contents.root else ""
    for member in contents.members:
        folder, _, name = member.name.removeprefix(prefix).partition("/")
        if folder == _FOLDER and name and "/" not in name:
            (into / folder).mkdir(exist_ok=True)
            (into / folder / name).write_bytes(contents.read(member))


def _sample(request: RecordedRequest) -> dict[str, Any]:
    place = f"{Path(request.file).name}:{request.line}"
    found: dict[str, Any] = {"body": request.body.decode("utf-8"), "place": place}
    if request.expected is not None and request.expected.is_error:
        found["fails"] = True
    elif request.expected is not None:
        found["expected"] = request.expected.document
    return found
