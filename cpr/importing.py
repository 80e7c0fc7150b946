"""A class by its dotted name, found as AI Platform found it and explained when it is not.

`pydoc.locate` is the platform's own way. Import roots are appended to
sys.path, as there: a library that is installed wins over a module of the same
name, and what that hides is said.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import pydoc
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from cpr.candidates import candidates, top_level
from cpr.errors import LoadError, UserCodeError
from cpr.frames import shown, user_line
from cpr.requirements import unmet
from cpr.shims import shim_for
from cpr.sources import Sources
from cpr.suggest import did_you_mean
from cpr.user_errors import describe, explained

logger = logging.getLogger(__name__)

_LIBRARIES = {"site-packages", "dist-packages"}
# Packages that lie beside the code in a source tree, and that no routine imports.
_BESIDE = {"tests", "test", "docs", "examples", "benchmarks"}
# What lies in a root and is no part of a routine: importing these runs a build, or tests.
_NOT_OURS = {"__main__", "conftest", "cpr", "setup"}
_LISTED = 12
# Import names whose library is called otherwise.
_LIBRARY_OF = {
    "PIL": "Pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dotenv": "python-dotenv",
    "google": "google-cloud-…",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}


@dataclass
class _OpenRoot:
    """An import root in use: by how many, and what was there before the first."""

    was_on_path: bool
    modules_before: frozenset[str]
    users: int = 0


_open_roots: dict[Path, _OpenRoot] = {}


@contextmanager
def importable(sources: Sources) -> Iterator[None]:
    """Keep the import roots on sys.path; on leaving, forget the modules that came from them.

    Two packages that both call a module ``predictor`` can so be opened one
    after the other, never at once. What was imported before is left alone.

    Raises:
        LoadError: Another package that is open has a module of the same name.
    """
    _refuse_clash(sources.roots)
    before = frozenset(sys.modules)
    for root in sources.roots:
        is_known = str(root) in sys.path
        _open_roots.setdefault(root, _OpenRoot(is_known, before)).users += 1
        if not is_known:
            sys.path.append(str(root))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for root in sources.roots:
            _release(root)


def _release(root: Path) -> None:
    state = _open_roots[root]
    state.users -= 1
    if state.users:
        return
    del _open_roots[root]
    if not state.was_on_path and str(root) in sys.path:
        sys.path.remove(str(root))
    for name in sys.modules.keys() - state.modules_before:
        module = sys.modules[name]
        if name.partition(".")[0] == "cpr":
            continue  # ours, where a project's folder holds us too
        if _lies_in(module, [root]) and not _lies_in(module, _open_roots):
            del sys.modules[name]


def locate(name: str, sources: Sources) -> Any:
    """The object that a dotted name leads to; call within `importable`.

    Raises:
        LoadError: The user's module raised while it was imported. The message
            holds the exception and its place; `user_traceback` the rest. Or
            another module of its name would be imported instead.
        UserCodeError: No such module, or no such name in it.
    """
    hidden = _hidden(sources.roots)
    top = name.partition(".")[0]
    if top in hidden:
        raise LoadError(
            f"{name!r} is in your package, but would be imported from {hidden[top]}: another "
            f"module is called {top!r} too, and comes first.",
            hint=f"Rename your module {top!r}; or uninstall the other one, or leave its folder.",
        )
    for module in hidden.keys() - _BESIDE - sys.stdlib_module_names:
        logger.warning(
            "the module %r of your package is hidden by %s, which is imported in its place",
            module,
            hidden[module],
        )
    try:
        found = pydoc.locate(name)
        if found is None:
            _import_parents(name)
    except BaseException as failure:
        error = _cause(failure)
        if isinstance(error, (KeyboardInterrupt, GeneratorExit)):
            raise error from None
        raise _import_failure(name, error, sources) from error
    if found is None:
        raise _not_found(name, sources)
    return found


def is_own(module: str) -> bool:
    """Whether a module would be imported from a root that is open; imports nothing."""
    top = module.partition(".")[0]
    if not _open_roots or top in _NOT_OURS:
        return False
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # a module that was not imported the usual way
        return False
    if spec is None:
        return False
    places = [spec.origin] if spec.has_location else spec.submodule_search_locations or []
    return bool(places) and all(place and _is_under(place, _open_roots) for place in places)


def _cause(failure: BaseException) -> BaseException:
    """What user code raised, where pydoc has wrapped it."""
    wrapped = failure.value if isinstance(failure, pydoc.ErrorDuringImport) else None
    return wrapped or failure


def _import_parents(name: str) -> None:
    """Import the modules that a name begins with, to see what pydoc takes for a missing one.

    It does so with every ImportError that bears the module's own name, as that
    of two modules which import each other.
    """
    parts = name.split(".")
    for length in range(1, len(parts)):
        module = ".".join(parts[:length])
        if module not in sys.modules:
            if importlib.util.find_spec(module) is None:
                return
            importlib.import_module(module)
        if not hasattr(sys.modules[module], "__path__"):
            return


def _import_failure(name: str, error: BaseException, sources: Sources) -> LoadError:
    place = user_line(error, sources.roots)
    problem = f"importing {name!r} failed: {describe(error)}" + (f" ({place})" if place else "")
    is_syntax = isinstance(error, SyntaxError)
    hints = ["Correct the line; code of Python 2 must become Python 3 first."] if is_syntax else []
    missing = [str(one) for one in unmet(sources.requirements) if not one.installed]
    if missing:
        hints.append(f"The package requires what is not there: {', '.join(missing)}.")
    shim = shim_for(error)
    if shim:
        hints.append(f"That has moved since the code was written; try --shim {shim}.")
    elif isinstance(error, ModuleNotFoundError) and error.name:
        hints.append(_missing_module_hint(error.name, sources.roots))
    failure = explained(LoadError, problem, error, sources.roots)
    failure.hint = " ".join(hints)
    return failure


def _missing_module_hint(module: str, roots: Sequence[Path]) -> str:
    top = module.partition(".")[0]
    there = top_level(roots)
    if top in there:
        return f"The package has no {module!r}: was a file left out of it?"
    if top != module and top in sys.modules and top != "google":  # many libraries share that one
        return f"The library {top!r} is there, but it has no {module!r}; another version may."
    return (
        f"If {top!r} is a module of yours, it is not in the package: add it, or give its package "
        f"with --package. If it is a library, install it: pip install {_LIBRARY_OF.get(top, top)}. "
        f"{did_you_mean(top, there)}"
    ).rstrip()


def _not_found(name: str, sources: Sources) -> UserCodeError:
    module, _, attribute = name.rpartition(".")
    while module and module not in sys.modules:
        module, _, rest = module.rpartition(".")
        attribute = f"{rest}.{attribute}"
    if not module:
        return _module_not_found(name, sources.roots)
    loaded = sys.modules[module]
    classes = [
        key
        for key, value in vars(loaded).items()
        if isinstance(value, type)
        and value.__module__.partition(".")[0] == module.partition(".")[0]
    ]
    listed = ", ".join(classes[:_LISTED]) + ("…" if len(classes) > _LISTED else "")
    known = candidates(sources.roots)
    return UserCodeError(
        f"{name!r} cannot be found: module {module!r} ({_place(loaded)}) has no {attribute!r}. "
        f"Classes there: {listed or 'none'}. {did_you_mean(attribute, classes)}".rstrip(),
        hint=f"Classes that look like predictors: {', '.join(known)}." if known else "",
    )


def _module_not_found(name: str, roots: Sequence[Path]) -> UserCodeError:
    top = name.partition(".")[0]
    there = top_level(roots)
    deeper = sorted(
        str(path.relative_to(root)) for root in roots for path in root.glob(f"*/{top}.py")
    )
    known = candidates(roots)
    hints = [
        f"There is a {deeper[0]}, in a folder that is not imported from." if deeper else "",
        f"Classes that look like predictors: {', '.join(known)}." if known else "",
    ]
    return UserCodeError(
        f"{name!r} cannot be found: there is no module {top!r} in "
        f"{', '.join(shown(str(root)) for root in roots)}. "
        f"Modules there: {', '.join(there) or 'none'}. {did_you_mean(top, there)}".rstrip(),
        hint=" ".join(filter(None, hints)) or "Give the class as module.Class or module:Class.",
    )


def _place(module: ModuleType) -> str:
    file = getattr(module, "__file__", None)
    return Path(file).name if file else "a folder or built in"


def _hidden(roots: Sequence[Path]) -> dict[str, str]:
    """The package's modules that something else of the same name comes before, and where."""
    found = {}
    for name in top_level(roots):
        module = sys.modules.get(name)
        spec = getattr(module, "__spec__", None) if module else importlib.util.find_spec(name)
        origin = getattr(module, "__file__", None) or (spec.origin if spec else None)
        if origin and not _is_under(origin, roots):
            found[name] = origin
    return found


def _refuse_clash(roots: Sequence[Path]) -> None:
    others = [root for root in _open_roots if root not in roots]
    clashes = set(top_level(root for root in roots if root not in _open_roots))
    for name in sorted(clashes.intersection(top_level(others)) - _BESIDE):
        raise LoadError(
            f"another routine that is open has a module {name!r} too, in "
            f"{next(str(root) for root in others if name in top_level([root]))}; two packages "
            "that share a module name cannot be open in one process.",
            hint="Close the other routine first, or use a process for each.",
        )


def _lies_in(module: ModuleType, roots: Iterable[Path]) -> bool:
    file = getattr(module, "__file__", None)
    places = [file] if file else list(getattr(module, "__path__", []))
    return any(_is_under(place, roots) for place in places)


def _is_under(place: str, roots: Iterable[Path]) -> bool:
    """Whether a file is a root's own, not that of a virtual environment inside it."""
    path = Path(place)
    if not path.is_absolute():
        return False  # torch.ops claims the file "_ops.py"; what was imported has a whole path
    path = path.resolve()
    return any(
        path.is_relative_to(root) and _LIBRARIES.isdisjoint(path.relative_to(root).parts)
        for root in roots
    )
