"""A package with all that goes with it: tried first, then put in place.

Beside the package lie its extra packages, the staged model directory, the bill
of materials, and the signatures. Nothing is put in place unless everything is
fine, and the package itself comes last but for its signature: what a killed
process leaves is the old package or the new one, and what does not belong to
it is refused by its hashes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cpr.artifacts.fetch import fetch
from cpr.config import Settings
from cpr.errors import ConfigError
from cpr.messages import Call
from cpr.packager.describe import describe
from cpr.packager.extras import ExtraPackage, read_extra_packages, refuse_clash
from cpr.packager.lock import LOCK_NAME, lock_requirements, pins
from cpr.packager.project import ANOTHER_FOLDER, BuiltPackage, PackedProject, pack_project
from cpr.packager.sbom import SUFFIX as SBOM_SUFFIX
from cpr.packager.sbom import bill_of_materials
from cpr.packager.sdist import epoch_from
from cpr.packager.setup_script import SetupScript
from cpr.packager.staging import StagedModel, publish_staged, staged
from cpr.packager.trial import Served, Trial, try_package
from cpr.packager.verify import verify_package
from cpr.publishing import write_atomically
from cpr.signatures import SUFFIX as SIGNATURE_SUFFIX
from cpr.signatures import SigningKey


@dataclass(frozen=True)
class ReleaseOptions:
    """What goes with the package, and how it is tried.

    Attributes:
        model_dir: The model directory to stage, a path or URL; "" stages none.
        stage_dir: Where the copy goes; ``OUT_DIR/NAME-VERSION-model`` if None.
        is_locked: Pin all requirements by hash, in the package.
        has_sbom: Write a bill of materials.
        key: Sign what is written with this private key.
        is_tried: Try the package before it is put in place.
        requests: Sample requests for that.
    """

    model_dir: str = ""
    stage_dir: Path | None = None
    is_locked: bool = False
    has_sbom: bool = False
    key: Path | None = None
    is_tried: bool = True
    requests: Sequence[Call] = ()


@dataclass(frozen=True)
class Release:
    """A package, and what lies beside it.

    Attributes:
        package: The package; its file is there only if `is_published`.
        model: The staged model directory.
        files: Every other file that was written.
        trial: How the package was tried; None if it was not.
        key_id: Which key signed; "" for none.
    """

    package: BuiltPackage
    model: StagedModel | None
    files: tuple[Path, ...]
    trial: Trial | None
    key_id: str = ""

    @property
    def is_published(self) -> bool:
        """Whether the files are in place: the trial, if there was one, is passed."""
        return self.trial is None or self.trial.is_passed


def build_release(
    project: Path,
    *,
    out_dir: Path,
    settings: Settings,
    options: ReleaseOptions,
    environ: Mapping[str, str] | None = None,
) -> Release:
    """Build a package with what `options` ask for, try it, and put all of it in place.

    Raises:
        CprError: Something cannot be built, read or written; the older files
            are in place then. What the trial finds is not raised: it is in the
            result.
    """
    epoch = epoch_from(os.environ if environ is None else environ)
    key = SigningKey.read(options.key) if options.key else None
    extras = read_extra_packages(settings)
    with ExitStack() as resources:
        model_dir = _model_dir(project, settings, options, resources)
        copy = None
        if options.model_dir and model_dir:
            target, is_own = _stage_place(project, out_dir, settings, options)
            keep = settings.package.model_keep
            copy = resources.enter_context(
                staged(model_dir, target, keep=keep, is_own=is_own, epoch=epoch)
            )
        model, unfinished = copy or (None, None)
        packed = pack_project(
            project,
            settings=settings,
            epoch=epoch,
            apart=[out_dir, *([model_dir] if model_dir else []), *([model.path] if model else [])],
            lock=partial(_lock, project, extras) if options.is_locked else None,
            extra_packages={extra.name: extra.record for extra in extras},
            model=model.files if model else None,
        )
        refuse_clash(extras, packed.file_name)
        beside = _beside(packed, extras, options, epoch)
        trial = None
        if options.is_tried:
            served = unfinished or model_dir
            trial = _try(packed, project, settings, extras, served, model_dir, options)
        release = _release(packed, out_dir, model, beside, trial, key)
        if release.is_published:
            _publish(packed, out_dir, beside, copy, key)
    return release


def _model_dir(
    project: Path, settings: Settings, options: ReleaseOptions, resources: ExitStack
) -> Path | None:
    """The model directory to stage, else the project's own if it is here."""
    if options.model_dir:
        return resources.enter_context(fetch(options.model_dir))
    named = settings.project.model_dir
    if not named or "://" in named:
        return None
    in_file = Path(settings.origins["project.model_dir"]).suffix == ".toml"
    path = (project if in_file else Path()) / Path(named).expanduser()
    return path.resolve() if path.is_dir() else None


