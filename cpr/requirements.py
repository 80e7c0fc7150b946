"""Which of a package's requirements this environment does not meet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata


@dataclass(frozen=True)
class Unmet:
    """A requirement, and the version that is installed instead, if any."""

    requirement: str
    installed: str = ""

    def __str__(self) -> str:
        state = f"{self.installed} is installed" if self.installed else "not installed"
        return f"{self.requirement} ({state})"


def unmet(requirements: Iterable[str]) -> list[Unmet]:
    """The requirements that are missing or at another version, in order.

    Those whose environment marker excludes this Python are left out; a line
    that is no requirement is reported as it stands.
    """
    # CLI start-up time: parsing is needed only where a package declares something.
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for line in requirements:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            found.append(Unmet(f"{line!r}, which is not a valid requirement"))
            continue
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            found.append(Unmet(line))
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            found.append(Unmet(line, installed))
    return found
