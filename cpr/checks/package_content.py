"""Whether the package holds the modules that it imports, under names that can be imported."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from cpr.checks.content import Content, content_of
from cpr.checks.distributions import LIBRARY_OF, parse_requirement, providers
from cpr.checks.modules import Import, Module
from cpr.checks.subject import Subject
from cpr.findings import Finding, rule
from cpr.suggest import did_you_mean

MISSING_MODULE = rule(
    "CPR207",
    "error",
    "An import of what is neither in the package nor installed",
    cause="The module is not in the package, not in Python's standard library, and no installed or "
    "required library has it. Either a helper was left out when the package was built, or a "
    "library is missing. AI Platform said “problem in predictor - ModuleNotFoundError”.",
    cure="Add the helper to the package; or install the library and state it as a requirement.",
    example="""
    # predictor.py
    from preprocess import Scaler      # preprocess.py was not named in setup.py's scripts
    """,
)
LIKE_STANDARD = rule(
    "CPR208",
    "error",
    "A module is named like one of the standard library",
    cause="The standard library comes first on the import path: the name leads there, and your own "
    "module is never imported. Run from its folder it is the other way round, and libraries "
    "that import the standard module get yours.",
    cure="Rename your module, in the file and in the imports.",
    example="""
    statistics.py      in the package, beside predictor.py
    predictor.py       from statistics import column_means    # ImportError
    """,
)
LIKE_LIBRARY = rule(
    "CPR209",
    "error",
    "A module is named like an installed or required library",
    cause="User code is put behind the installed libraries on the import path, here as on AI "
    "Platform: the name leads to the library, and your own module is never imported.",
    cure="Rename your module, in the file and in the imports.",
    example="""
    xgboost.py         in the package, beside predictor.py
    predictor.py       from xgboost import make_matrix        # ImportError
    """,
)


def check(subject: Subject) -> Iterator[Finding]:
    """The packager's remarks, modules that are missing, and names that others have."""
    content = content_of(subject)
    for remark in content.remarks:
        yield replace(remark, file=subject.relative(remark.file))
    shadowed = set()
    for name, finding in _shadowed(content, subject):
        shadowed.add(name)
        yield finding
    reported: set[str] = subject.told.setdefault("_missing", set())
    for module in content.modules:
        for item in module.imports:
            missing = _missing(item, content)
            if missing and missing not in reported and item.top not in shadowed:
                reported.add(missing)
                yield _absent(missing, item, module, content, subject)


def _missing(item: Import, content: Content) -> str:
    """The module that an import does not find, "" if it does or its failure is caught."""
    if item.is_optional or item.top in sys.stdlib_module_names or item.top == "cpr":
        return ""
    if content.code.find(item.top) is not None:
        return _missing_inside(item, content)
    if providers(item.top) or _is_importable(item.top) or _is_required(item.top, content):
        return ""
    return item.top


def _missing_inside(item: Import, content: Content) -> str:
    """A submodule of the package that is not there."""
    code = content.code
    parts = item.module.split(".")
    for length in range(2, len(parts) + 1):
        name = ".".join(parts[:length])
        parent = code.read(".".join(parts[: length - 1]))
        if code.find(name) is None and not (parent and parts[length - 1] in parent.aliases):
            return name
    return ""


def _is_importable(top: str) -> bool:
    """Whether something on the path has it that no distribution lists, as a built-in module."""
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def _is_required(top: str, content: Content) -> bool:
    """Whether a requirement that is not installed is likely to bring the module."""
    names = (parse_requirement(line) for line in content.requirements or ())
    required = {_plain(item.name) for item in names if item}
    known = {_plain(top), _plain(LIBRARY_OF.get(top, top))}
    return bool(required & known) or any(name.startswith(f"{_plain(top)}_") for name in required)


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_").removeprefix("python_")


def _absent(
    missing: str, item: Import, module: Module, content: Content, subject: Subject
) -> Finding:
    own = sorted({one.name for one in content.modules} | _siblings(subject))
    near = did_you_mean(missing, own)
    library = LIBRARY_OF.get(missing, missing)
    fix = (
        f"If {missing!r} is a module of yours, add it to the package. If it is a library, install "
        f"it and state it as a requirement: {library}. {near}"
    ).rstrip()
    if "." in missing:
        fix = f"Add {missing.replace('.', '/')}.py to the package. {near}".rstrip()
    return Finding(
        MISSING_MODULE,
        f"{module.name!r} imports {missing!r}, which is neither in the package nor installed",
        file=subject.relative(module.path),
        line=item.line,
        fix=fix,
    )


def _siblings(subject: Subject) -> set[str]:
    return {path.stem for root in subject.sources.roots for path in root.glob("*.py")}


def _shadowed(content: Content, subject: Subject) -> Iterator[tuple[str, Finding]]:
    """The package's modules that are imported, but found elsewhere."""
    wanted = {item.top for module in content.modules for item in module.imports}
    wanted.add(subject.prediction_class.partition(".")[0])
    for name in sorted(wanted):
        path = content.code.find(name)
        if path is None or name in ("setup", "cpr"):
            continue
        file = subject.relative(path)
        if name in sys.stdlib_module_names:
            message = f"{file} is named like the module {name!r} of the standard library"
            yield name, Finding(LIKE_STANDARD, message, file=file, fix=_rename(name))
            continue
        libraries = [one for one in providers(name) if not _is_own(name, subject)]
        if libraries or _is_named_in_requirements(name, content):
            message = f"{file} is named like the library {libraries[0] if libraries else name!r}"
            yield name, Finding(LIKE_LIBRARY, message, file=file, fix=_rename(name))


def _is_own(name: str, subject: Subject) -> bool:
    """Whether the installed module of a name is the routine itself, installed for development."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    origin = spec.origin if spec else None
    return origin is not None and any(
        Path(origin).is_relative_to(root) and "site-packages" not in origin
        for root in subject.sources.roots
    )


def _is_named_in_requirements(name: str, content: Content) -> bool:
    required = (parse_requirement(line) for line in content.requirements or ())
    return any(_plain(item.name) == _plain(name) for item in required if item)


def _rename(name: str) -> str:
    return f"Rename it, to my_{name}.py for example, in the imports too."
