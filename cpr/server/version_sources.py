"""Which versions there are to serve, from targets and a model directory.

There are three forms: several package files, each a version; a directory of
numbered model directories, as TensorFlow Serving has it; or one routine, one
version. `rescan` looks again, so that a reload finds a new number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cpr.archive import is_package_file, open_archive
from cpr.artifacts.detect import model_folder
from cpr.artifacts.fetch import is_url, list_folder
from cpr.config import load_settings
from cpr.errors import UsageError, shorten
from cpr.server.options import ServeOptions, VersionSource
from cpr.wire.routes import version_name

LATEST, ALL = "latest", "all"
ONLY = "1"

# What may lie beside numbered model directories without being a model itself.
_BESIDE = re.compile(r"\..*|labels\.txt|classes\.json|preprocessor\..*|README.*|requests|golden")
_LONGEST = 128
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


def rescan(options: ServeOptions) -> ServeOptions:
    """The options with the versions that there are now.

    Raises:
        UsageError: A version that was asked for is not there.
        PackageRefused: A package file is damaged.
    """
    versions = find_versions(
        options.targets, options.base_dir, opening=options.opening, policy=options.version_policy
    )
    return replace(options, versions=versions, default_version=versions[-1].name)


def find_versions(
    targets: Sequence[str], model_dir: str, *, opening: Mapping[str, Any], policy: str
) -> tuple[VersionSource, ...]:
    """The versions to serve, the default one last.

    Args:
        targets: Absolute, as far as they are paths; may be empty.
        model_dir: Absolute or a URL; "" leaves it to the routine's settings.
        opening: Further keywords of `open_routine` for every version.
        policy: Which numbered directories of `model_dir` are versions:
            ``latest``, ``all``, or numbers with commas; "" says that
            `model_dir` is itself a model directory.

    Raises:
        UsageError: A number that was asked for is not there, or two packages
            are of the same version.
        PackageRefused: A package file is damaged.
    """
    common = {**opening, **({"model_dir": model_dir} if model_dir else {})}
    watched = (model_dir,) if model_dir and not is_url(model_dir) else ()
    if len(targets) > 1:
        return _distinct([_of_package(target, common, watched) for target in targets])
    target = targets[0] if targets else None
    one = {**common, "target": target}
    if not policy:
        place = path_of_target(target)
        files = (str(place),) if place is not None else ()
        return (VersionSource(_version_of(target), one, (*files, *watched)),)
    chosen = _chosen(policy, numbered(model_dir, has_class=_names_class(target, opening)))
    if not chosen:
        raise UsageError(
            f"{model_dir} holds no numbered version.", hint="Put the model into a folder 1/ of it."
        )
    return tuple(
        VersionSource(
            version_name(number), {**one, "model_dir": f"{model_dir.rstrip('/')}/{number}"}, watched
        )
        for number in chosen
    )


def numbered(model_dir: str, *, has_class: bool) -> list[str]:
    """The numbers that a directory of versions holds, the highest last; [] for a model.

    A class of its own may read a directory of any form: with one, nothing but
    numbered directories and what goes with all of them may be there.

    Raises:
        LoadError: A URL cannot be listed, or nothing is there.
        EnvironmentProblem: A library, the network or the permission is missing.
    """
    is_remote = is_url(model_dir)
    if not is_remote and not Path(model_dir).is_dir():
        return []
    if not is_remote and not has_class and model_folder(Path(model_dir)) == Path(model_dir):
        return []
    entries = list_folder(model_dir)
    numbers = [name for name, is_folder in entries if is_folder and _is_number(name)]
    others = [name for name, _ in entries if name not in numbers and not _BESIDE.fullmatch(name)]
    if others and (has_class or is_remote):
        return []
    return sorted(numbers, key=int)


def path_of_target(target: str | None) -> Path | None:
    """The file or folder that a target is, or that its class is in; None for a URL."""
    if target is None or is_url(target):
        return None
    location, colon, _ = target.rpartition(":")
    path = Path(location if colon and location.endswith(".py") else target)
    return path if path.exists() else Path.cwd()


def version_of_package(path: str) -> tuple[str, str]:
    """Name and version of a package file: by its manifest, else by its file name.

    Raises:
        PackageRefused: It is damaged.
    """
    if not is_url(path):
        with open_archive(Path(path)) as contents:
            if contents.manifest is not None:
                return contents.manifest.name, contents.manifest.version
    stem = re.sub(r"\.(tar\.gz|tgz|whl)$", "", Path(path).name, flags=re.IGNORECASE)
    is_wheel = path.lower().endswith(".whl")
    name, _, version = stem.partition("-") if is_wheel else stem.rpartition("-")
    return (name, version.split("-")[0]) if name and version else (stem, ONLY)


def fitted(text: str, otherwise: str) -> str:
    """A name as `cpr.wire.routes` takes it: letters, digits, dots, underscores and hyphens."""
    return version_name(_UNFIT.sub("-", text).strip("-.")[:_LONGEST]) or otherwise


def _names_class(target: str | None, opening: Mapping[str, Any]) -> bool:
    return bool(target or opening.get("prediction_class") or opening.get("packages"))


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()


def _chosen(policy: str, numbers: list[str]) -> list[str]:
    if policy == LATEST:
        return numbers[-1:]
    if policy == ALL:
        return numbers
    wanted = [part.strip() for part in policy.split(",") if part.strip()]
    by_value = {int(number): number for number in numbers}
    for number in wanted:
        if not _is_number(number):
            raise UsageError(
                f"the versions are {shorten(policy)}; expected latest, all, or numbers.",
                hint="Give --versions latest, --versions all, or a list such as --versions 1,3.",
            )
        if int(number) not in by_value:
            there = ", ".join(numbers) or "none"
            raise UsageError(f"there is no version {number}; there are {there}.")
    return [by_value[value] for value in sorted({int(number) for number in wanted})]


def _version_of(target: str | None) -> str:
    """The one version of one target: of its package or project, or 1."""
    if target is None or is_url(target):
        return ONLY
    path = Path(target)
    if path.is_file() and is_package_file(path):
        return fitted(version_of_package(target)[1], ONLY)
    if path.is_dir():
        return fitted(load_settings(path, environ={}).project.version, ONLY)
    return ONLY


def _of_package(target: str, common: Mapping[str, Any], watched: tuple[str, ...]) -> VersionSource:
    if not is_package_file(Path(target)):
        raise UsageError(
            f"{shorten(target)} is not a package file; several targets must be packages.",
            hint="Give one target, or several files that end in .tar.gz, .tgz or .whl.",
        )
    name = fitted(version_of_package(target)[1], ONLY)
    files = () if is_url(target) else (target,)
    return VersionSource(name, {**common, "target": target}, (*files, *watched))


def _distinct(versions: list[VersionSource]) -> tuple[VersionSource, ...]:
    seen: dict[str, VersionSource] = {}
    for version in versions:
        other = seen.setdefault(version.name, version)
        if other is not version:
            raise UsageError(
                f"{other.open_with['target']} and {version.open_with['target']} are both "
                f"version {version.name}.",
                hint="Set another version in [project] and build the package again.",
            )
    return tuple(versions)
