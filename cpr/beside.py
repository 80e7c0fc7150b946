"""Opens package files together with the extra packages that they were built with.

All of them are checked, against signatures and recorded hashes, before the
first one is unpacked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from cpr.archive import Contents, open_archive
from cpr.errors import LoadError, PackageRefused
from cpr.manifest import MemberRecord
from cpr.signatures import PublicKey


def open_packages(
    paths: Sequence[Path], *, key: PublicKey | None, held: ExitStack
) -> list[Contents]:
    """Open package files and, after each, the extra packages that its manifest names.

    An extra package is the file of that name among `paths`, else the one
    beside the package. Its recorded hash stands for a signature.

    Args:
        paths: The package files; they exist.
        key: What the others must be signed by; None asks for no signature.
        held: Closes what was opened.

    Raises:
        PackageRefused: A file is damaged, hostile, not signed by the key, or
            not the one that was recorded.
        LoadError: An extra package is neither given nor beside its package.
    """
    given = {path.name: path for path in paths}
    records: dict[Path, MemberRecord] = {}
    digests: dict[Path, str] = {}
    opened = []
    pending = list(paths)
    while pending:
        path = pending.pop(0)
        if path in digests:
            continue
        examine = partial(_examine, path, records, key, digests)
        contents = held.enter_context(open_archive(path, examine=examine))
        contents.name = path.name
        opened.append(contents)
        if contents.manifest is not None:
            extras = {
                given.get(name) or _beside(path, name, record): record
                for name, record in contents.manifest.extra_packages.items()
            }
            for extra in extras.keys() & digests.keys():
                _check_digest(extra, extras[extra], digests[extra])
            records |= extras
            pending[:0] = extras
    return opened


def _examine(
    path: Path,
    records: dict[Path, MemberRecord],
    key: PublicKey | None,
    digests: dict[Path, str],
    data: bytes,
) -> None:
    digests[path] = hashlib.sha256(data).hexdigest()
    if path in records:
        _check_digest(path, records[path], digests[path])
    elif key is not None:
        key.check(path, data)


def _beside(package: Path, name: str, record: MemberRecord) -> Path:
    path = package.parent / Path(name).name
    if not path.is_file():
        raise LoadError(
            f"the package {package} needs the extra package {name}, which is not beside it.",
            hint=f"Copy it to {package.parent}, or give --package PATH/{name}.\n"
            f"Its sha256 is {record.sha256}.",
        )
    return path


def _check_digest(path: Path, record: MemberRecord, digest: str) -> None:
    if digest != record.sha256:
        raise PackageRefused(
            f"the extra package {path} is not the one that the package was built with: "
            f"its sha256 is {digest}, expected {record.sha256}.",
            hint="Get the right file, or build the package again with this one.",
        )
