"""Open a finished package again, as a stranger would, before it gets its name."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cpr.archive import open_archive
from cpr.errors import ConfigError, PackageRefused
from cpr.manifest import MANIFEST_NAME, Manifest
from cpr.packager.classes import check_class


def verify_package(package: Path, *, label: str = "") -> Manifest:
    """Check seal and manifest, unpack, and look for the prediction class.

    Nothing of the package is run.

    Args:
        package: A source distribution that `cpr` built.
        label: What messages call it; the path by default.

    Raises:
        PackageRefused: It is not what its manifest says, has none, or does
            not hold its prediction class.
    """
    label = label or str(package)
    with (
        open_archive(package, kind="sdist", label=label) as contents,
        tempfile.TemporaryDirectory(prefix="cpr-verify-") as folder,
    ):
        if contents.manifest is None:
            raise PackageRefused(f"the package {label} has no {MANIFEST_NAME}.")
        root = contents.write_to(Path(folder) / "package")
        files = {path: root / path for path in contents.manifest.members}
        try:
            check_class(contents.manifest.prediction_class, files)
        except ConfigError as error:
            raise PackageRefused(f"the package {label}: {error.problem}") from error
        return contents.manifest
