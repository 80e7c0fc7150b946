"""The members of a wheel, which is a zip file, with nothing hidden between them."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cpr.archive.limits import Limits
from cpr.archive.refusal import Refusal

_END = struct.Struct("<4s4H2LH")
_LOCAL_HEADER = 30
_CENTRAL_BYTES_PER_ENTRY = 400
_UTF8_NAME, _ENCRYPTED = 0x800, 0x1
_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class WheelEntry:
    """One file or folder; `read` is None for a folder, and checks the CRC at the end."""

    name: str
    size: int
    read: Callable[[int], bytes] | None


def wheel_entries(data: bytes, limits: Limits) -> Iterator[WheelEntry]:
    """Yield the entries in order; all were checked before the first is yielded."""
    count = _check_end(data, limits)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _FAULTS as error:
        raise Refusal(f"it is damaged ({error})") from error
    with archive:
        infos = archive.infolist()
        if len(infos) != count:
            raise Refusal("its directory is damaged")
        _check_layout(infos, archive.start_dir, limits)
        for info in infos:
            _check_entry(info)
        for info in infos:
            is_folder = info.orig_filename.endswith("/")
            read = None if is_folder else _reader(archive, info)
            yield WheelEntry(info.orig_filename, info.file_size, read)


def _reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[int], bytes]:
    try:
        content = archive.open(info)
    except _FAULTS as error:
        raise Refusal(f"is damaged ({error})", member=info.orig_filename) from error

    def read(count: int) -> bytes:
        try:
            return content.read(count)
        except _FAULTS as error:
            raise Refusal(f"is damaged ({error})", member=info.orig_filename) from error

    return read


def _check_end(data: bytes, limits: Limits) -> int:
    """Check the record that ends a zip file; returns the number of entries it states."""
    if not data:
        raise Refusal("it is empty")
    if len(data) < _END.size or not data.startswith(b"PK"):
        raise Refusal("it is not a zip file")
    signature, disk, first_disk, here, total, size, start, comment = _END.unpack(data[-_END.size :])
    if signature != b"PK\x05\x06" or comment:
        raise Refusal("it is cut short, or something follows its end")
    if disk or first_disk or here != total or start + size != len(data) - _END.size:
        raise Refusal("its directory is damaged")
    if total > limits.entries or size > limits.entries * _CENTRAL_BYTES_PER_ENTRY:
        raise Refusal(f"it has more than {limits.entries:,} entries")
    if data[-_END.size - 20 : -_END.size].startswith(b"PK\x06\x07"):
        raise Refusal("it is a 64-bit zip file, which no wheel of this size needs")
    return int(total)


def _check_layout(infos: list[zipfile.ZipInfo], directory_start: int, limits: Limits) -> None:
    if sum(info.file_size for info in infos) > limits.total_bytes:
        raise Refusal(f"it unpacks to more than {limits.total_bytes:,} bytes")
    position = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < position:
            raise Refusal("overlaps another one", member=info.orig_filename)
        name = len(info.orig_filename.encode("utf-8"))
        position = info.header_offset + _LOCAL_HEADER + name + info.compress_size
    if position > directory_start or min((i.header_offset for i in infos), default=0):
        raise Refusal("its directory does not match its content")


def _check_entry(info: zipfile.ZipInfo) -> None:
    name = info.orig_filename
    if not name.isascii() and not info.flag_bits & _UTF8_NAME:
        raise Refusal("has a name that is not UTF-8", member=name)
    if info.flag_bits & _ENCRYPTED:
        raise Refusal("is encrypted", member=name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refusal("is compressed in an unusual way", member=name)
    kind = stat.S_IFMT(info.external_attr >> 16)
    expected = stat.S_IFDIR if name.endswith("/") else stat.S_IFREG
    if kind not in (0, expected):
        raise Refusal("is a link or device; only files and folders are allowed", member=name)
    if name.endswith("/") and info.file_size:
        raise Refusal("is a folder with content", member=name)
