"""The files of a project that could go into a package at all."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

from cpr.errors import EnvironmentProblem
from cpr.findings import Finding
from cpr.manifest import MANIFEST_NAME
from cpr.packager.rules import SKIPPED_LINK

# Written anew into every package, or of no use in one.
GENERATED = frozenset(
    {"setup.py", "setup.cfg", "PKG-INFO", "pyproject.toml", "MANIFEST.in", "cpr.toml"}
    | {MANIFEST_NAME}
)
_LEFT_OUT = frozenset({"__pycache__", "__pypackages__", "node_modules", "site-packages"})
_LEFT_OUT_AT_TOP = frozenset({"build", "dist", "htmlcov"})
_LEFT_OUT_SUFFIXES = (".egg-info", ".dist-info", ".pyc", ".pyo", ".orig", ".rej", ".swp", "~")


@dataclass(frozen=True)
class Tree:
    """Regular files by their path below the project, with ``/``, in sorted order."""

    files: dict[str, Path]
    findings: tuple[Finding, ...] = ()

    def below(self, folder: str) -> dict[str, Path]:
        """The files below a folder, by their path below it; all of them for ""."""
        prefix = f"{folder}/" if folder else ""
        return {k[len(prefix) :]: v for k, v in self.files.items() if k.startswith(prefix)}

    def matching(self, patterns: Collection[str]) -> set[str]:
        """The paths that a glob pattern names, themselves or through a folder above."""
        return {path for pattern in patterns for path in self.files if matches(path, pattern)}


def read_tree(project: Path, *, without: Collection[Path] = ()) -> Tree:
    """Walk a project, leaving out what never belongs into a package.

    That is: hidden files, caches, virtual environments, build output, editor
    files, metadata of other tools, the folders of `without`, and what a link
    leads to outside the project.

    Raises:
        EnvironmentProblem: A folder cannot be listed.
    """
    files: dict[str, Path] = {}
    findings: list[Finding] = []
    excluded = {path.resolve() for path in without}
    for top, folders, names in os.walk(project, onerror=_unlistable):
        here = Path(top)
        below = here.relative_to(project)
        kept = []
        for name in sorted(folders):
            path = here / name
            if _is_left_out(name, at_top=here == project) or path.resolve() in excluded:
                continue
            if (path / "pyvenv.cfg").is_file():
                continue
            if path.is_symlink():
                findings.append(_link((below / name).as_posix(), path))
                continue
            kept.append(name)
        folders[:] = kept
        for name in names:
            path = here / name
            if _is_left_out(name, at_top=False) or not path.is_file():
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(project.resolve()):
                findings.append(_link_out((below / name).as_posix(), path))
            else:
                files[(below / name).as_posix()] = path
    return Tree(dict(sorted(files.items())), tuple(findings))


def matches(path: str, pattern: str) -> bool:
    """Whether a glob pattern names a path or a folder above it.

    ``*`` and ``?`` stop at ``/``, ``**`` does not; a pattern starts at the
    project directory.
    """
    expression = _expression(pattern.removeprefix("./").rstrip("/"))
    parts = PurePosixPath(path).parts
    return any(expression.fullmatch("/".join(parts[:depth])) for depth in range(1, len(parts) + 1))


def _expression(pattern: str) -> re.Pattern[str]:
    pieces = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^]/]+\])", pattern)
    translated = [
        pieces.get(part)
        or (part.replace("[!", "[^", 1) if re.fullmatch(r"\[.+\]", part) else re.escape(part))
        for part in parts
    ]
    return re.compile("".join(translated), re.DOTALL)


def _is_left_out(name: str, *, at_top: bool) -> bool:
    return (
        name.startswith(".")
        or name in _LEFT_OUT
        or name.endswith(_LEFT_OUT_SUFFIXES)
        or (at_top and name in _LEFT_OUT_AT_TOP)
    )


def _unlistable(error: OSError) -> NoReturn:
    raise EnvironmentProblem(f"{error.filename} cannot be listed: {error.strerror}") from error


def _link(name: str, path: Path) -> Finding:
    return Finding(
        SKIPPED_LINK,
        f"{name} is a link to a folder, and is not followed; its files are not in the package",
        file=str(path),
        fix="Copy the folder into the project, or exclude it.",
    )


def _link_out(name: str, path: Path) -> Finding:
    return Finding(
        SKIPPED_LINK,
        f"{name} is a link out of the project, to {path.resolve()}, and is not in the package",
        file=str(path),
        fix="Copy the file into the project, or exclude it.",
    )
