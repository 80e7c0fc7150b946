"""Template files become the files of a project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_ROOT = Path(__file__).resolve().parent / "templates"
_TOKEN = re.compile(r"\{\{(\w+)\}\}")
_SUFFIX = ".tmpl"
# A file that git would heed in this product's own sources.
_DOTTED = {"gitignore": ".gitignore"}


def render(folders: tuple[str, ...], values: Mapping[str, str]) -> dict[str, str]:
    """The files of some template folders, by their path in the project.

    ``{{name}}`` stands for ``values["name"]``; a name that is not in `values`
    is a bug and raises KeyError.
    """
    return {
        path: _TOKEN.sub(lambda found: values[found[1]], text).rstrip("\n") + "\n"
        for folder in folders
        for path, text in _read(_ROOT / folder)
    }


def _read(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob(f"*{_SUFFIX}")):
        name = path.relative_to(folder).as_posix().removesuffix(_SUFFIX)
        yield _DOTTED.get(name, name), path.read_text(encoding="utf-8")
