"""Where user code comes from: a target becomes import roots.

A target is a package file (sdist or wheel), a project directory,
``path/to/file.py:Class``, ``module:Class`` or ``module.Class``. Several
packages may be given at once, as AI Platform's packageUris.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from email.parser import HeaderParser
from pathlib import Path

from cpr.archive import Contents, is_package_file
from cpr.beside import open_packages
from cpr.candidates import predictors_in, top_level
from cpr.config import settings_file
from cpr.errors import UsageError, shorten
from cpr.frames import show_as
from cpr.manifest import Manifest
from cpr.required_key import RequiredKey
from cpr.suggest import did_you_mean


@dataclass(frozen=True)
class Sources:
    """Import roots of user code, unpacked where need be.

    `roots` go on sys.path in this order. `class_name` is the class that the
    target itself names, `folder` the project directory whose settings apply,
    `manifest` the one of a package that `cpr` built, `requirements` what the
    packages say they need.
    """

    roots: tuple[Path, ...] = ()
    class_name: str = ""
    folder: Path | None = None
    manifest: Manifest | None = None
    requirements: tuple[str, ...] = ()
    _unpacked: tuple[Path, ...] = field(default=(), repr=False)

    @property
    def is_unpacked(self) -> bool:
        """Whether roots are of a package file, and removed by `close`."""
        return bool(self._unpacked)

    def close(self) -> None:
        """Remove what was unpacked."""
        for folder in self._unpacked:
            shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> Sources:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def open_sources(
    target: str | None, packages: Sequence[str] = (), *, required: RequiredKey | None = None
) -> Sources:
    """Resolve a target and further packages into import roots; imports nothing.

    Archives are verified, all before the first is unpacked into a temporary
    directory, which `Sources.close` removes; nothing is ever built or
    installed. A package brings the extra packages that it was built with.

    Args:
        target: See the module.
        packages: Further package files or directories.
        required: The key that every package file must be signed by.

    Raises:
        UsageError: The target is none of the known forms, or cannot be signed
            though a signature is required.
        PackageRefused: An archive is damaged, hostile, or not signed.
    """
    paths = [_existing(package) for package in packages]
    is_file = target is not None and _is_package(_path(target))
    if is_file:
        paths.insert(0, _path(str(target)))
    if required is not None:
        _refuse_unsigned(target, is_file, paths, required)
    opened = [_open_target(target)] if target and not is_file else []
    folders = [path for path in paths if path.is_dir()]
    try:
        with ExitStack() as held:
            files = [path for path in paths if path not in folders]
            key = required.key if required else None
            opened += map(_unpack, open_packages(files, key=key, held=held))
        opened += [_open_project(folder.resolve()) for folder in folders]
    except BaseException:
        for sources in opened:
            sources.close()
        raise
    return Sources(
        roots=tuple(dict.fromkeys(root for one in opened for root in one.roots)),
        class_name=opened[0].class_name if target else "",
        folder=opened[0].folder if target else None,
        manifest=next((one.manifest for one in opened if one.manifest), None),
        requirements=tuple(dict.fromkeys(r for one in opened for r in one.requirements)),
        _unpacked=tuple(folder for one in opened for folder in one._unpacked),
    )


def _is_package(path: Path) -> bool:
    return path.is_file() and is_package_file(path)


def _refuse_unsigned(
    target: str | None, is_file: bool, paths: Sequence[Path], required: RequiredKey
) -> None:
    """Refuse what would run though no signature can cover it."""
    unsigned = next((str(path) for path in paths if path.is_dir()), "")
    if required.covers_target and not is_file and (target or not paths):
        unsigned = target or "a model directory alone"
    if unsigned:
        raise UsageError(
            f"a signature is required, and {unsigned} cannot have one: only package files can.",
            hint="Build and sign a package: cpr package --sign KEY",
        )


def _open_target(target: str) -> Sources:
    path = _path(target)
    if path.is_dir():
        return _open_project(path.resolve())
    location, colon, attribute = target.rpartition(":")
    if not colon:
        location, attribute = target, ""
    if location.endswith(".py"):
        return _open_file(_existing(location), attribute)
    named = target.replace(":", ".")
    looks_like_path = "/" in target or target.endswith((".gz", ".tgz", ".whl", ".zip"))
    is_file = _path(location).is_file()
    if is_file and colon and is_package_file(Path(location)):
        raise UsageError(
            f"{shorten(target)} is not a target: a class is named beside a package, not after it.",
            hint=f"Give {location} and --prediction-class {attribute}.",
        )
    if (
        not looks_like_path
        and not is_file
        and all(part.isidentifier() for part in named.split("."))
    ):
        if "." not in named and named not in top_level(_roots(Path.cwd())):
            _existing(target)
        return _from_folder(Path.cwd(), class_name=named)
    if looks_like_path and not colon:
        _existing(target)
    raise UsageError(
        f"{shorten(target)} is not a target.",
        hint="Give a package file (.tar.gz, .tgz or .whl), a project directory, module:Class, "
        "module.Class or path/to/file.py:Class.",
    )


def _path(text: str) -> Path:
    if "://" in text:
        hint = "Download it first, and give its path. A model directory's goes to --model-dir."
        raise UsageError(f"{shorten(text)} is a URL; a path is expected.", hint=hint)
    try:
        path = Path(text).expanduser()
        path.exists()
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{shorten(text)} cannot be a path: {reason}.") from error
    return path


def _existing(text: str) -> Path:
    path = _path(text)
    if path.exists():
        return path
    folder = path.parent
    while not folder.is_dir():
        folder = folder.parent
    there = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    listed = ", ".join(there[:8]) + ("…" if len(there) > 8 else "")
    near = did_you_mean(path.name, there)
    raise UsageError(
        f"{path} does not exist.",
        hint=f"In {folder}: {listed}. {near}".rstrip() if listed else f"{folder} is empty.",
    )


def _open_project(folder: Path) -> Sources:
    return Sources(roots=_roots(folder), folder=folder, requirements=_declared_requirements(folder))


def _open_file(path: Path, attribute: str) -> Sources:
    """A class in a file; the file's package, if it is in one, stays whole."""
    given, path = path, path.resolve()
    root, parts = path.parent, [path.stem]
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    if parts[-1] == "__init__":
        parts.pop()
    known = predictors_in(path)
    if not attribute and len(known) > 1:
        raise UsageError(
            f"{given} holds several classes that look like predictors: {', '.join(known)}.",
            hint=f"Name one: {given}:{known[0]}",
        )
    if not attribute and known:
        attribute = known[0]
    if root.name == "src" and settings_file(root) is None and settings_file(root.parent):
        root = root.parent
    return _from_folder(root, class_name=".".join([*parts, attribute]).rstrip("."))


