"""What in a package would surprise its user later, though it can be built."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from cpr.errors import ConfigError
from cpr.findings import Finding
from cpr.packager.classes import imported_tops, parse
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
        *_imports_of_what_is_left_out(tree, selection, layout),
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
    chosen = set(selection.files.values())
    beside = [
        name
        for name, path in tree.below(selection.root).items()
        if "/" not in name and path not in chosen and not _is_no_data(name)
    ]
    if beside:
        yield Finding(
            LOOSE_FILE,
            f"{_some(beside)}: data beside the modules is not in the package",
            file=str(tree.below(selection.root)[beside[0]]),
            fix="If the routine reads it, move it into a package or into the model directory.",
        )


def _imports_of_what_is_left_out(
    tree: Tree, selection: Selection, layout: Layout
) -> Iterable[Finding]:
    ours = {name.partition("/")[0].removesuffix(".py") for name in _python_files(tree, selection)}
    left_out = ours - set(layout.top_level)
    for name, path in selection.files.items():
        if not name.endswith(".py"):
            continue
        try:
            imports = dict(reversed(list(imported_tops(parse(path)))))
        except ConfigError as error:
            yield Finding(NOT_A_MODULE, error.problem, file=str(path))
            continue
        for top in sorted(left_out & set(imports)):
            yield Finding(
                UNPACKED_IMPORT,
                f"{name}:{imports[top]} imports {top!r}, which is in the project but not in the "
                f"package (its files were chosen by {selection.origin})",
                file=str(path),
                line=imports[top],
                fix=f"Add {top!r} there, or remove the import.",
            )


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
