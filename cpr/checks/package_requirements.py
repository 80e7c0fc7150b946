"""Whether what the package requires is stated, bounded, installed, and for the right Python."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from cpr.checks.content import Content, content_of
from cpr.checks.distributions import is_asked, parse_requirement, providers
from cpr.checks.modules import Import
from cpr.checks.profiles import profile_named
from cpr.checks.subject import Subject
from cpr.errors import shorten
from cpr.findings import Finding, rule
from cpr.requirements import unmet

UNDECLARED = rule(
    "CPR210",
    "warning",
    "A library is imported, but not required",
    cause="The package does not say that it needs the library. It works where somebody has "
    "installed it already, and fails with ModuleNotFoundError where only the package and its "
    "requirements are: in a container, on Vertex AI, on a colleague's machine.",
    cure="State it: `requirements` under `[project]` in cpr.toml, or `install_requires` in "
    "setup.py. With `--profile aiplatform-mls1`, what AI Platform had installed need not be.",
    example="""
    import joblib                                   # predictor.py

    install_requires=["scikit-learn>=1.3,<2"]       # setup.py: joblib is missing
    """,
)
UNBOUNDED = rule(
    "CPR211",
    "note",
    "A requirement without an upper bound",
    cause="The next version of the library is installed as soon as it is out, and what was tested "
    "is not what is served. A pickled model often does not load in the next major version.",
    cure="Pin it to the version that the model was made with (`cpr check --fix` does so in "
    "cpr.toml), or give a bound such as `<2`.",
    example="""
    scikit-learn            # any version
    scikit-learn>=1.3       # any later version
    scikit-learn==1.7.2     # this one
    scikit-learn>=1.7,<1.8  # no surprises either
    """,
)
NOT_INSTALLED = rule(
    "CPR212",
    "error",
    "A requirement is not installed here",
    cause="The package says that it needs the library, and this environment does not have it, so "
    "the routine cannot be tried, or served, here.",
    cure="Install it with pip, in this environment.",
)
OTHER_VERSION = rule(
    "CPR213",
    "warning",
    "A requirement is installed in another version",
    cause="What is checked and served here is not what the package asks for. Predictions may "
    "differ, and a pickled model may not load.",
    cure="Install the version that is required; or require the one that is installed, if the model "
    "was made with it.",
)
NO_REQUIREMENT = rule(
    "CPR214",
    "error",
    "A requirement that pip cannot read",
    cause="A package states requirements in the form that PEP 508 gives them; pip refuses to "
    "install a package with any other line. Options such as `-r` and `--hash` belong to "
    "requirements files.",
    cure="Write it as `name`, `name>=1.2,<2`, `name[extra]==1.2` or `name @ https://…`.",
    example="""
    numpy >= one
    -r requirements.txt
    scikit-learn=1.3        # == is meant
    """,
)
WRONG_PYTHON = rule(
    "CPR215",
    "warning",
    "Not for the Python that the package names, or that runs here",
    cause="`python` under `[project]`, or `python_requires`, says which Python the package is for. "
    "This Python is another one, or an installed requirement does not run on every one of "
    "them, so pip will refuse it or choose an older version there.",
    cure="Correct the range, or choose a version of the library that covers it.",
    example="""
    python = ">=3.8"                # in cpr.toml
    requirements = ["numpy==2.2"]   # needs Python 3.10
    """,
)
_LISTED = 3
_UPPER = {"==", "===", "~=", "<", "<="}


def check(subject: Subject) -> Iterator[Finding]:
    """The requirements of a package, or of a project that says what it needs."""
    content = content_of(subject)
    if content.requirements is None or not subject.prediction_class:
        return
    yield from _undeclared(content, subject)
    lines = _valid(content)
    yield from (
        Finding(NO_REQUIREMENT, f"{shorten(line)} is not a requirement")
        for line in content.requirements
        if line not in lines
    )
    for line, requirement in lines.items():
        if not is_asked(requirement):
            continue
        operators = {item.operator for item in requirement.specifier}
        if not (operators & _UPPER or requirement.url):
            yield Finding(UNBOUNDED, f"{line!r} has no upper bound", data={"requirement": line})
    yield from _unmet(lines)
    yield from _python(content, lines)


def _valid(content: Content) -> dict[str, Requirement]:
    parsed = {line: parse_requirement(line) for line in content.requirements or ()}
    return {line: item for line, item in parsed.items() if item is not None}


def _undeclared(content: Content, subject: Subject) -> Iterator[Finding]:
    declared = {str(canonicalize_name(item.name)) for item in _valid(content).values()}
    declared |= profile_named(subject.profile).libraries
    # A stand-in is as good as what it stands for.
    declared |= {one for name in declared for one in providers(name.replace("-", "_"))}
    seen: set[tuple[str, ...]] = {()}
    for module in content.modules:
        for item in module.imports:
            top = item.top
            if item.is_optional or top in sys.stdlib_module_names or top == "cpr":
                continue
            libraries = _libraries(item)
            is_own = content.code.find(top) is not None
            if tuple(libraries) in seen or is_own or declared & {*libraries}:
                continue
            seen.add(tuple(libraries))
            yield Finding(
                UNDECLARED,
                f"{module.name!r} imports {top!r} of {_listed(libraries)}, which is not required",
                file=subject.relative(module.path),
                line=item.line,
                data={"libraries": libraries},
            )


def _libraries(item: Import) -> list[str]:
    """The distributions that may bring an import; the one, where a shared name tells it."""
    libraries = providers(item.top)
    for name in (*(f"{item.module}.{one}" for one in item.names), item.module):
        own = str(canonicalize_name(name))
        if own in libraries:
            return [own]
    return libraries


def _listed(libraries: list[str]) -> str:
    more = " or another" if len(libraries) > _LISTED else ""
    return " or ".join(libraries[:_LISTED]) + more


def _unmet(lines: dict[str, Requirement]) -> Iterator[Finding]:
    for one in unmet(lines):
        if one.installed:
            yield Finding(
                OTHER_VERSION, f"{one.requirement!r} is required; {one.installed} is installed"
            )
        else:
            fix = f"pip install '{one.requirement}'"
            yield Finding(NOT_INSTALLED, f"{one.requirement!r} is not installed", fix=fix)


def _python(content: Content, lines: dict[str, Requirement]) -> Iterator[Finding]:
    wanted = content.requires_python
    if not wanted:
        return
    here = platform.python_version()
    try:
        pythons = SpecifierSet(wanted)
    except InvalidSpecifier:
        return  # the packager says so
    if not pythons.contains(here, prereleases=True):
        yield Finding(WRONG_PYTHON, f"the package is for Python {wanted}; this is {here}")
    for line, requirement in lines.items():
        needs = _requires_python(requirement.name) if is_asked(requirement) else ""
        lacking = [minor for minor in _minors(pythons) if needs and not _runs_on(needs, minor)]
        if lacking:
            version = metadata.version(requirement.name)
            yield Finding(
                WRONG_PYTHON,
                f"the package is for Python {wanted}, but {requirement.name} {version}, which is "
                f"installed for {line!r}, needs Python {needs}",
            )


def _minors(pythons: SpecifierSet) -> list[str]:
    """The versions of Python 3 that a range covers, up to this one."""
    minors = (f"3.{minor}" for minor in range(5, sys.version_info.minor + 1))
    return [minor for minor in minors if _covers(pythons, minor)]


def _covers(pythons: SpecifierSet, minor: str) -> bool:
    return pythons.contains(f"{minor}.99") or pythons.contains(f"{minor}.0")


def _runs_on(needs: str, minor: str) -> bool:
    try:
        return _covers(SpecifierSet(needs), minor)
    except InvalidSpecifier:
        return True  # of an old library, which pip takes all the same


def _requires_python(name: str) -> str:
    try:
        return metadata.metadata(name)["Requires-Python"] or ""
    except (metadata.PackageNotFoundError, KeyError):
        return ""
