"""What a project's setup.py says, read from its source; it is never run.

Running it would run arbitrary code, and the setup.py of the AI Platform
guides (`scripts=[…]` alone) is refused by today's setuptools anyway.
"""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from cpr.errors import ConfigError, shorten
from cpr.packager.classes import parse
from cpr.packager.literals import Literals, NotLiteral

_SETTING_OF = {
    "name": "name under [project]",
    "version": "version under [project]",
    "install_requires": "requirements under [project]",
    "python_requires": "python under [project]",
}


class SetupScript:
    """The keywords of the one `setup(…)` call of a project; empty without a setup.py.

    A keyword is evaluated when it is asked for, so that one which cannot be
    read does no harm where a setting takes its place.
    """

    def __init__(self, project: Path) -> None:
        self.path = project / "setup.py"
        self._project = project
        self._keywords: dict[str, ast.expr] = {}
        if self.path.is_file():
            self._read()

    def __contains__(self, keyword: str) -> bool:
        return keyword in self._keywords

    def text(self, keyword: str) -> str:
        """A string, "" where the keyword is not given."""
        value = self._value(keyword)
        if value is None:
            return ""
        if isinstance(value, (int, float)) and keyword == "version":
            return str(value)
        if not isinstance(value, str):
            raise self._wrong_kind(keyword, value, "a string")
        return value

    def texts(self, keyword: str) -> tuple[str, ...]:
        """A list of strings; a single string counts as one a line."""
        value = self._value(keyword)
        if value is None:
            return ()
        if isinstance(value, str):
            value = [line.strip() for line in value.splitlines() if line.strip()]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong_kind(keyword, value, "a list of strings")
        return tuple(value)

    def mapping(self, keyword: str) -> dict[str, str]:
        """A mapping of strings to strings."""
        value = self._value(keyword)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self._wrong_kind(keyword, value, "a mapping of strings")
        return value

    def line_of(self, keyword: str) -> int:
        """The line of a keyword's value."""
        return self._keywords[keyword].lineno if keyword in self._keywords else 0

    def _read(self) -> None:
        tree = parse(self.path)
        finders = {"find_packages": self._find, "find_namespace_packages": self._find_folders}
        self._literals = Literals(tree, finders)
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and _is_setup(n)]
        if len(calls) != 1:
            raise ConfigError(
                f"{self.path} calls setup() {len(calls)} times; expected once.",
                hint="Say all of it in cpr.toml and rename this file, or leave one call.",
            )
        for keyword in calls[0].keywords:
            self._keywords.update(self._expand(keyword))

    def _expand(self, keyword: ast.keyword) -> dict[str, ast.expr]:
        """A keyword, or those of a literal ``**mapping``."""
        if keyword.arg is not None:
            return {keyword.arg: keyword.value}
        try:
            values = self._literals.value(keyword.value)
        except NotLiteral as error:
            raise ConfigError(
                f"{self.path}:{error.line}: setup(**{error}) can only be known by running the file."
                " cpr does not run it.",
                hint="Write the keywords out, or say them in cpr.toml and rename this file.",
            ) from error
        found: dict[str, ast.expr] = {}
        for key, value in values.items():
            node = ast.parse(repr(value), mode="eval").body
            found[key] = ast.copy_location(node, keyword.value)
        return found

    def _value(self, keyword: str) -> Any:
        node = self._keywords.get(keyword)
        if node is None:
            return None
        try:
            return self._literals.value(node)
        except NotLiteral as error:
            setting = _SETTING_OF.get(keyword, "the files, as include under [package],")
            raise ConfigError(
                f"{self.path}:{error.line}: {keyword} of setup() is {shorten(str(error))}, which "
                "only running the file would tell. cpr does not run it.",
                hint=f"Give {setting} in cpr.toml, or write a literal there.",
            ) from error

    def _wrong_kind(self, keyword: str, value: Any, expected: str) -> ConfigError:
        return ConfigError(
            f"{self.path}:{self.line_of(keyword)}: {keyword} of setup() is {shorten(value)}; "
            f"expected {expected}."
        )

    def _find(self, where: str = ".", exclude: Any = (), include: Any = ("*",)) -> list[str]:
        return self._search(where, exclude, include, needs_init=True)

    def _find_folders(
        self, where: str = ".", exclude: Any = (), include: Any = ("*",)
    ) -> list[str]:
        return self._search(where, exclude, include, needs_init=False)

    def _search(self, where: str, exclude: Any, include: Any, *, needs_init: bool) -> list[str]:
        """What setuptools' function of that name would find."""
        top, found = self._project / where, []
        pending = sorted(top.iterdir()) if top.is_dir() else []
        while pending:
            folder = pending.pop(0)
            is_package = folder.is_dir() and folder.name.isidentifier()
            if not is_package or (needs_init and not (folder / "__init__.py").is_file()):
                continue
            name = ".".join(folder.relative_to(top).parts)
            is_named = any(fnmatchcase(name, pattern) for pattern in include)
            if is_named and not any(fnmatchcase(name, pattern) for pattern in exclude):
                found.append(name)
            pending += sorted(folder.iterdir())
        return found


def _is_setup(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr == "setup" and isinstance(call.func.value, (ast.Name, ast.Attribute))
    return isinstance(call.func, ast.Name) and call.func.id == "setup"
