"""The seal: a gzip header that holds the sha256 of everything after it.

gzip's own CRC covers the unpacked content alone. A flipped bit in the header,
or deflate data that unpacks to the same bytes by another route, passes it; so
a package of ours carries a digest of the compressed bytes in an extra field
(RFC 1952, FEXTRA), which every gzip reader skips. It shows damage and careless
edits; it is no signature.
"""

from __future__ import annotations

import hashlib
import struct

from cpr.archive.refusal import Refusal

SUBFIELD = b"Cr"
_DIGEST_SIZE = 32
_FTEXT, _FHCRC, _FEXTRA, _FNAME, _FCOMMENT = 1, 2, 4, 8, 16

# Magic, deflate, FEXTRA alone, no time, best compression, unknown system.
_PREFIX = (
    struct.pack("<2sBBIBB", b"\x1f\x8b", 8, _FEXTRA, 0, 2, 255)
    + struct.pack("<H", 4 + _DIGEST_SIZE)
    + struct.pack("<2sH", SUBFIELD, _DIGEST_SIZE)
)


def seal(body: bytes) -> bytes:
    """A whole gzip file from its deflate data, CRC and length: header, seal, body."""
    return _PREFIX + hashlib.sha256(body).digest() + body


def split_header(data: bytes) -> tuple[int, bool]:
    """Where the deflate data begins, and whether the archive is sealed.

    Raises:
        Refusal: The header is not gzip's, is cut short, or is a sealed one
            that no longer is exactly as it was written.
    """
    if data.startswith(_PREFIX):
        start = len(_PREFIX) + _DIGEST_SIZE
        if hashlib.sha256(data[start:]).digest() != data[len(_PREFIX) : start]:
            raise Refusal("its content does not match its seal; it was damaged or altered")
        return start, True
    start, extra = _skip_header(data)
    if SUBFIELD in extra:
        raise Refusal("its seal is damaged")
    return start, False


def _skip_header(data: bytes) -> tuple[int, bytes]:
    if not data:
        raise Refusal("it is empty")
    if data[:2] != b"\x1f\x8b":
        raise Refusal("it is not a gzip file")
    if len(data) < 10:
        raise Refusal("it is cut short")
    method, flags = data[2], data[3]
    if method != 8 or flags & ~(_FTEXT | _FHCRC | _FEXTRA | _FNAME | _FCOMMENT):
        raise Refusal("its gzip header is damaged")
    position, extra = 10, b""
    if flags & _FEXTRA:
        length = int.from_bytes(data[10:12], "little")
        extra = data[12 : 12 + length]
        position = 12 + length
    for flag in (_FNAME, _FCOMMENT):
        if flags & flag:
            position = data.find(b"\0", position) + 1
            if position == 0:
                raise Refusal("it is cut short")
    return position + (2 if flags & _FHCRC else 0), extra
