"""A source distribution as bytes: the same for the same members, wherever it is made."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Mapping

from cpr.archive import seal
from cpr.errors import ConfigError, shorten

DEFAULT_EPOCH = 315_532_800  # 1980-01-01, the first day that a zip file can name
_LAST_EPOCH = 0o77777777777  # what a tar header holds


def pack(stem: str, members: Mapping[str, bytes], *, epoch: int) -> bytes:
    """A sealed ``.tar.gz`` of the members below the one folder `stem`.

    Owner, group, modes and times are fixed: 0, 0, 0644 or 0755, and `epoch`.
    """
    buffer = io.BytesIO()
    folders = {"/".join(name.split("/")[:depth]) for name in members for depth in _depths(name)}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted({*members, *folders}):
            entry = tarfile.TarInfo(f"{stem}/{name}".rstrip("/"))
            entry.mtime = epoch
            if name in members:
                entry.mode, entry.size = 0o644, len(members[name])
                archive.addfile(entry, io.BytesIO(members[name]))
            else:
                entry.mode, entry.type = 0o755, tarfile.DIRTYPE
                archive.addfile(entry)
    return seal(_deflated(buffer.getvalue()))


def epoch_from(environ: Mapping[str, str]) -> int:
    """The members' time: SOURCE_DATE_EPOCH, or the first day of 1980.

    Raises:
        ConfigError: The variable does not hold seconds since 1970.
    """
    text = environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return DEFAULT_EPOCH
    if not (text.isascii() and text.isdigit()) or int(text[:20]) > _LAST_EPOCH:
        raise ConfigError(
            f"the environment variable SOURCE_DATE_EPOCH is {shorten(text)}; "
            "expected whole seconds since 1970."
        )
    return int(text)


def _depths(name: str) -> range:
    """How many leading parts of a name make its folders; 0 is the top folder itself."""
    return range(name.count("/") + 1)


def _deflated(data: bytes) -> bytes:
    """Deflate data with gzip's trailer: CRC and length."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = compressor.compress(data) + compressor.flush()
    trailer = zlib.crc32(data).to_bytes(4, "little")
    return body + trailer + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
