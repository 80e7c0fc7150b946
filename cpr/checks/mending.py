"""The single edits of ``cpr check --fix``, from text to text.

Each returns the text unchanged where the edit is not certain; the result is
parsed, and dropped if it is not what was meant.
"""

from __future__ import annotations

import ast
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from cpr.checks.toml_edit import add_to_array, array, replace_in_array, replace_text
from cpr.findings import Finding
from cpr.packager.describe import suggested_version


def add_classmethod(text: str, finding: Finding) -> str:
    """Put ``@classmethod`` above the function at the finding's line."""
    function = _function(text, finding.line)
    if function is None or function.decorator_list or len(function.args.args) < 2:
        return text
    lines = text.splitlines(keepends=True)
    lines.insert(function.lineno - 1, f"{' ' * function.col_offset}@classmethod\n")
    return _if_python("".join(lines), text)


def add_keywords(text: str, finding: Finding) -> str:
    """Give the function at the finding's line ``**kwargs``."""
    function = _function(text, finding.line)
    if function is None or function.args.kwarg is not None:
        return text
    arguments = function.args
    parts: list[ast.expr | ast.arg] = [*arguments.args, *arguments.kwonlyargs]
    parts += [arguments.vararg] if arguments.vararg else []
    parts += [*arguments.defaults, *(item for item in arguments.kw_defaults if item)]
    last = max(parts, key=lambda part: (part.end_lineno or 0, part.end_col_offset or 0))
    lines = text.splitlines(keepends=True)
    number, column = (last.end_lineno or 1) - 1, last.end_col_offset or 0
    row = lines[number].encode("utf-8")  # columns count bytes
    lines[number] = (row[:column] + b", **kwargs" + row[column:]).decode("utf-8")
    return _if_python("".join(lines), text)


def add_to_include(text: str, finding: Finding) -> str:
    """Add the module that was left out to ``[package] include``."""
    module = finding.data.get("module", "")
    listed = array(text, "package", "include")
    if not module or "." in module or not listed:
        return text  # a package's folder may hold more than is wanted
    return add_to_array(text, "package", "include", _pattern(module, listed))


def add_to_setup(text: str, finding: Finding) -> str:
    """Add the module that was left out to the list of setup.py that names the others."""
    module = finding.data.get("module", "")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return text
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    words = {word.arg: word.value for call in calls for word in call.keywords}
    for keyword, name in (("py_modules", module), ("scripts", f"{module}.py")):
        listed = words.get(keyword)
        if module.isidentifier() and isinstance(listed, ast.List) and listed.elts:
            return _if_python(_appended(text, listed, repr(name).replace("'", '"')), text)
    return text


def pin_requirement(text: str, finding: Finding) -> str:
    """Pin a requirement that stands in cpr.toml to the installed version."""
    line = finding.data.get("requirement", "")
    for listed in array(text, "project", "requirements") or []:
        if _is_same(listed, line):
            pinned = _pinned(Requirement(listed))
            return replace_in_array(text, "project", "requirements", listed, pinned)
    return text


def replace_version(text: str, finding: Finding) -> str:
    """Replace a version in cpr.toml by the nearest that pip takes."""
    return replace_text(text, "project", "version", _normal_version)


def _normal_version(version: str) -> str:
    try:
        return str(Version(version))
    except InvalidVersion:
        return suggested_version(version)


def _pinned(requirement: Requirement) -> str:
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return str(requirement)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}=={version}{marker}"


def _is_same(listed: Any, line: str) -> bool:
    try:
        return str(Requirement(str(listed))) == str(Requirement(line))
    except ValueError:
        return False


def _pattern(module: str, listed: list[Any]) -> str:
    """The pattern of a module, in the folder where those that are named lie."""
    folders = {str(item).rpartition("/")[0] for item in listed}
    folder = folders.pop() if len(folders) == 1 else ""
    return f"{folder}/{module}.py".lstrip("/") if "*" not in folder else f"{module}.py"


def _function(text: str, line: int) -> ast.FunctionDef | None:
    """The function whose ``def``, or first decorator, is at a line."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            if line in (node.lineno, first):
                return node
    return None


def _appended(text: str, listed: ast.List, item: str) -> str:
    """The text with an item after the last one of a list."""
    last = listed.elts[-1]
    lines = text.splitlines(keepends=True)
    number, column = (last.end_lineno or 1) - 1, last.end_col_offset or 0
    row = lines[number].encode("utf-8")
    lines[number] = (row[:column] + f", {item}".encode() + row[column:]).decode("utf-8")
    return "".join(lines)


def _if_python(new: str, old: str) -> str:
    try:
        ast.parse(new)
    except SyntaxError:
        return old
    return new
