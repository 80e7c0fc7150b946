"""What of a routine would be in its package, and what the package says it needs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cpr.checks.modules import CodeBase, Module
from cpr.checks.subject import Subject
from cpr.config import Settings
from cpr.errors import ConfigError
from cpr.findings import Finding
from cpr.packager.describe import Description, describe
from cpr.packager.modules import lay_out
from cpr.packager.remarks import remarks
from cpr.packager.select import Selection, select_files
from cpr.packager.setup_script import SetupScript
from cpr.packager.tree import read_tree

_PACKAGING_FILES = ("setup.py", "setup.cfg", "pyproject.toml", "requirements.txt")


@dataclass(frozen=True)
class Content:
    """A package, or what would be one.

    `modules` are those that the prediction class needs, as far as their source
    tells. `requirements` is None where nothing says what is needed: a bare
    class in a folder is no package. `problem` is why the project cannot be
    packaged, `remarks` what the packager would remark, `left_out` the modules
    that it would not take along. `files` are the packager's choice, by their
    names in the package; None where the import roots hold just the package.
    """

    code: CodeBase
    modules: tuple[Module, ...]
    requirements: tuple[str, ...] | None = None
    requires_python: str = ""
    remarks: tuple[Finding, ...] = ()
    problem: ConfigError | None = None
    files: Mapping[str, Path] | None = field(default=None)

    @property
    def left_out(self) -> frozenset[str]:
        """The modules, by the first part of their names, that stay outside the package."""
        if self.files is None:
            return frozenset()
        taken = {name.partition("/")[0].removesuffix(".py") for name in self.files}
        return frozenset(module.name.partition(".")[0] for module in self.modules) - taken

    def copy_to(self, folder: Path) -> Path:
        """Write the package's files below a folder, and nothing else; returns its root."""
        for name, path in (self.files or {}).items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        return folder


def content_of(subject: Subject) -> Content:
    """The content of a subject; worked out once."""
    if "_content" not in subject.told:
        subject.told["_content"] = _content(subject)
    content: Content = subject.told["_content"]
    return content


def _content(subject: Subject) -> Content:
    sources, name = subject.sources, subject.prediction_class
    code = CodeBase(sources.roots)
    modules = tuple(code.reachable(name)) if name else ()
    if sources.is_unpacked:
        requires = sources.manifest.requires_python if sources.manifest else ""
        return Content(code, modules, sources.requirements, requires)
    bare = Content(code, modules)
    if sources.folder is None or not name or not _is_packaged(sources.folder, subject.settings):
        return bare
    try:
        return _project(bare, sources.folder, _with_name(subject))
    except ConfigError as error:
        return replace(bare, problem=error)


def _is_packaged(folder: Path, settings: Settings) -> bool:
    has_file = any((folder / name).is_file() for name in _PACKAGING_FILES)
    return has_file or bool(settings.project.name or settings.project.requirements)


def _with_name(subject: Subject) -> Settings:
    """The settings as packaging would have them, with the class that is checked."""
    settings = subject.settings
    project = replace(settings.project, prediction_class=subject.prediction_class)
    if subject.model_dir is not None:
        project = replace(project, model_dir=str(subject.model_dir))
    return replace(settings, project=project)


def _project(bare: Content, folder: Path, settings: Settings) -> Content:
    script = SetupScript(folder)
    description = _describe(folder, settings, script)
    without = [folder / settings.project.model_dir] if settings.project.model_dir else []
    tree = read_tree(folder, without=[path for path in without if path != folder])
    selection = select_files(tree, settings, script, settings.project.prediction_class)
    layout = lay_out(selection.files)
    found = (*tree.findings, *selection.findings, *description.findings)
    return replace(
        bare,
        requirements=description.requirements,
        requires_python=description.requires_python,
        remarks=(*found, *_relevant(remarks(tree, selection, layout), bare, selection)),
        files=selection.files,
    )


def _describe(folder: Path, settings: Settings, script: SetupScript) -> Description:
    """The description; name and version may still be given to `cpr package` itself."""
    project = settings.project
    named = replace(
        project,
        name=project.name or ("" if "name" in script else "routine"),
        version=project.version or ("" if "version" in script else "0"),
    )
    return describe(folder, replace(settings, project=named), script)


def _relevant(found: list[Finding], bare: Content, selection: Selection) -> list[Finding]:
    """The remarks about modules that the class needs, and about files."""
    needed = {str(module.path) for module in bare.modules}
    # A module that is not Python 3 could not be read, but is imported all the same.
    imports = [item for module in bare.modules for item in module.imports]
    needed |= {str(bare.code.find(item.module)) for item in imports}
    return [
        item
        for item in found
        if not item.file.endswith(".py")
        or item.file in needed
        or Path(item.file) not in selection.files.values()
    ]
