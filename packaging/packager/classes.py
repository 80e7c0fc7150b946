"""Whether a package holds its prediction class, told from the source alone."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cpr.errors import ConfigError, shorten
from cpr.suggest import did_you_mean

_ANYTHING = "*"


@dataclass(frozen=True)
class ClassPlace:
    """Where a prediction class is: the file in the package, the names within it."""

    file: str
    attributes: tuple[str, ...]


def normal_name(prediction_class: str) -> str:
    """``module.Class`` for ``module:Class`` or ``module.Class``.

    Raises:
        ConfigError: It is neither.
    """
    name = prediction_class.replace(":", ".", 1)
    if "." not in name or not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(
            f"the prediction class is {shorten(prediction_class)}; expected module.Class.",
            hint="For example: predictor.MyPredictor",
        )
    return name


def find_class(name: str, files: Collection[str]) -> ClassPlace | None:
    """The module of the package that a dotted class name leads to, or None."""
    parts = name.split(".")
    for depth in range(len(parts) - 1, 0, -1):
        stem = "/".join(parts[:depth])
        for file in (f"{stem}.py", f"{stem}/__init__.py"):
            if file in files:
                return ClassPlace(file, tuple(parts[depth:]))
    return None


def check_class(name: str, files: Mapping[str, Path]) -> ClassPlace:
    """See that the prediction class is defined where its name says.

    Raises:
        ConfigError: Its module is not in the package, is not Python, or does
            not define the class.
    """
    place = find_class(name, files)
    if place is None:
        modules = [file for file in files if file.endswith(".py")]
        top = name.partition(".")[0]
        raise ConfigError(
            f"the prediction class {name!r} is not in the package: it has no module {top!r}. "
            f"Its modules: {', '.join(modules[:10]) or 'none'}"
            f"{'…' if len(modules) > 10 else ''}. {did_you_mean(f'{top}.py', modules)}".rstrip()
        )
    source = files[place.file]
    body: list[ast.stmt] = parse(source).body
    for depth, attribute in enumerate(place.attributes):
        names = _defined(body)
        if _ANYTHING in names or "__getattr__" in names:
            return place
        if attribute not in names:
            raise _undefined(name, source, place.attributes[: depth + 1], names)
        node = names[attribute]
        if not isinstance(node, ast.ClassDef):
            return place
        body = node.body
    return place


def parse(source: Path) -> ast.Module:
    """The syntax tree of a module.

    Raises:
        ConfigError: It is not Python 3, naming the line.
    """
    try:
        return ast.parse(source.read_bytes(), filename=str(source))
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        reason = getattr(error, "msg", None) or str(error)
        raise ConfigError(
            f"{source}{f':{line}' if line else ''} is not Python 3: {reason}"
        ) from error


def imported_tops(tree: ast.Module) -> Iterable[tuple[str, int]]:
    """The first part of every absolute import, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0], node.lineno


def imported_modules(tree: ast.Module, file: str) -> Iterable[tuple[str, int]]:
    """Dotted names that importing may look for, with their lines.

    What is imported from a module may be a module itself, so it is one of them.

    Args:
        tree: The module.
        file: Its name in the package: relative imports start there.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            folders = file.split("/")[: -node.level] if node.level else []
            parent = [*folders, *filter(None, [node.module])]
            for alias in node.names:
                yield ".".join([*parent, alias.name]), node.lineno


def _undefined(
    name: str, source: Path, attributes: tuple[str, ...], names: Mapping[str, ast.stmt]
) -> ConfigError:
    classes = [key for key, node in names.items() if isinstance(node, ast.ClassDef)]
    missing = attributes[-1]
    return ConfigError(
        f"the prediction class {name!r} is not in the package: {source} defines no "
        f"{'.'.join(attributes)!r}. Its classes: {', '.join(classes) or 'none'}.",
        hint=did_you_mean(missing, classes),
    )


def _defined(body: Iterable[ast.stmt]) -> dict[str, ast.stmt]:
    """Names that a module or class body binds, wherever in its ifs and trys."""
    found: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found[node.name] = node
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = node
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for part in (part for target in targets for part in ast.walk(target)):
                if isinstance(part, ast.Name):
                    found[part.id] = node
        else:
            for inner in _inner_bodies(node):
                found.update(_defined(inner))
    return found


def _inner_bodies(node: ast.stmt) -> Iterable[list[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        yield getattr(node, field, [])
    for handler in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield handler.body
