"""Where user code comes from: a target becomes import roots.

A target is a package file (sdist or wheel), a project directory,
``path/to/file.py:Class``, ``module:Class`` or ``module.Class``. Several
packages may be given at once, as AI Platform's packageUris.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path

from cpr.archive import is_package_file, open_archive
from cpr.config import settings_file
from cpr.errors import UsageError, shorten
from cpr.manifest import Manifest


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

    def close(self) -> None:
        """Remove what was unpacked."""
        for folder in self._unpacked:
            shutil.rmtree(folder, ignore_errors=True)


def open_sources(target: str | None, packages: Sequence[str] = ()) -> Sources:
    """Resolve a target and further packages into import roots; imports nothing.

    Archives are verified and unpacked into a temporary directory, which
    `Sources.close` removes; nothing is ever built or installed.

    Raises:
        UsageError: The target is none of the known forms.
        PackageRefused: An archive is damaged or hostile.
    """
    opened: list[Sources] = []
    try:
        if target:
            opened.append(_open_target(target))
        opened += [_open_package(_existing(Path(package))) for package in packages]
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


def _open_target(target: str) -> Sources:
    path = Path(target).expanduser()
    if path.is_dir():
        return _open_project(path.resolve())
    if path.is_file() and is_package_file(path):
        return _open_package(path)
    location, colon, attribute = target.rpartition(":")
    if not colon:
        location, attribute = target, ""
    if location.endswith(".py"):
        return _open_file(_existing(Path(location).expanduser()), attribute)
    named = target.replace(":", ".")
    looks_like_path = "/" in target or target.endswith((".gz", ".tgz", ".whl", ".zip"))
    if not looks_like_path and all(part.isidentifier() for part in named.split(".")):
        return Sources(roots=(Path.cwd(),), class_name=named)
    if looks_like_path and not colon:
        _existing(path)
    raise UsageError(
        f"{shorten(target)} is not a target.",
        hint="Give a package file (.tar.gz, .tgz or .whl), a project directory, module:Class, "
        "module.Class or path/to/file.py:Class.",
    )


def _existing(path: Path) -> Path:
    if path.exists():
        return path
    folder = path.parent
    while not folder.is_dir():
        folder = folder.parent
    there = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    listed = ", ".join(there[:8]) + ("…" if len(there) > 8 else "")
    raise UsageError(
        f"{path} does not exist.",
        hint=f"In {folder}: {listed}" if listed else f"{folder} is empty.",
    )


def _open_project(folder: Path) -> Sources:
    return Sources(roots=_roots(folder), folder=folder, requirements=_declared_requirements(folder))


def _open_file(path: Path, attribute: str) -> Sources:
    """A class in a file; the file's package, if it is in one, stays whole."""
    root, parts = path.resolve().parent, [path.stem]
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    if parts[-1] == "__init__":
        parts.pop()
    folder = root if settings_file(root) else None
    return Sources(
        roots=(root,), class_name=".".join([*parts, attribute]).rstrip("."), folder=folder
    )


def _open_package(path: Path) -> Sources:
    if path.is_dir():
        return _open_project(path.resolve())
    unpacked = Path(tempfile.mkdtemp(prefix="cpr-package-")).resolve()
    try:
        with open_archive(path) as contents:
            root, manifest = contents.write_to(unpacked), contents.manifest
        declared = manifest.requirements if manifest else _declared_requirements(root)
        return Sources(
            roots=_roots(root),
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


def _declared_requirements(folder: Path) -> tuple[str, ...]:
    """What an sdist's egg-info or a wheel's METADATA asks for; extras are left out."""
    found: list[str] = []
    for listing in sorted([*folder.glob("*.egg-info"), *folder.glob("src/*.egg-info")]):
        requires = listing / "requires.txt"
        if requires.is_file():
            found += _unconditional(requires.read_text("utf-8", "replace"))
    for metadata in sorted(folder.glob("*.dist-info/METADATA")):
        headers = HeaderParser().parsestr(metadata.read_text("utf-8", "replace"))
        found += [line for line in headers.get_all("Requires-Dist", []) if "extra ==" not in line]
    return tuple(dict.fromkeys(found))


def _unconditional(requires: str) -> list[str]:
    """The lines of a requires.txt, with the marker of their ``[:marker]`` section."""
    found, marker, is_extra = [], "", False
    for line in map(str.strip, requires.splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
            is_extra, marker = not section.startswith(":"), section.lstrip(":")
        elif line and not is_extra:
            found.append(f"{line}; {marker}" if marker else line)
    return found
