"""Which installed libraries a package was made with: those it requires or imports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cpr.errors import ConfigError
from cpr.packager.classes import imported_tops, parse


def installed_libraries(requirements: Iterable[str], files: Mapping[str, Path]) -> dict[str, str]:
    """The versions, here, of what the requirements name and the modules import.

    Modules that are not Python 3 import nothing; the packager says so elsewhere.
    """
    names = {str(canonicalize_name(Requirement(line).name)) for line in requirements}
    distributions = metadata.packages_distributions()
    for name, path in files.items():
        if name.endswith(".py"):
            for top in _imports(path):
                names |= {str(canonicalize_name(one)) for one in distributions.get(top, ())}
    found = {}
    for name in sorted(names):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # not installed here, so not what the package was made with
    return found


def _imports(path: Path) -> set[str]:
    try:
        return {top for top, _ in imported_tops(parse(path))}
    except ConfigError:
        return set()
