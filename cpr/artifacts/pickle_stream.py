"""The bytes of a pickle file, decompressed as joblib does, never more than a limit.

Nothing here looks at what the bytes say.
"""

from __future__ import annotations

import bz2
import lzma
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import SEEK_CUR, BufferedIOBase, BufferedReader, RawIOBase
from pathlib import Path
from pickle import UnpicklingError
from types import TracebackType
from typing import Any

from cpr.extras import import_extra

_CHUNK = 1 << 16
_PIECE = 1 << 20
# No protocol, module or class has a longer line.
_LONGEST_LINE = 1 << 20
# What an lzma stream may ask for; its highest level takes 65 MB.
_DICTIONARY = 1 << 28


@dataclass(frozen=True)
class StreamLimits:
    """How much a compressed file may become: `total_bytes`, or `ratio` times its size."""

    total_bytes: int = 1_000_000_000
    ratio: int = 100


class PickleStream:
    """A pickle file that is read forwards; a context manager.

    `compression` is joblib's name of the form, empty for none. Reading beyond
    the end raises EOFError; a stream that does not end as it should, or that
    becomes too large, raises UnpicklingError, EOFError or its decoder's error.
    """

    def __init__(self, path: Path, limits: StreamLimits | None = None) -> None:
        file = path.open("rb")
        self._size = os.fstat(file.fileno()).st_size
        self.compression, decoder = _decoder(file.peek(8)[:8])
        self._file: BufferedIOBase = file
        if decoder is not None:
            limits = limits or StreamLimits()
            largest = max(limits.total_bytes, limits.ratio * self._size)
            self._file = BufferedReader(_Decoded(file, decoder, largest), _CHUNK)
        self._under = file

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes, or fewer at the end."""
        if count > _CHUNK:
            return bytes(self.read_buffer(count))
        return self._file.read(count)

    def read_buffer(self, count: int) -> bytearray:
        """Exactly `count` bytes; memory is taken for what is there, not for what is announced."""
        self._check(count)
        buffer = bytearray()
        while len(buffer) < count:
            piece = self._file.read(min(count - len(buffer), _PIECE))
            if not piece:
                raise EOFError(f"{count} bytes are announced, {len(buffer)} are there")
            buffer += piece
        return buffer

    def readline(self) -> bytes:
        """Up to and with the next newline."""
        return self._file.readline(_LONGEST_LINE)

    def skip(self, count: int) -> None:
        """Leave `count` bytes out; they must be there."""
        self._check(count)
        if not self.compression:
            self._file.seek(count, SEEK_CUR)
            return
        while count:
            piece = self._file.read(min(count, _PIECE))
            if not piece:
                raise EOFError(f"an array lacks {count} bytes")
            count -= len(piece)

    def _check(self, count: int) -> None:
        if not self.compression and count > self._size - self._file.tell():
            raise EOFError(f"{count} bytes are announced, which are not there")

    def is_at_end(self) -> bool:
        """Whether every byte was read."""
        peeked: bytes = self._file.peek(1)  # type: ignore[attr-defined]  # both are buffered
        return not peeked

    def __enter__(self) -> PickleStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._under.close()


class _Decoded(RawIOBase):
    """What a decompressor makes of a file, in pieces."""

    def __init__(self, file: BufferedReader, decoder: _Decoder, largest: int) -> None:
        self._source = file
        self._decoder = decoder
        self._largest = largest
        self._made = 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        piece = b""
        while not piece and not self._decoder.is_done:
            piece = self._decoder.next(self._source, len(target))
        if not piece and self._source.read(1):
            raise UnpicklingError("data follows the end of the compressed stream")
        self._made += len(piece)
        if self._made > self._largest:
            raise UnpicklingError(f"it is larger than {self._largest} bytes when decompressed")
        target[: len(piece)] = piece
        return len(piece)


class _Decoder:
    """One decompressor of the standard library or lz4, fed from a file."""

    def __init__(self, kind: str, machine: Any) -> None:
        self._kind = kind
        self._machine = machine
        self._pending = b""
        self._has_more = False

    @property
    def is_done(self) -> bool:
        return bool(self._machine.eof)

    def next(self, source: BufferedReader, size: int) -> bytes:
        """At most `size` further bytes; none where more input is needed first."""
        if not self._pending and not self._has_more:
            self._pending = source.read(_CHUNK)
            if not self._pending:
                raise EOFError(f"the {self._kind} stream is not complete")
        made: bytes = self._machine.decompress(self._pending, size)
        # zlib gives back what it could not take yet, the others keep it.
        self._pending = getattr(self._machine, "unconsumed_tail", b"")
        self._has_more = len(made) == size or not getattr(self._machine, "needs_input", True)
        if self.is_done and self._machine.unused_data:
            raise UnpicklingError("data follows the end of the compressed stream")
        return made


def _lz4() -> Any:
    return import_extra("lz4.frame", "lz4").LZ4FrameDecompressor()


# The first bytes, by which joblib tells them apart too.
_FORMS: tuple[tuple[bytes, str, Callable[[], Any]], ...] = (
    (b"\x78", "zlib", zlib.decompressobj),
    (b"\x1f\x8b", "gzip", lambda: zlib.decompressobj(wbits=31)),
    (b"BZ", "bz2", bz2.BZ2Decompressor),
    (b"\xfd7zXZ", "xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _DICTIONARY)),
    (b"\x5d\x00", "lzma", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, _DICTIONARY)),
    (b"\x04\x22\x4d\x18", "lz4", _lz4),
)


def _decoder(head: bytes) -> tuple[str, _Decoder | None]:
    for prefix, kind, make in _FORMS:
        if head.startswith(prefix):
            return kind, _Decoder(kind, make())
    return "", None
