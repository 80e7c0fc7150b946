"""The members of a tar archive: regular files and folders, and nothing else.

Not `tarfile`, which takes a damaged header for the end of the archive and
knows links, devices and sparse files; this reader refuses what it does not
know. It reads ustar, pax and GNU names, which is what every sdist is made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cpr.archive.gzip_stream import GzipStream
from cpr.archive.limits import Limits
from cpr.archive.refusal import Refusal

_BLOCK = 512
_EXTENSION_BYTES = 65_536
_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_PAX_LENGTH = re.compile(rb"([1-9][0-9]{0,6}) ")
_DIGITS = re.compile(rb"[0-9]{1,12}")
_REFUSED = {
    b"1": "is a hard link",
    b"2": "is a symbolic link",
    b"3": "is a character device",
    b"4": "is a block device",
    b"6": "is a FIFO",
    b"K": "is a link with a long name",
    b"S": "is a sparse file",
}


@dataclass(frozen=True)
class TarEntry:
    """One file or folder; its content must be taken before the next is asked for."""

    name: bytes
    is_folder: bool
    size: int


@dataclass(frozen=True)
class _Header:
    name: bytes
    kind: bytes
    size: int


def tar_entries(stream: GzipStream, limits: Limits) -> Iterator[TarEntry]:
    """Yield the entries in order, then check that only zeros follow.

    The caller reads exactly `size` bytes of each file from the stream before
    it goes on; padding is skipped here.
    """
    overrides: dict[str, bytes] = {}
    for _ in range(limits.entries + 1):
        block = stream.read(_BLOCK)
        if not any(block) and len(block) == _BLOCK:
            if overrides:
                raise Refusal("its last entry is missing")
            return _check_end(stream)
        header = _header(block)
        if header.kind in (b"x", b"g", b"L"):
            _extend(overrides, header, _content(stream, header))
            continue
        entry = _entry(header, overrides)
        overrides = {}
        if entry.size > limits.total_bytes:
            raise Refusal(f"unpacks to more than {limits.total_bytes:,} bytes", member=entry.name)
        yield entry
        _skip_padding(stream, entry.size)
    raise Refusal(f"it has more than {limits.entries:,} entries")


def _header(block: bytes) -> _Header:
    if len(block) < _BLOCK:
        raise Refusal("it is cut short")
    unsigned = sum(block) - sum(block[148:156]) + 8 * 0x20
    if _octal(block[148:156]) != unsigned:
        raise Refusal("one of its tar headers is damaged")
    name = _text(block[:100])
    if block[257:265] == b"ustar\x0000" and block[345]:
        name = _text(block[345:500]) + b"/" + name
    return _Header(name, block[156:157], _octal(block[124:136]))


def _entry(header: _Header, overrides: Mapping[str, bytes]) -> TarEntry:
    name = overrides.get("path", header.name)
    size = int(overrides["size"]) if "size" in overrides else header.size
    is_old_folder = header.kind == b"\0" and name.endswith(b"/")
    if header.kind == b"5" or is_old_folder:
        if size:
            raise Refusal("is a folder with content", member=name)
        return TarEntry(name, True, 0)
    if header.kind not in (b"0", b"\0"):
        reason = _REFUSED.get(header.kind, f"is of the unknown kind {header.kind!r}")
        raise Refusal(f"{reason}; only files and folders are allowed", member=name)
    return TarEntry(name, False, size)


def _extend(overrides: dict[str, bytes], header: _Header, data: bytes) -> None:
    """Note what an extension header says of the next entry."""
    if header.kind == b"L":
        found = {"path": _text(data)}
    else:
        found = _pax_records(data)
        if header.kind == b"g" and found:
            raise Refusal("a global header names or sizes its members")
    for key, value in found.items():
        if key in overrides:
            raise Refusal(f"a member's {key} is given twice")
        overrides[key] = value


def _pax_records(data: bytes) -> dict[str, bytes]:
    """The two records that matter, path and size; times and owners are dropped."""
    found: dict[str, bytes] = {}
    while data:
        match = _PAX_LENGTH.match(data)
        length = int(match[1]) if match else 0
        record = data[match.end() : length] if match else b""
        key, separator, value = record.partition(b"=")
        if not separator or not value.endswith(b"\n") or length > len(data):
            raise Refusal("an extended header is damaged")
        value, data = value[:-1], data[length:]
        if key.startswith(b"GNU.sparse"):
            raise Refusal("a member is a sparse file; only files and folders are allowed")
        if key == b"size" and not _DIGITS.fullmatch(value):
            raise Refusal("an extended header is damaged")
        if key in (b"path", b"size"):
            if key.decode() in found:
                raise Refusal(f"a member's {key.decode()} is given twice")
            found[key.decode()] = value
    return found


def _content(stream: GzipStream, header: _Header) -> bytes:
    if header.size > _EXTENSION_BYTES:
        raise Refusal(f"an extended header is longer than {_EXTENSION_BYTES:,} bytes")
    data = stream.read(header.size)
    if len(data) < header.size:
        raise Refusal("it is cut short")
    _skip_padding(stream, header.size)
    return data


def _skip_padding(stream: GzipStream, size: int) -> None:
    padding = -size % _BLOCK
    if len(stream.read(padding)) < padding:
        raise Refusal("it is cut short")


def _check_end(stream: GzipStream) -> None:
    while rest := stream.read(_BLOCK):
        if any(rest):
            raise Refusal("there is more after the end of its tar archive")


def _text(field: bytes) -> bytes:
    text, _, rest = field.partition(b"\0")
    if rest.strip(b"\0"):
        raise Refusal("has a NUL in its name", member=field)
    return text


def _octal(field: bytes) -> int:
    match = _OCTAL.fullmatch(field)
    if match is None:
        raise Refusal("one of its tar headers is damaged")
    return int(match[1] or b"0", 8)