def _stage_place(
    project: Path, out_dir: Path, settings: Settings, options: ReleaseOptions
) -> tuple[Path, bool]:
    if options.stage_dir is not None:
        return options.stage_dir, False
    description = describe(project, settings, SetupScript(project))
    return out_dir / f"{description.stem}-model", True


def _lock(project: Path, extras: Sequence[ExtraPackage], requirements: Sequence[str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="cpr-lock-") as folder:
        paths = [Path(folder, extra.name) for extra in extras]
        for path, extra in zip(paths, extras, strict=True):
            _write(path, extra.data)
        return lock_requirements(requirements, folder=project, extras=paths)


def _beside(
    packed: PackedProject, extras: Sequence[ExtraPackage], options: ReleaseOptions, epoch: int
) -> dict[str, bytes]:
    """The files that lie beside the package, but signatures."""
    files = {extra.name: extra.data for extra in extras}
    if options.has_sbom:
        locked = pins(packed.members[LOCK_NAME]) if packed.manifest.lock else ()
        bill = bill_of_materials(packed.manifest, packed.data, pins=locked, epoch=epoch)
        files[f"{packed.stem}{SBOM_SUFFIX}"] = bill
    return files


def _try(
    packed: PackedProject,
    project: Path,
    settings: Settings,
    extras: Sequence[ExtraPackage],
    staged_dir: Path | None,
    model_dir: Path | None,
    options: ReleaseOptions,
) -> Trial:
    with tempfile.TemporaryDirectory(prefix="cpr-try-") as folder:
        elsewhere, package = Path(folder, "elsewhere"), Path(folder, packed.file_name)
        elsewhere.mkdir()
        files = {packed.file_name: packed.data, **{extra.name: extra.data for extra in extras}}
        for name, data in files.items():
            _write(Path(folder, name), data)
        verify_package(package, label=packed.file_name)
        finished = Served(package, staged_dir and staged_dir.resolve(), elsewhere)
        own = Served(
            project.resolve(),
            model_dir,
            project.resolve(),
            prediction_class=settings.project.prediction_class,
            packages=tuple(extra.path.resolve() for extra in extras),
        )
        return try_package(finished, own, options.requests)


def _release(
    packed: PackedProject,
    out_dir: Path,
    model: StagedModel | None,
    beside: Mapping[str, bytes],
    trial: Trial | None,
    key: SigningKey | None,
) -> Release:
    names = [*beside]
    if key is not None:
        names += [f"{name}{SIGNATURE_SUFFIX}" for name in (*beside, packed.file_name)]
    return Release(
        package=packed.as_built(out_dir / packed.file_name),
        model=model,
        files=tuple(out_dir / name for name in sorted(names)),
        trial=trial,
        key_id=key.public.id if key else "",
    )


def _publish(
    packed: PackedProject,
    out_dir: Path,
    beside: Mapping[str, bytes],
    copy: tuple[StagedModel, Path] | None,
    key: SigningKey | None,
) -> None:
    for name, data in beside.items():
        _write(out_dir / name, data)
        if key is not None:
            _write(out_dir / f"{name}{SIGNATURE_SUFFIX}", key.sign(data))
    if copy is not None:
        publish_staged(*copy)
    packed.write(out_dir / packed.file_name)
    if key is not None:
        signature = out_dir / f"{packed.file_name}{SIGNATURE_SUFFIX}"
        _write(signature, key.sign(packed.data))


def _write(target: Path, data: bytes) -> None:
    if target.is_dir():
        raise ConfigError(f"{target} is a directory.", hint="Choose another folder with --output.")
    write_atomically(target, data, hint=ANOTHER_FOLDER)
