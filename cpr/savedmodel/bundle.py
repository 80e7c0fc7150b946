"""The variables of a TensorFlow checkpoint or SavedModel, read without TensorFlow.

``variables.index`` is a sorted table: under each variable's name it has the type,
the shape, and where in which ``variables.data-…`` file the bytes are. A variable
that was saved in parts (a partitioned embedding, say) has an entry for each.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from cpr.errors import LoadError, shorten
from cpr.savedmodel import protos
from cpr.savedmodel.bundle_checksum import checksum
from cpr.savedmodel.dtypes import dtype_name
from cpr.savedmodel.layout import refuse_special
from cpr.savedmodel.sorted_table import DamagedIndex, read_table

_AGAIN = "Copy the model again, whole and in binary mode, or export it again."
_PART = b"\0"
_PART_NAME_END = b"\0\1"


@dataclass(frozen=True)
class Entry:
    """A variable, or a part of one: what it is, and where its bytes are.

    Attributes:
        name: The variable's name, or TensorFlow 2's key of it.
        dtype: Such as ``float32``.
        shape: Its sizes; of a part, the part's.
        shard: The number of the ``.data`` file.
        offset: Where in that file it begins.
        size: Its bytes there; 0 where it is saved in parts.
        crc32c: Its checksum as it is stored.
        slices: Its parts.
        key: What the index has it under.
        record: What the index has under that, a `BundleEntryProto`.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc32c: int
    slices: tuple[Entry, ...] = ()
    key: bytes = field(default=b"", repr=False)
    record: bytes = field(default=b"", repr=False)

    @property
    def total_size(self) -> int:
        """The bytes of the whole variable."""
        return self.size + sum(part.size for part in self.slices)

    @property
    def pieces(self) -> tuple[Entry, ...]:
        """What has bytes: the variable itself, or its parts."""
        return self.slices or (self,)


def read_index(path: Path) -> dict[str, Entry]:
    """The variables that an index lists, by name.

    Raises:
        DamagedIndex: The file is damaged.
        OSError: It cannot be read.
    """
    _, entries = _read(path)
    return entries


class Bundle:
    """An index and its data files, open for reading.

    Data files are mapped, not read: a variable costs memory while it is looked at.
    """

    def __init__(self, prefix: Path) -> None:
        """Open ``PREFIX.index`` and what it names.

        Raises:
            LoadError: A file is missing, damaged or too short; the message names it.
        """
        self.index = prefix.with_name(f"{prefix.name}.index")
        refuse_special(self.index)
        try:
            self.header, self.entries = _read(self.index)
        except DamagedIndex as error:
            raise LoadError(f"{self.index} is damaged: {error}.", hint=_AGAIN) from error
        except OSError as error:
            raise LoadError(
                f"{self.index} cannot be read: {error.strerror}.", hint=_AGAIN
            ) from error
        if self.header.endianness:
            raise LoadError(
                f"{self.index} is of a big-endian machine, which is not read here.",
                hint="Export the model on a little-endian machine.",
            )
        with ExitStack() as files:
            self._shards = dict(self._mapped(prefix, files))
            self._files = files.pop_all()

    def data(self, piece: Entry) -> memoryview:
        """The bytes of a variable without parts, or of a part; valid until `close`."""
        return self._shards[piece.shard][piece.offset : piece.offset + piece.size]

    def check(self, piece: Entry) -> None:
        """Compare the bytes of a variable without parts, or of a part, with the checksum.

        Raises:
            LoadError: They differ.
        """
        if checksum(self.data(piece), piece.dtype, piece.shape) != piece.crc32c:
            raise LoadError(
                f"{self.index.with_suffix('').name}: the bytes of {shorten(piece.name)} in "
                f"{self.index.parent} do not have the checksum that the index has for them.",
                hint=_AGAIN,
            )

    def close(self) -> None:
        """Let go of the files."""
        # Maps end with the last view of them.
        self._shards = {}
        self._files.close()

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _mapped(self, prefix: Path, files: ExitStack) -> Iterator[tuple[int, memoryview]]:
        pieces = [piece for entry in self.entries.values() for piece in entry.pieces]
        for number in sorted({piece.shard for piece in pieces}):
            path = prefix.with_name(shard_name(prefix.name, number, self.header.num_shards))
            last = max(
                (piece for piece in pieces if piece.shard == number),
                key=lambda piece: piece.offset + piece.size,
            )
            yield number, _map(path, last, files)


def shard_name(prefix: str, number: int, count: int) -> str:
    """The name of a data file."""
    return f"{prefix}.data-{number:05d}-of-{count:05d}"


def _map(path: Path, last: Entry, files: ExitStack) -> memoryview:
    refuse_special(path)
    try:
        file = files.enter_context(path.open("rb"))
        size = path.stat().st_size
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    except OSError as error:
        missing = "is missing" if isinstance(error, FileNotFoundError) else error.strerror
        raise LoadError(
            f"{path} {missing}; {shorten(last.name)} and others are in it.", hint=_AGAIN
        ) from error
    if size < last.offset + last.size:
        raise LoadError(
            f"{path} has {size} bytes and ends before {shorten(last.name)} does.", hint=_AGAIN
        )
    return memoryview(mapped)


def _read(path: Path) -> tuple[protos.Message, dict[str, Entry]]:
    header = protos.BundleHeaderProto(num_shards=1)
    wholes: list[Entry] = []
    parts: dict[str, list[Entry]] = {}
    try:
        for key, value in read_table(path.read_bytes()):
            if not key:
                header = protos.BundleHeaderProto.FromString(value)
            elif key.startswith(_PART):
                part = _entry(_name_of_part(key), key, value)
                parts.setdefault(part.name, []).append(part)
            else:
                wholes.append(_entry(key.decode("utf-8"), key, value))
    except (UnicodeDecodeError, protos.DecodeError, OverflowError) as error:
        raise DamagedIndex("its entries cannot be read") from error
    return header, {entry.name: entry for entry in _joined(wholes, parts)}


def _entry(name: str, key: bytes, value: bytes) -> Entry:
    found = protos.BundleEntryProto.FromString(value)
    shape = tuple(dim.size for dim in found.shape.dim)
    if min(found.offset, found.size, found.shard_id, *shape, 0) < 0:
        raise DamagedIndex(f"the place of {shorten(name)} is negative")
    return Entry(
        name, dtype_name(found.dtype), shape, found.shard_id, found.offset, found.size,
        found.crc32c, key=key, record=value,
    )  # fmt: skip


def _joined(wholes: Iterable[Entry], parts: dict[str, list[Entry]]) -> Iterator[Entry]:
    for entry in wholes:
        own: Sequence[Entry] = parts.get(entry.name, ())
        yield replace(entry, slices=tuple(own)) if own else entry


def _name_of_part(key: bytes) -> str:
    """The variable's name in the key of a part, where zeros and 0xff are escaped."""
    escaped = key[len(_PART) : key.index(_PART_NAME_END) if _PART_NAME_END in key else None]
    return escaped.replace(b"\0\xff", b"\0").replace(b"\xff\0", b"\xff").decode("utf-8")
