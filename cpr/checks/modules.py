"""The modules of a routine, read from their source: what each imports, what reaches what."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_CATCHES_IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


@dataclass(frozen=True)
class Import:
    """One module that an import statement names.

    `names` are what a ``from`` statement takes from it. An import is
    `is_optional` where its failure is caught, `is_deferred` inside a function.
    """

    module: str
    line: int
    names: tuple[str, ...] = ()
    is_optional: bool = False
    is_deferred: bool = False

    @property
    def top(self) -> str:
        """The first part of the module's name."""
        return self.module.partition(".")[0]


@dataclass(frozen=True)
class Module:
    """One module: its dotted name, its file, its syntax tree."""

    name: str
    path: Path
    tree: ast.Module

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """Every import, relative ones by their full name; none of TYPE_CHECKING blocks."""
        return tuple(_imports(self.tree.body, self.package, is_optional=False, is_deferred=False))

    @property
    def package(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What each imported name stands for: ``np`` → ``numpy``, ``Client`` → its full name."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for item in node.names:
                    top = item.name.partition(".")[0]
                    found[item.asname or top] = item.name if item.asname else top
            elif isinstance(node, ast.ImportFrom):
                base = _absolute(node, self.package)
                for item in node.names:
                    found[item.asname or item.name] = f"{base}.{item.name}".lstrip(".")
        return found

    @cached_property
    def bound(self) -> frozenset[str]:
        """Every name that the module defines or assigns, wherever in it."""
        nodes = list(ast.walk(self.tree))
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        defined = {node.name for node in nodes if isinstance(node, kinds)}
        names = (node for node in nodes if isinstance(node, ast.Name))
        return frozenset(defined | {n.id for n in names if isinstance(n.ctx, ast.Store)})

    def dotted(self, node: ast.expr) -> str:
        """The full dotted name that an expression spells, "" if it is none.

        ``pd.read_csv`` gives ``pandas.read_csv``; a name that is not imported
        stands for itself.
        """
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.aliases.get(node.id, node.id), *parts])


@dataclass(frozen=True)
class CodeBase:
    """The import roots of a routine, as its import statements see them."""

    roots: tuple[Path, ...]

    def find(self, name: str) -> Path | None:
        """The file of a module; the folder of a package without ``__init__.py``."""
        for root in self.roots:
            place = root.joinpath(*name.split("."))
            for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
                if file.is_file():
                    return file
        for root in self.roots:
            place = root.joinpath(*name.split("."))
            if place.is_dir() and any(place.rglob("*.py")):
                return place
        return None

    def read(self, name: str) -> Module | None:
        """A module, parsed; None where there is none, or it is not Python 3."""
        path = self.find(name)
        if path is None or path.is_dir():
            return None
        try:
            return Module(name, path, ast.parse(path.read_bytes(), filename=str(path)))
        except (OSError, SyntaxError, ValueError, RecursionError):
            return None  # importing it says what is wrong

    def reachable(self, name: str) -> list[Module]:
        """The modules that importing one of them, or a name in it, can lead to."""
        pending = _prefixes(name)
        found: dict[str, Module | None] = {}
        while pending:
            current = pending.pop(0)
            if current in found:
                continue
            module = found[current] = self.read(current)
            for item in module.imports if module else ():
                pending += _prefixes(item.module)
                pending += [f"{item.module}.{one}" for one in item.names]
        return [module for module in found.values() if module is not None]


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _imports(
    body: Sequence[ast.AST], package: str, *, is_optional: bool, is_deferred: bool
) -> Iterator[Import]:
    for node in body:
        optional, deferred = is_optional, is_deferred
        if isinstance(node, ast.Import):
            for item in node.names:
                yield Import(item.name, node.lineno, (), optional, deferred)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            if base:
                names = tuple(item.name for item in node.names)
                yield Import(base, node.lineno, names, optional, deferred)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from _imports(node.orelse, package, is_optional=optional, is_deferred=deferred)
        elif isinstance(node, ast.Try) and _catches(node):
            rest = [*node.handlers, *node.orelse, *node.finalbody]
            yield from _imports(node.body, package, is_optional=True, is_deferred=deferred)
            # What is imported instead is as optional as what failed.
            yield from _imports(rest, package, is_optional=True, is_deferred=deferred)
        else:
            deferred |= isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            children = list(ast.iter_child_nodes(node))
            yield from _imports(children, package, is_optional=optional, is_deferred=deferred)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    kept = parts[: len(parts) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])


def _catches(node: ast.Try) -> bool:
    """Whether a failed import inside is caught, and not raised again at once."""
    for handler in node.handlers:
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        names = {ast.unparse(kind) if kind else "BaseException" for kind in kinds}
        is_raised = any(isinstance(item, ast.Raise) for item in handler.body)
        if names & _CATCHES_IMPORT_ERRORS and not is_raised:
            return True
    return False
