"""A project directory becomes a package: select, describe, pack, verify."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from cpr.candidates import candidates
from cpr.config import PredictorSettings, Settings
from cpr.errors import ConfigError, EnvironmentProblem
from cpr.findings import Finding
from cpr.manifest import MANIFEST_NAME, Manifest, MemberRecord
from cpr.packager.classes import check_class, normal_name
from cpr.packager.describe import Description, describe
from cpr.packager.libraries import installed_libraries
from cpr.packager.lock import LOCK_NAME
from cpr.packager.metadata import metadata_files
from cpr.packager.modules import lay_out
from cpr.packager.remarks import remarks
from cpr.packager.sdist import epoch_from, pack
from cpr.packager.select import Selection, select_files
from cpr.packager.setup_script import SetupScript
from cpr.packager.tree import Tree, read_tree
from cpr.packager.verify import verify_package
from cpr.publishing import write_atomically

ANOTHER_FOLDER = "Free some space, or choose another folder with --output."


@dataclass(frozen=True)
class BuiltPackage:
    """A package that was built, verified and given its name."""

    path: Path
    sha256: str
    size: int
    manifest: Manifest
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class PackedProject:
    """A package in memory: the bytes of ``STEM.tar.gz``, and what they are."""

    stem: str
    members: Mapping[str, bytes]
    data: bytes
    manifest: Manifest
    findings: tuple[Finding, ...] = ()

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return f"{self.stem}.tar.gz"

    def as_built(self, target: Path) -> BuiltPackage:
        """What it will be once it is written to `target`."""
        digest = hashlib.sha256(self.data).hexdigest()
        return BuiltPackage(target, digest, len(self.data), self.manifest, self.findings)

    def write(self, target: Path) -> BuiltPackage:
        """Write it, and see that it can be opened again, before it gets its name.

        Raises:
            EnvironmentProblem: It cannot be written. An older package of that
                name is untouched then.
        """
        write_atomically(
            target,
            self.data,
            check=lambda path: verify_package(path, label=str(target)),
            hint=ANOTHER_FOLDER,
        )
        return self.as_built(target)


def build_package(
    project: Path,
    *,
    out_dir: Path,
    settings: Settings,
    environ: Mapping[str, str] | None = None,
) -> BuiltPackage:
    """Build ``OUT_DIR/NAME-VERSION.tar.gz`` from a project directory.

    See `pack_project` for what the bytes depend on. No code of the project is
    run.

    Args:
        project: The project directory.
        out_dir: Where the package goes; made if need be.
        settings: The project's settings, from `cpr.config.load_settings`.
        environ: Environment variables; the process's own by default.

    Raises:
        ConfigError: The project cannot be packaged as it is.
        EnvironmentProblem: A file cannot be read, or the package written. An
            older package of that name is untouched then.
    """
    epoch = epoch_from(os.environ if environ is None else environ)
    packed = pack_project(project, settings=settings, epoch=epoch, apart=[out_dir])
    return packed.write(out_dir / packed.file_name)


def pack_project(
    project: Path,
    *,
    settings: Settings,
    epoch: int,
    apart: Sequence[Path] = (),
    lock: Callable[[Sequence[str]], bytes] | None = None,
    extra_packages: Mapping[str, MemberRecord] | None = None,
    model: Mapping[str, MemberRecord] | None = None,
) -> PackedProject:
    """Make a project's package in memory.

    The bytes depend on the project's files, the settings, the arguments, and
    the versions of Python and of the libraries that it requires or imports, as
    installed here; on nothing else. No code of the project is run.

    Args:
        project: The project directory.
        settings: The project's settings.
        epoch: The time of every member.
        apart: Folders that are none of its code, besides the model directory.
        lock: Makes the content of ``requirements.lock`` from requirements.
        extra_packages: What the manifest says of the packages beside it.
        model: What it says of the model directory.

    Raises:
        ConfigError: The project cannot be packaged as it is.
        EnvironmentProblem: A file cannot be read.
    """
    if not project.is_dir():
        raise ConfigError(f"{project} is not a project directory.")
    script = SetupScript(project)
    prediction_class = _prediction_class(project, settings)
    description = describe(project, settings, script)
    tree = read_tree(project, without=_apart(project, apart, settings))
    selection = select_files(tree, settings, script, prediction_class)
    _check_class(prediction_class, selection, tree)
    layout = lay_out(selection.files)
    members = _read(selection)
    if lock is not None:
        members[LOCK_NAME] = lock(description.requirements)
    members |= metadata_files(description, layout, prediction_class, [*members, MANIFEST_NAME])
    manifest = _manifest(description, prediction_class, settings.predictor, selection, members)
    manifest = replace(
        manifest,
        extra_packages=extra_packages or {},
        model=model or {},
        lock=LOCK_NAME if lock is not None else "",
    )
    data = pack(description.stem, {**members, MANIFEST_NAME: manifest.to_bytes()}, epoch=epoch)
    found = (*tree.findings, *selection.findings, *description.findings)
    findings = (*found, *remarks(tree, selection, layout))
    return PackedProject(description.stem, members, data, manifest, findings)


def _prediction_class(project: Path, settings: Settings) -> str:
    name = settings.project.prediction_class
    if name:
        return normal_name(name)
    roots = tuple(path for path in (project, project / "src") if path.is_dir())
    known = candidates(roots)
    example = known[0] if known else "predictor.MyPredictor"
    raise ConfigError(
        f"the project in {project} does not say which class predicts.",
        hint=f"Give --prediction-class {example}, or prediction_class under [project] in cpr.toml."
        + (f" Classes that look like predictors: {', '.join(known)}." if known else ""),
    )


def _apart(project: Path, apart: Sequence[Path], settings: Settings) -> list[Path]:
    """Folders of the project that are none of its code: the model's and the output's."""
    folders = [*apart]
    if settings.project.model_dir and "://" not in settings.project.model_dir:
        folders.append(project / settings.project.model_dir)
    return [path for path in folders if not project.resolve().is_relative_to(path.resolve())]


def _check_class(prediction_class: str, selection: Selection, tree: Tree) -> None:
    try:
        check_class(prediction_class, selection.files)
    except ConfigError as error:
        top = prediction_class.partition(".")[0]
        left_out = [
            name for name in tree.below(selection.root) if name.startswith((f"{top}.py", f"{top}/"))
        ]
        if not left_out or any(name in selection.files for name in left_out):
            raise
        raise ConfigError(
            error.problem,
            hint=f"{left_out[0]} is in the project, but not among the files that were chosen by "
            f"{selection.origin}; add it there.",
        ) from error


def _read(selection: Selection) -> dict[str, bytes]:
    members = {}
    for name, path in selection.files.items():
        try:
            members[name] = path.read_bytes()
        except OSError as error:
            raise EnvironmentProblem(f"{path} cannot be read: {error.strerror}") from error
    return members


def _manifest(
    description: Description,
    prediction_class: str,
    settings: PredictorSettings,
    selection: Selection,
    members: Mapping[str, bytes],
) -> Manifest:
    records = {
        name: MemberRecord(hashlib.sha256(data).hexdigest(), len(data))
        for name, data in members.items()
    }
    return Manifest(
        name=description.name,
        version=description.version,
        prediction_class=prediction_class,
        requirements=description.requirements,
        requires_python=description.requires_python,
        python=platform.python_version(),
        libraries=installed_libraries(description.requirements, selection.files),
        predictor=_changed(settings),
        members=records,
    )


def _changed(settings: PredictorSettings) -> dict[str, Any]:
    """The settings that differ from the defaults, as JSON values."""
    default = PredictorSettings()
    changed = {
        item.name: getattr(settings, item.name)
        for item in fields(settings)
        if getattr(settings, item.name) != getattr(default, item.name)
    }
    return {k: list(v) if isinstance(v, tuple) else v for k, v in changed.items()}
