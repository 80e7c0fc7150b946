"""Keeps what a version was loaded from, for the workers that take the place of others later.

A package file may be replaced, and what a URL leads to may change or be out of
reach, long after a version was found good. Packages are copied, and models
behind a URL fetched once, for all workers of the version. Local model
directories are read where they are.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from cpr.archive import is_package_file, open_archive
from cpr.artifacts.fetch import fetch, fetch_file, is_url
from cpr.errors import EnvironmentProblem
from cpr.server.options import VersionSource
from cpr.signatures import SUFFIX


class KeptSource:
    """The copies of one version's files; `close` removes them.

    `source` says how to open the version from the copies, once `fill` has
    made them; nothing is copied of a version that needs none.

    Args:
        source: The version.
    """

    def __init__(self, source: VersionSource) -> None:
        self.source = source
        self._files = ExitStack()
        self._lock = threading.Lock()
        self._is_closed = False

    def fill(self) -> None:
        """Copy and fetch; called once, in a thread that may be left behind by `close`.

        Raises:
            LoadError: There is nothing at a URL.
            PackageRefused: A package is damaged.
            EnvironmentProblem: A file cannot be copied or fetched.
        """
        with ExitStack() as made:
            try:
                opening = _kept(dict(self.source.open_with), made)
            except OSError as error:
                raise EnvironmentProblem(
                    f"the version {self.source.name} cannot be copied: {error.strerror or error}.",
                    hint="Check the files, and the space in the temporary folder.",
                ) from error
            with self._lock:
                if not self._is_closed:
                    self._files = made.pop_all()
                    self.source = replace(self.source, open_with=opening)

    def close(self) -> None:
        """Remove the copies; no worker of the version may be there any more."""
        with self._lock:
            self._is_closed = True
            self._files.close()


def _kept(opening: dict[str, Any], made: ExitStack) -> dict[str, Any]:
    packages = [str(path) for path in opening.get("packages", ()) if _is_package(str(path))]
    target = str(opening.get("target") or "")
    if _is_package(target):
        packages.insert(0, target)
    copies = dict(zip(packages, _copies(packages, made), strict=True)) if packages else {}
    if target in copies:
        opening["target"] = copies[target]
    if "packages" in opening:
        opening["packages"] = [copies.get(str(path), path) for path in opening["packages"]]
    if is_url(str(opening.get("model_dir") or "")):
        opening["model_dir"] = str(made.enter_context(fetch(opening["model_dir"])))
    return opening


def _is_package(path: str) -> bool:
    return is_package_file(Path(path)) and (is_url(path) or Path(path).is_file())


def _copies(packages: Sequence[str], made: ExitStack) -> list[str]:
    """A copy of each package, with its signature and the packages that belong beside it."""
    folder = Path(tempfile.mkdtemp(prefix="cpr-kept-"))
    made.callback(shutil.rmtree, folder, ignore_errors=True)
    found = []
    for number, package in enumerate(packages):
        own = folder / str(number)
        own.mkdir()
        if is_url(package):
            found.append(str(fetch_file(package, own, beside=SUFFIX)))
            continue
        for path in _belonging(Path(package)):
            if path.is_file():
                shutil.copy2(path, own)
        found.append(str(own / Path(package).name))
    return found


def _belonging(package: Path) -> list[Path]:
    """A package file, its signature, and the extra packages that it was built with."""
    with open_archive(package) as contents:
        extras = contents.manifest.extra_packages if contents.manifest else {}
    beside = [package.parent / name for name in extras]
    return [path for one in (package, *beside) for path in (one, Path(f"{one}{SUFFIX}"))]
