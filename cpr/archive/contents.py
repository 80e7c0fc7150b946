"""What was read from an archive, held without names on the disk until it is checked."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from cpr.archive.limits import Limits
from cpr.archive.names import Names
from cpr.archive.refusal import Refusal
from cpr.errors import EnvironmentProblem, PackageRefused, UsageError
from cpr.manifest import MANIFEST_NAME, Manifest

_CHUNK = 1 << 20
_IN_MEMORY = 32_000_000
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Member:
    """One file of an archive: its full name there, and what it holds."""

    name: str
    size: int
    sha256: str
    offset: int


class Contents:
    """The checked content of one archive; a context manager.

    Attributes:
        name: The archive's file name, once it is known.
        root: The one top folder of a source distribution; "" for a wheel.
        members: The files, in the archive's order.
        manifest: What a package built by `cpr` says of itself; else None.
    """

    def __init__(self, limits: Limits) -> None:
        self.name = ""
        self.root = ""
        self.members: list[Member] = []
        self.manifest: Manifest | None = None
        self._folders: dict[str, None] = {}
        self._names = Names(limit=limits.entries)
        # Unnamed: nothing of an archive that turns out bad can be found or imported.
        self._spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115

    def __enter__(self) -> Contents:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the held content; calling it twice is fine."""
        self._spool.close()

    def add_folder(self, raw: str | bytes) -> None:
        """Take in a folder entry."""
        name = self._names.admit(raw, is_folder=True)
        if name:
            self._folders[name] = None

    def add_file(self, raw: str | bytes, size: int, read: Callable[[int], bytes]) -> None:
        """Take in a file of exactly `size` bytes from a `read(count)` function."""
        name = self._names.admit(raw, is_folder=False)
        digest, offset, left = hashlib.sha256(), self._spool.tell(), size
        while left:
            piece = read(min(left, _CHUNK))
            if not piece:
                raise Refusal("is cut short", member=name)
            digest.update(piece)
            self._spool.write(piece)
            left -= len(piece)
        self.members.append(Member(name, size, digest.hexdigest(), offset))

    def settle_root(self) -> None:
        """Find the one top folder that a source distribution must have."""
        tops = {name.partition("/")[0] for name in (*self._folders, *self._file_names())}
        loose = [name for name in self._file_names() if "/" not in name]
        if len(tops) != 1 or loose or not self.members:
            raise Refusal("it does not hold exactly one top folder, as a source distribution does")
        self.root = tops.pop()

    def check_manifest(self, *, is_sealed: bool) -> None:
        """Hold every member against the manifest, if there is one.

        Raises:
            Refusal: Seal and manifest do not go together, or a member is
                missing, altered, or not named by the manifest.
        """
        records = {self._below_root(member.name): member for member in self.members}
        own = records.pop(MANIFEST_NAME, None)
        if own is None:
            if is_sealed:
                raise Refusal(f"it is sealed but has no {MANIFEST_NAME}")
            return
        if not is_sealed:
            raise Refusal(f"it has a {MANIFEST_NAME} but no seal; it was altered or repacked")
        try:
            manifest = Manifest.parse(self.read(own))
        except PackageRefused as error:
            raise Refusal(error.problem) from error
        _compare(manifest, records)
        self.manifest = manifest

    def read(self, member: Member) -> bytes:
        """The bytes of one member."""
        self._spool.seek(member.offset)
        return self._spool.read(member.size)

    def write_to(self, into: Path) -> Path:
        """Write all members into a fresh directory; returns the import root.

        Files get mode 0644 and folders 0755, whatever the archive or the umask
        says. If it fails, what was written is removed again.

        Raises:
            UsageError: `into` is there and is not an empty directory.
            EnvironmentProblem: The disk is full or cannot be written.
        """
        try:
            into.mkdir(parents=True, exist_ok=True)
            if any(into.iterdir()):
                raise UsageError(f"{into} is not empty; a package is unpacked into a fresh folder.")
            self._write_all(into)
        except OSError as error:
            with suppress(OSError):
                for path in into.iterdir():
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            raise EnvironmentProblem(
                f"the package cannot be unpacked into {into}: {error.strerror or error}"
            ) from error
        return into / self.root

    def _write_all(self, into: Path) -> None:
        folders = set(self._folders)
        for name in (*self._folders, *self._file_names()):
            parts = name.split("/")
            folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
        for name in sorted(folders):
            (into / name).mkdir()
            (into / name).chmod(0o755)
        for member in self.members:
            self._spool.seek(member.offset)
            with os.fdopen(os.open(into / member.name, _NEW_FILE, 0o600), "wb") as file:
                for start in range(0, member.size, _CHUNK):
                    file.write(self._spool.read(min(_CHUNK, member.size - start)))
                os.fchmod(file.fileno(), 0o644)

    def _file_names(self) -> list[str]:
        return [member.name for member in self.members]

    def _below_root(self, name: str) -> str:
        return name[len(self.root) + 1 :] if self.root else name


def _compare(manifest: Manifest, found: dict[str, Member]) -> None:
    for path, record in manifest.members.items():
        member = found.get(path)
        if member is None:
            raise Refusal(f"is missing, though {MANIFEST_NAME} names it", member=path)
        if (member.sha256, member.size) != (record.sha256, record.size):
            raise Refusal(f"is not what {MANIFEST_NAME} says", member=path)
    for path in found:
        if path not in manifest.members:
            raise Refusal(f"is not named by {MANIFEST_NAME}", member=path)
