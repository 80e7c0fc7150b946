"""What lies where in a package: modules, packages, their data, and loose files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """File names sorted by what pip does with them.

    `data` maps a package to its files that are no modules of packages, by
    their path below it; pip installs those too. `loose` files lie in no
    package: pip leaves them out.
    """

    modules: tuple[str, ...]
    packages: tuple[str, ...]
    data: dict[str, tuple[str, ...]]
    loose: tuple[str, ...]

    @property
    def top_level(self) -> tuple[str, ...]:
        """The names that an import statement can begin with."""
        tops = {name.partition(".")[0] for name in (*self.modules, *self.packages)}
        return tuple(sorted(tops))


def lay_out(names: Iterable[str]) -> Layout:
    """Sort the names of a package's files; purely by name."""
    names = sorted(names)
    packages = {
        folder.replace("/", ".")
        for folder, _, file in (name.rpartition("/") for name in names)
        if folder and file.endswith(".py") and _is_importable(folder)
    }
    modules, loose = [], []
    data: dict[str, list[str]] = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        if not folder and file.endswith(".py") and file[:-3].isidentifier():
            modules.append(file[:-3])
        elif file.endswith(".py") and folder.replace("/", ".") in packages:
            continue
        elif owner := _owner(folder, packages):
            data.setdefault(owner, []).append(name[len(owner) + 1 :])
        else:
            loose.append(name)
    return Layout(
        modules=tuple(modules),
        packages=tuple(sorted(packages)),
        data={package: tuple(files) for package, files in sorted(data.items())},
        loose=tuple(loose),
    )


def _is_importable(folder: str) -> bool:
    return all(part.isidentifier() for part in folder.split("/"))


def _owner(folder: str, packages: set[str]) -> str:
    """The nearest package above a file."""
    while folder:
        if folder.replace("/", ".") in packages:
            return folder.replace("/", ".")
        folder = folder.rpartition("/")[0]
    return ""
