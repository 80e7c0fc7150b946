"""The content of a gzip file, unpacked in small steps and checked at the end."""

from __future__ import annotations

import zlib

from cpr.archive.refusal import Refusal

_STEP = 65_536
_TRAILER = 8


class GzipStream:
    """A reader over the deflate data of one gzip file.

    Never holds more than one step of unpacked bytes beyond what is asked for,
    so a bomb costs no memory before it meets the limit.
    """

    def __init__(self, data: bytes, start: int, *, limit: int) -> None:
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._view = memoryview(data)
        self._position = start
        self._limit = limit
        self._buffer = bytearray()
        self._crc = 0
        self._length = 0

    def read(self, count: int) -> bytes:
        """The next `count` bytes; fewer only where the content ends."""
        while len(self._buffer) < count:
            piece = self._inflate()
            if not piece:
                break
            self._buffer += piece
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def finish(self) -> None:
        """Check what follows the content: CRC, length, and nothing more.

        Call it when `read` has come to the end.

        Raises:
            Refusal: The content is not what was written.
        """
        rest = self._inflater.unused_data + bytes(self._view[self._position :])
        if not self._inflater.eof or len(rest) < _TRAILER:
            raise Refusal("it is cut short")
        crc, length = (int.from_bytes(rest[at : at + 4], "little") for at in (0, 4))
        if crc != self._crc or length != self._length & 0xFFFFFFFF:
            raise Refusal("its content does not match its checksum (CRC)")
        if len(rest) > _TRAILER:
            raise Refusal(f"{len(rest) - _TRAILER} bytes follow its end")

    def _inflate(self) -> bytes:
        while not self._inflater.eof:
            pending = self._inflater.unconsumed_tail
            if not pending:
                pending = bytes(self._view[self._position : self._position + _STEP])
                self._position += len(pending)
            try:
                piece = self._inflater.decompress(pending, _STEP)
            except zlib.error as error:
                raise Refusal(f"its compressed data is damaged ({error})") from error
            if piece:
                return self._count(piece)
            if not pending:
                raise Refusal("it is cut short")
        return b""

    def _count(self, piece: bytes) -> bytes:
        self._crc = zlib.crc32(piece, self._crc)
        self._length += len(piece)
        if self._length > self._limit:
            raise Refusal(f"it unpacks to more than {self._limit:,} bytes")
        return piece
