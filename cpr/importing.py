"""A class by its dotted name, found as AI Platform found it and explained when it is not.

`pydoc.locate` is the platform's own way. Import roots are appended to
sys.path, as there: a library that is installed wins over a module of the same
name, and where that hides the prediction class, the error says so.
"""

from __future__ import annotations

import ast
import importlib
import logging
import pydoc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from cpr.errors import LoadError, UserCodeError
from cpr.frames import user_line, user_traceback
from cpr.requirements import unmet
from cpr.shims import shim_for
from cpr.sources import Sources
from cpr.suggest import did_you_mean

logger = logging.getLogger(__name__)

_SKIPPED = {"setup", "conftest", "train"}
_INSTALLED = {"site-packages", "dist-packages"}


@contextmanager
def importable(sources: Sources) -> Iterator[None]:
    """Keep the import roots on sys.path; on leaving, forget the modules that came from them.

    Two packages that both call a module ``predictor`` can so be opened one
    after the other, never at once.

    Raises:
        LoadError: A module of these roots is loaded already, from elsewhere.
    """
    _refuse_clash(sources.roots)
    added = [str(root) for root in sources.roots if str(root) not in sys.path]
    sys.path.extend(added)
    importlib.invalidate_caches()
    _active_roots.append(sources.roots)
    try:
        yield
    finally:
        _active_roots.remove(sources.roots)
        for root in added:
            if root in sys.path:
                sys.path.remove(root)
        for name, module in list(sys.modules.items()):
            if _lies_in(module, sources.roots) and name.partition(".")[0] != "cpr":
                del sys.modules[name]


_active_roots: list[tuple[Path, ...]] = []


def locate(name: str, sources: Sources) -> Any:
    """The object that a dotted name leads to; call within `importable`.

    Raises:
        LoadError: The user's module raised while it was imported. The message
            holds the exception and its place; `user_traceback` the rest.
        UserCodeError: No such module, or no such name in it.
    """
    try:
        found = pydoc.locate(name)
    except pydoc.ErrorDuringImport as failure:
        error = failure.value or failure
        if isinstance(error, KeyboardInterrupt):
            raise error from None
        raise _import_failure(name, error, sources) from error
    _refuse_shadow(name, sources)
    if found is None:
        raise _not_found(name, sources)
    return found


def candidates(sources: Sources) -> list[str]:
    """Names of classes in the import roots that look like predictors; nothing is imported."""
    found = []
    for root in sources.roots:
        for path in sorted([*root.glob("*.py"), *root.glob("*/*.py")]):
            if path.stem in _SKIPPED or path.parent.name in ("tests", "test"):
                continue
            if path.parent != root and not (path.parent / "__init__.py").is_file():
                continue
            parts = [*path.relative_to(root).parent.parts, path.stem]
            module = ".".join(part for part in parts if part != "__init__")
            found += [f"{module}.{name}" for name in _predictors_in(path)]
    return list(dict.fromkeys(found))


def _predictors_in(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError):
        return []  # importing it will say what is wrong, if it is the one
    found = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
            if "predict" in methods and methods & {"from_path", "load"}:
                found.append(node.name)
    return found


def _import_failure(name: str, error: BaseException, sources: Sources) -> LoadError:
    place = user_line(error, sources.roots)
    where = f" ({place})" if place else ""
    hints = []
    missing = [str(one) for one in unmet(sources.requirements) if not one.installed]
    if missing:
        hints.append(f"The package requires what is not there: {', '.join(missing)}.")
    if isinstance(error, ImportError):
        shim = shim_for(error)
        if shim:
            hints.append(f"That library has moved since; try --shim {shim}.")
        elif isinstance(error, ModuleNotFoundError) and error.name:
            hints.append(_missing_module_hint(error.name, sources.roots))
    return LoadError(
        f"importing {name!r} failed: {type(error).__name__}: {error}{where}",
        hint=" ".join(hints),
        user_traceback=user_traceback(error, sources.roots),
    )


def _missing_module_hint(module: str, roots: Sequence[Path]) -> str:
    top = module.partition(".")[0]
    near = did_you_mean(top, _top_level(roots))
    return (
        f"If {top!r} is a module of yours, it is not in the package: add it, or give its package "
        f"with --package. If it is a library, install it: pip install {top}. {near}"
    ).rstrip()


def _not_found(name: str, sources: Sources) -> UserCodeError:
    module, _, attribute = name.rpartition(".")
    while module and module not in sys.modules:
        module, _, rest = module.rpartition(".")
        attribute = f"{rest}.{attribute}"
    roots = ", ".join(str(root) for root in sources.roots)
    if not module:
        there = _top_level(sources.roots)
        top = name.partition(".")[0]
        return UserCodeError(
            f"{name!r} cannot be found: there is no module {top!r} in {roots}. "
            f"Modules there: {', '.join(there) or 'none'}. {did_you_mean(top, there)}".rstrip(),
            hint="Give the class as module.Class or module:Class.",
        )
    loaded = sys.modules[module]
    classes = [key for key, value in vars(loaded).items() if isinstance(value, type)]
    known = candidates(sources)
    return UserCodeError(
        f"{name!r} cannot be found: module {module!r} ({Path(loaded.__file__ or '?').name}) has no "
        f"{attribute!r}. Classes there: {', '.join(classes) or 'none'}. "
        f"{did_you_mean(attribute, classes)}".rstrip(),
        hint=f"Classes that look like predictors: {', '.join(known)}." if known else "",
    )


def _refuse_shadow(name: str, sources: Sources) -> None:
    """The prediction class must come from the package, if the package has its module."""
    top = name.partition(".")[0]
    module = sys.modules.get(top)
    if module is None or top not in _top_level(sources.roots) or _lies_in(module, sources.roots):
        return
    raise LoadError(
        f"{name!r} was imported from {getattr(module, '__file__', 'a built-in module')}, not from "
        f"your package: an installed module is called {top!r} too, and comes first.",
        hint=f"Rename your module {top!r}, or uninstall the other one.",
    )


def _refuse_clash(roots: Sequence[Path]) -> None:
    ours = set(_top_level(roots))
    for other in _active_roots:
        for name in ours.intersection(_top_level(other)):
            module = sys.modules.get(name)
            if module is not None and _lies_in(module, other) and not _lies_in(module, roots):
                raise LoadError(
                    f"the module {name!r} is loaded already, from {module.__file__}; two packages "
                    "that share a module name cannot be open in one process.",
                    hint="Close the other routine first, or use a process for each.",
                )


def _top_level(roots: Sequence[Path]) -> list[str]:
    """The names that can be imported from the roots."""
    names = []
    for root in roots:
        names += [path.stem for path in sorted(root.glob("*.py"))]
        names += [path.parent.name for path in sorted(root.glob("*/__init__.py"))]
    return [name for name in dict.fromkeys(names) if name not in _SKIPPED and name.isidentifier()]


def _lies_in(module: ModuleType, roots: Sequence[Path]) -> bool:
    """Whether a module is user code; the libraries of a virtual environment in a root are not."""
    path = Path(getattr(module, "__file__", None) or "/")
    inner = [path.relative_to(root) for root in roots if path.is_relative_to(root)]
    return bool(inner) and _INSTALLED.isdisjoint(inner[0].parts)