def _from_folder(folder: Path, *, class_name: str) -> Sources:
    """A class that is named, from a folder whose settings apply if it is a project."""
    has_settings = settings_file(folder) is not None
    return replace(
        _open_project(folder), class_name=class_name, folder=folder if has_settings else None
    )


def _unpack(contents: Contents) -> Sources:
    unpacked = Path(tempfile.mkdtemp(prefix="cpr-package-")).resolve()
    show_as(unpacked, contents.name)
    try:
        root, manifest = contents.write_to(unpacked), contents.manifest
        declared = manifest.requirements if manifest else _declared_requirements(root)
        return Sources(
            roots=_roots_of_package(root),
            manifest=manifest,
            requirements=tuple(declared),
            _unpacked=(unpacked,),
        )
    except BaseException:
        shutil.rmtree(unpacked, ignore_errors=True)
        raise


def _roots(folder: Path) -> tuple[Path, ...]:
    """The folders of a source tree or wheel from which its modules are imported."""
    inner = [
        folder / "src",
        *sorted(folder.glob("*.data/*lib")),
        *sorted(folder.glob("*.data/scripts")),
    ]
    return (folder, *(path for path in inner if path.is_dir()))


def _roots_of_package(folder: Path) -> tuple[Path, ...]:
    """Those, and the folders that an sdist's setup.py named, which is never run."""
    inner = [
        # setuptools writes the egg-info where package_dir={"": …} leads.
        *(listing.parent for listing in sorted(folder.glob("*/*.egg-info"))),
        # pip put scripts=["bin/predictor.py"] into one folder, without its own.
        *(path.parent for name in ("bin", "scripts") for path in folder.glob(f"{name}/*.py")),
    ]
    plain = [path for path in inner if not (path / "__init__.py").is_file()]
    return tuple(dict.fromkeys([*_roots(folder), *plain]))


def _declared_requirements(folder: Path) -> tuple[str, ...]:
    """What an sdist's or wheel's metadata ask for; extras are left out."""
    found: list[str] = []
    listings = sorted([*folder.glob("*.egg-info"), *folder.glob("*/*.egg-info")])
    for requires in (listing / "requires.txt" for listing in listings):
        if requires.is_file():
            found += _unconditional(requires.read_text("utf-8", "replace"))
    if not listings:  # other tools than setuptools write none
        for metadata in sorted([*folder.glob("PKG-INFO"), *folder.glob("*.dist-info/METADATA")]):
            headers = HeaderParser().parsestr(metadata.read_text("utf-8", "replace"))
            found += [" ".join(line.split()) for line in headers.get_all("Requires-Dist", [])]
    return tuple(dict.fromkeys(line for line in found if not _is_extra(line)))


def _is_extra(line: str) -> bool:
    return re.search(r"\bextra\b", line.partition(";")[2]) is not None


def _unconditional(requires: str) -> list[str]:
    """The lines of a requires.txt, with the marker of their ``[:marker]`` section."""
    found, marker, is_extra = [], "", False
    for line in map(str.strip, requires.splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
            is_extra, marker = not section.startswith(":"), section.lstrip(":")
        elif line and not is_extra:
            # A space first: a URL would swallow the semicolon.
            found.append(f"{line} ; {marker}" if marker else line)
    return found
