"""Which installed libraries a package would see, were nothing installed but what it requires."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import metadata

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cpr.requirements import stand_in

# Import names whose library is called otherwise, for advice where it is not installed.
LIBRARY_OF = {
    "PIL": "Pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dotenv": "python-dotenv",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}


def parse_requirement(line: str) -> Requirement | None:
    """A requirement, or None if the line is none."""
    try:
        return Requirement(line)
    except InvalidRequirement:
        return None


def is_asked(requirement: Requirement, extra: str = "") -> bool:
    """Whether a requirement's marker asks for it on this Python."""
    if requirement.marker is None:
        return True
    try:
        return requirement.marker.evaluate({"extra": extra})
    except (UndefinedComparison, UndefinedEnvironmentName):
        return False


def providers(module: str) -> list[str]:
    """The installed distributions that hold a top-level module, by canonical name."""
    return sorted({str(canonicalize_name(name)) for name in _providers().get(module, ())})


def hidden_modules(requirements: Iterable[str], modules: Iterable[str]) -> list[str]:
    """The installed top-level modules that only other distributions bring.

    Visible are the requirements and the distributions of `modules`, and
    whatever those require; `cpr` always is.
    """
    wanted = ["cpr", *(name for module in modules for name in providers(module))]
    visible = closure([*wanted, *requirements])
    return sorted(
        module
        for module, names in _providers().items()
        if module != "cpr" and not any(str(canonicalize_name(n)) in visible for n in names)
    )


def closure(requirements: Iterable[str]) -> set[str]:
    """The canonical names of installed distributions that requirements lead to."""
    installed = _installed()
    pending = [
        item for line in requirements if (item := parse_requirement(line)) and is_asked(item)
    ]
    seen: set[tuple[str, str]] = set()
    while pending:
        requirement = pending.pop()
        name = str(canonicalize_name(requirement.name))
        if name not in installed:
            name = str(canonicalize_name(stand_in(requirement.name)))
        for extra in ("", *requirement.extras):
            if (name, extra) in seen or name not in installed:
                continue
            seen.add((name, extra))
            needed = (parse_requirement(line) for line in installed[name].requires or ())
            pending += [item for item in needed if item and is_asked(item, extra)]
    return {name for name, _ in seen}


@lru_cache(maxsize=1)
def _installed() -> Mapping[str, metadata.Distribution]:
    found: dict[str, metadata.Distribution] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:  # a folder that was left half removed has none
            found.setdefault(str(canonicalize_name(name)), distribution)
    return found


@lru_cache(maxsize=1)
def _providers() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()
