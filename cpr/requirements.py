"""Which of a package's requirements this environment does not meet."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet


@dataclass(frozen=True)
class Unmet:
    """A requirement, and the version that is installed instead, if any."""

    requirement: str
    installed: str = ""
    is_valid: bool = True

    def __str__(self) -> str:
        if not self.is_valid:
            return f"{self.requirement!r} (not a valid requirement)"
        state = f"{self.installed} is installed" if self.installed else "not installed"
        return f"{self.requirement} ({state})"


def unmet(requirements: Iterable[str]) -> list[Unmet]:
    """The requirements that are missing or at another version, in order.

    Those whose environment marker excludes this Python are left out; a line
    that is no requirement is reported as it stands.
    """
    # CLI start-up time: parsing is needed only where a package declares something.
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for line in requirements:
        try:
            requirement = Requirement(line)
            is_asked = requirement.marker is None or requirement.marker.evaluate()
        except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName):
            found.append(Unmet(line, is_valid=False))
            continue
        if not is_asked:
            continue
        installed = installed_version(requirement.name)
        if not installed:
            found.append(Unmet(line))
        elif not _is_met(requirement.specifier, installed):
            found.append(Unmet(line, installed))
    return found


def installed_version(name: str) -> str:
    """The installed version of a distribution, or of one that stands in for it; else "".

    A library under another name brings the same modules: tensorflow-cpu, say,
    is as good as tensorflow.
    """
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        stands_in = stand_in(name)
        return metadata.version(stands_in) if stands_in else ""


def stand_in(name: str) -> str:
    """An installed distribution that has the module that another one is named after; else ""."""
    module = re.sub(r"[-_.]+", "_", name)
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    if spec is None:
        return ""
    return next(iter(metadata.packages_distributions().get(module, [])), "")


def _is_met(specifier: SpecifierSet, installed: str) -> bool:
    """Whether a version will do; one that PEP 440 does not know meets no bound."""
    from packaging.version import InvalidVersion  # CLI start-up time

    try:
        return specifier.contains(installed, prereleases=True)
    except InvalidVersion:  # raised by packaging before 24
        return not str(specifier)
