"""Unpacks a compressed request body, never beyond a limit."""

from __future__ import annotations

import zlib

from cpr.errors import BadInput, BodyTooLarge, UnknownEncoding, shorten

_PIECE = 1 << 18
_GZIP = 16 + zlib.MAX_WBITS
_ENCODINGS = {"gzip": _GZIP, "x-gzip": _GZIP}


def inflate(body: bytes, encoding: str, *, limit: int) -> bytes:
    """The body as it was before it was packed.

    Args:
        body: As sent.
        encoding: The value of the header Content-Encoding.
        limit: The most bytes that may come out; 0 for any number. No more
            memory than that is used, whatever the body claims.

    Raises:
        UnknownEncoding: It is packed otherwise, or more than once.
        BodyTooLarge: More than `limit` bytes come out.
        BadInput: It is damaged, cut short, or followed by something else.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in _ENCODINGS:
        raise UnknownEncoding(
            f"the body's Content-Encoding is {shorten(encoding)}; only gzip is understood.",
            hint="Send it as it is, or packed once with gzip.",
        )
    unpacker = zlib.decompressobj(_GZIP)
    try:
        unpacked = _unpack(unpacker, body, limit)
    except zlib.error as error:
        raise BadInput(f"the body is not valid gzip: {error}.") from error
    if not unpacker.eof:
        raise BadInput("the body is not valid gzip: it is cut short.")
    if unpacker.unused_data:
        raise BadInput("the body is not valid gzip: something follows its end.")
    return unpacked


def _unpack(unpacker: zlib._Decompress, body: bytes, limit: int) -> bytes:
    """Unpack in pieces: in one go zlib doubles its buffer, up to several times the limit."""
    pieces, size, rest = [], 0, body
    while not unpacker.eof:
        piece = unpacker.decompress(rest, _PIECE)
        rest = unpacker.unconsumed_tail
        if not piece and not rest:
            break
        pieces.append(piece)
        size += len(piece)
        if limit and size > limit:
            raise BodyTooLarge(
                f"the body is larger than {limit} bytes once it is unpacked.",
                hint="Send fewer instances at once.",
            )
    return b"".join(pieces)
