"""Further packages that go with a package: read, checked, and put beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cpr.archive import is_package_file, open_archive
from cpr.config import Settings
from cpr.errors import ConfigError, UsageError
from cpr.manifest import MemberRecord
from cpr.suggest import did_you_mean


@dataclass(frozen=True)
class ExtraPackage:
    """A package file that another package needs."""

    path: Path
    data: bytes

    @property
    def name(self) -> str:
        """Its file name, which says what it is."""
        return self.path.name

    @property
    def record(self) -> MemberRecord:
        """What the main package's manifest says of it."""
        return MemberRecord(hashlib.sha256(self.data).hexdigest(), len(self.data))


def read_extra_packages(settings: Settings) -> tuple[ExtraPackage, ...]:
    """Read and check the package files of ``[package] extra_packages``.

    Paths in a project's file start at that file.

    Raises:
        UsageError: One is not there, or is no package file.
        ConfigError: Two have the same name.
        PackageRefused: One is damaged or hostile.
    """
    origin = Path(settings.origins.get("package.extra_packages", ""))
    base = origin.parent if origin.suffix == ".toml" else Path()
    found: dict[str, ExtraPackage] = {}
    for listed in settings.package.extra_packages:
        extra = _read(base / Path(listed).expanduser())
        if extra.name in found and extra.data != found[extra.name].data:
            raise ConfigError(
                f"two different extra packages are called {extra.name}: "
                f"{found[extra.name].path} and {extra.path}.",
                hint="Rename one; all of them lie in one folder.",
            )
        found[extra.name] = extra
    return tuple(found[name] for name in sorted(found))


def refuse_clash(extras: Sequence[ExtraPackage], package: str) -> None:
    """See that no extra package has the name of the package itself."""
    for extra in extras:
        if extra.name == package:
            raise ConfigError(
                f"the extra package {extra.path} has the name of the package itself.",
                hint="Give the package another name or version.",
            )


def _read(path: Path) -> ExtraPackage:
    if not path.is_file():
        folder = path.parent
        there = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
        raise UsageError(
            f"the extra package {path} is not a file.", hint=did_you_mean(path.name, there)
        )
    if not is_package_file(path):
        raise UsageError(
            f"the extra package {path} is no package file.",
            hint="Give a source distribution (.tar.gz, .tgz) or a wheel (.whl).",
        )
    data: list[bytes] = []
    open_archive(path, examine=data.append).close()
    return ExtraPackage(path, data[0])
