"""Which classes look like predictors, told from the source; nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_NO_ROUTINES = {"setup", "conftest", "train", "tests", "test"}
_NO_MODULES = {"setup", "conftest"}


def candidates(roots: Sequence[Path]) -> list[str]:
    """Dotted names of the classes below the import roots that look like predictors."""
    found = [
        f"{module}.{name}"
        for root in roots
        for module, path in _modules(root)
        if _NO_ROUTINES.isdisjoint(module.split("."))
        for name in predictors_in(path)
    ]
    return list(dict.fromkeys(found))


def unfinished(roots: Sequence[Path]) -> list[str]:
    """Dotted names of the classes that have from_path, but no predict."""
    return [
        f"{module}.{name}"
        for root in roots
        for module, path in _modules(root)
        if _NO_ROUTINES.isdisjoint(module.split("."))
        for name, own in _classes(path).items()
        if "from_path" in own and "predict" not in own
    ]


def predictors_in(path: Path) -> list[str]:
    """Names of the classes in a file that have predict and from_path, or predict and load.

    What a class inherits from another one in the same file counts. A file that
    cannot be read as Python has none: importing it will say what is wrong.
    """
    return [
        name
        for name, own in _classes(path).items()
        if not name.startswith("_") and "predict" in own and own & {"from_path", "load"}
    ]


def unreadable(roots: Iterable[Path]) -> list[str]:
    """The modules in the roots that are not Python 3: ``file:line: why``."""
    found = []
    for path in (path for root in roots for _, path in _modules(root)):
        try:
            ast.parse(path.read_bytes(), filename=str(path))
        except SyntaxError as error:
            found.append(f"{path.name}:{error.lineno}: {error.msg}")
        except (OSError, ValueError, RecursionError) as error:
            found.append(f"{path.name}: {error}")
    return found


def top_level(roots: Iterable[Path]) -> list[str]:
    """The names that an import statement can begin with, of what lies in the roots."""
    names = []
    for root in roots:
        names += [path.stem for path in sorted(root.glob("*.py"))]
        names += [path.parent.name for path in sorted(root.glob("*/__init__.py"))]
    return [n for n in dict.fromkeys(names) if n not in _NO_MODULES and n.isidentifier()]


def _modules(folder: Path, prefix: str = "") -> Iterator[tuple[str, Path]]:
    """The modules of an import root or package: dotted name and file."""
    for path in sorted(folder.glob("*.py")):
        name = prefix.rstrip(".") if path.stem == "__init__" else f"{prefix}{path.stem}"
        if name:
            yield name, path
    for package in sorted(folder.glob("*/__init__.py")):
        if package.parent.name.isidentifier() and not package.parent.is_symlink():
            yield from _modules(package.parent, f"{prefix}{package.parent.name}.")


def _classes(path: Path) -> dict[str, set[str]]:
    """The classes of a file with the names that each defines or inherits."""
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return {}
    members: dict[str, set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            inherited = [members.get(getattr(base, "id", ""), set()) for base in node.bases]
            members[node.name] = set(_assigned(node.body)).union(*inherited)
    return members


def _assigned(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
