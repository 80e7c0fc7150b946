"""Which names a pickle may use, and what they lead to: the setting ``trust``.

``listed`` allows the exact names of `cpr.artifacts.allowed_globals`, those
that the setting ``trusted`` adds, and the classes and functions that the
opened package itself defines, since its code is run anyway.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec
from types import FunctionType
from typing import Any

from cpr.artifacts.allowed_globals import ALLOWED
from cpr.artifacts.pickle_machine import ARRAY_WRAPPERS, ForbiddenPickle
from cpr.importing import is_own
from cpr.shims import SHIMS

_MOVED = SHIMS["sklearn-private-modules"].aliases
# Answered by the unpickler itself with something harmless.
REPLACED = ARRAY_WRAPPERS | {("_codecs", "encode"), ("numpy", "memmap")}
_LISTED_MODULES = {module for module, _ in ALLOWED}


@dataclass(frozen=True)
class Names:
    """The names that pickles may use; `trusted` are further ones, ``module.Name``."""

    trusted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, trusted: Iterable[str]) -> Names:
        """The list, and the names that a setting adds."""
        return cls(frozenset(name.replace(":", ".") for name in trusted))

    def allow(self, module: str, name: str) -> bool:
        """Whether a pickle may use a name; imports nothing."""
        return self.is_listed(module, name) or is_own(module)

    def find(self, module: str, name: str) -> Any:
        """Import a name that is allowed.

        Raises:
            ForbiddenPickle: It is not allowed.
            ImportError: There is no such module.
            AttributeError: The module has no such name.
        """
        if self.is_listed(module, name):
            found = import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
            return found
        if is_own(module):
            return _own(module, name)
        raise ForbiddenPickle(f"it uses {module}.{name}")

    def is_listed(self, module: str, name: str) -> bool:
        """Whether a name is on the list, or was added to it."""
        key = (_MOVED.get(module, module), name)
        return key in ALLOWED or key in REPLACED or f"{module}.{name}" in self.trusted


def _own(module: str, name: str) -> Any:
    """A class or function that a module of the opened package defines itself.

    What it has imported from elsewhere is not its own, nor is what an
    attribute of a function leads to.
    """
    found: Any = import_module(module)
    for part in name.split("."):
        if part not in vars(found) and found is sys.modules[module]:
            raise AttributeError(f"module {module!r} has no attribute {part!r}")
        inside = vars(found).get(part) if isinstance(found, type) else getattr(found, part, None)
        if not isinstance(inside, (type, FunctionType)) or inside.__module__ != module:
            raise ForbiddenPickle(
                f"it uses {module}.{name}, which is no class or function that {module} defines"
            )
        found = inside
    return found


def is_missing(module: str) -> bool:
    """Whether a module is nowhere on the import path; nothing is imported to tell."""
    spec = None
    full = ""
    for part in module.split("."):
        full = f"{full}.{part}" if full else part
        if full in sys.modules and sys.modules[full] is not None:
            spec = getattr(sys.modules[full], "__spec__", None)
            continue
        if "." not in full:
            spec = find_spec(full)
        else:
            places = spec.submodule_search_locations if spec else None
            spec = PathFinder.find_spec(full, list(places)) if places else None
        if spec is None:
            return True
    return False


def is_renamed(module: str, name: str) -> bool:
    """Whether a module of a listed library is there, but has no such name."""
    known = any(other == module or other.startswith(f"{module}.") for other in _LISTED_MODULES)
    return known and not hasattr(import_module(module), name.partition(".")[0])
