"""What in a package would surprise its user later, though it can be built."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from operator import itemgetter
from pathlib import Path

from cpr.errors import ConfigError
from cpr.findings import Finding
from cpr.packager.classes import imported_modules, parse
from cpr.packager.modules import Layout
from cpr.packager.rules import LOOSE_FILE, NOT_A_MODULE, UNPACKED_IMPORT
from cpr.packager.select import Selection
from cpr.packager.tree import GENERATED, Tree

_NO_DATA = re.compile(
    r".*\.(md|rst|toml|cfg|ini|lock|log|ipynb|sh|pyi)"
    r"|(license|licence|copying|notice|authors|changelog|makefile|dockerfile|procfile|readme).*"
    r"|requirements.*\.txt",
    re.IGNORECASE,
)
_LISTED = 5


def remarks(tree: Tree, selection: Selection, layout: Layout) -> list[Finding]:
    """Loose data files, imports that lead out of the package, unusable modules."""
    return [
        *_loose_files(tree, selection, layout),
        *_imports_of_what_is_left_out(tree, selection),
        *_odd_modules(tree, selection),
    ]


def _loose_files(tree: Tree, selection: Selection, layout: Layout) -> Iterable[Finding]:
    if layout.loose:
        yield Finding(
            LOOSE_FILE,
            f"pip will not install {_some(layout.loose)}: only files of Python packages are "
            "installed",
            file=str(selection.files[layout.loose[0]]),
            fix="Move them into a package, or into the model directory.",
        )
    settled = {*selection.files.values(), *selection.excluded}
    beside = [
        name
        for name, path in tree.below(selection.root).items()
        if "/" not in name and path not in settled and not _is_no_data(name)
    ]
    if beside:
        yield Finding(
            LOOSE_FILE,
            f"{_some(beside)}: data beside the modules is not in the package",
            file=str(tree.below(selection.root)[beside[0]]),
            fix="If the routine reads it, move it into a package or into the model directory.",
        )


def _imports_of_what_is_left_out(tree: Tree, selection: Selection) -> Iterable[Finding]:
    packed = _dotted(selection.files)
    left_out = _dotted(_python_files(tree, selection)) - packed
    for name, path in selection.files.items():
        if not name.endswith(".py"):
            continue
        try:
            imports = list(imported_modules(parse(path), name))
        except ConfigError as error:
            yield Finding(NOT_A_MODULE, error.problem, file=str(path))
            continue
        missing: dict[str, int] = {}
        for module, line in sorted(imports, key=itemgetter(1)):
            for part in [one for one in _parents(module) if one in left_out][:1]:
                missing.setdefault(part, line)
        for module, line in sorted(missing.items()):
            yield Finding(
                UNPACKED_IMPORT,
                f"{name}:{line} imports {module!r}, which is in the project but not in the "
                f"package (its files were chosen by {selection.origin})",
                file=str(path),
                line=line,
                fix=f"Add {module!r} there, or remove the import.",
                data={"module": module},
            )


def _parents(module: str) -> Iterable[str]:
    """A dotted name's packages, from the outermost, and itself."""
    parts = module.split(".")
    return (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def _dotted(files: Iterable[str]) -> set[str]:
    """The dotted names of Python files and of the folders they lie in."""
    modules = (name.removesuffix(".py").replace("/", ".") for name in files if name.endswith(".py"))
    return {one for module in modules for one in _parents(module.removesuffix(".__init__"))}


def _odd_modules(tree: Tree, selection: Selection) -> Iterable[Finding]:
    for name, path in tree.below(selection.root).items():
        is_module = "/" not in name and name.endswith(".py")
        if is_module and not name[:-3].isidentifier() and path not in selection.files.values():
            yield Finding(
                NOT_A_MODULE,
                f"{name} cannot be imported by its name, so it is not in the package",
                file=str(path),
                fix="Rename it if the routine needs it: letters, digits and '_'.",
            )


def _python_files(tree: Tree, selection: Selection) -> Mapping[str, Path]:
    return {k: v for k, v in tree.below(selection.root).items() if k.endswith(".py")}


def _is_no_data(name: str) -> bool:
    return name in GENERATED or name.endswith(".py") or _NO_DATA.fullmatch(name) is not None


def _some(names: Collection[str]) -> str:
    names = sorted(names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
