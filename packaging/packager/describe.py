"""What a project is called and needs: settings first, then its own files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from cpr.config import Settings, read_toml
from cpr.errors import ConfigError, shorten
from cpr.findings import Finding
from cpr.packager.requirement_lines import canonical, read_requirements_file
from cpr.packager.setup_script import SetupScript

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class Description:
    """A project in words: everything of its package but the files.

    `version` is in normal form; `requires_python` is a specifier or empty.
    """

    name: str
    version: str
    requirements: tuple[str, ...] = ()
    requires_python: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def stem(self) -> str:
        """``NAME-VERSION`` as file names have it (PEP 625)."""
        return f"{self.file_name}-{self.version}"

    @property
    def file_name(self) -> str:
        """The name as file names have it."""
        return re.sub(r"[-_.]+", "_", self.name).lower()


def describe(project: Path, settings: Settings, script: SetupScript) -> Description:
    """Collect a project's description.

    Raises:
        ConfigError: Name or version is missing or impossible, or a
            requirement is none; the message says where it stands.
    """
    table = _project_table(project)
    name = settings.project.name or script.text("name") or _text(table, "name")
    version = settings.project.version or script.text("version") or _text(table, "version")
    requirements, findings = _requirements(project, settings, script, table)
    python = settings.project.python or script.text("python_requires")
    return Description(
        name=_checked_name(name, project),
        version=_checked_version(version, project),
        requirements=requirements,
        requires_python=_checked_python(python or _text(table, "requires-python")),
        findings=findings,
    )


def _project_table(project: Path) -> Mapping[str, Any]:
    path = project / "pyproject.toml"
    if not path.is_file():
        return {}
    table = read_toml(path).get("project", {})
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: 'project' must be a table, not {shorten(table)}.")
    return table


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise ConfigError(f"pyproject.toml: {key} is {shorten(value)}; expected a string.")
    return value


def _requirements(
    project: Path, settings: Settings, script: SetupScript, table: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    if settings.project.requirements:
        origin = settings.origins.get("project.requirements", "requirements")
        return canonical(settings.project.requirements, origin=origin), ()
    if "install_requires" in script:
        origin = f"{script.path}:{script.line_of('install_requires')}"
        return canonical(script.texts("install_requires"), origin=origin), ()
    if "dependencies" in table:
        listed = table["dependencies"]
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise ConfigError(f"pyproject.toml: dependencies is {shorten(listed)}; expected a list")
        return canonical(listed, origin="pyproject.toml: dependencies"), ()
    path = project / "requirements.txt"
    return read_requirements_file(path) if path.is_file() else ((), ())


def _checked_name(name: str, project: Path) -> str:
    if not name:
        raise ConfigError(
            f"the project in {project} has no name.",
            hint="Give --name, or name under [project] in cpr.toml.",
        )
    if not _NAME.fullmatch(name):
        suggestion = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._") or "my-routine"
        raise ConfigError(
            f"the name {shorten(name)} cannot be that of a package; expected letters, digits, "
            "'.', '_' and '-', with a letter or digit at both ends.",
            hint=f"For example: {suggestion}",
        )
    return name


def _checked_version(version: str, project: Path) -> str:
    if not version:
        raise ConfigError(
            f"the project in {project} has no version.",
            hint="Give --version, or version under [project] in cpr.toml.",
        )
    try:
        return str(Version(version))
    except InvalidVersion as error:
        raise ConfigError(
            f"the version {shorten(version)} cannot be that of a package; pip installs only "
            "versions such as 1.0, 2022.6.5 or 1.0rc1.",
            hint=f"For example: {suggested_version(version)}",
        ) from error


def suggested_version(version: str) -> str:
    """The numbers of an impossible version, joined by dots."""
    numbers = [number[:18] for number in re.findall(r"[0-9]+", version)][:8]
    return str(Version(".".join(numbers))) if numbers else "0.1"


def _checked_python(specifier: str) -> str:
    if specifier:
        try:
            return str(SpecifierSet(specifier))
        except InvalidSpecifier as error:
            is_bare = re.fullmatch(r"[0-9]+(\.[0-9]+)*", specifier)
            hint = f"For example: >={specifier} or =={specifier}.*" if is_bare else ""
            raise ConfigError(
                f"python is {shorten(specifier)}; expected a version specifier such as '>=3.8'.",
                hint=hint,
            ) from error
    return specifier
