"""Writes the variables of a SavedModel, which TensorFlow reads, without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from cpr.savedmodel import protos
from cpr.savedmodel.bundle import Bundle, Entry, shard_name
from cpr.savedmodel.bundle_checksum import written_string
from cpr.savedmodel.crc32c import masked_crc32c
from cpr.savedmodel.sorted_table import write_table

_STRING = protos.DataType.Value("DT_STRING")
_PIECE = 1 << 24


class BundleWriter:
    """Writes ``PREFIX.data-00000-of-00001`` as variables come, and then ``PREFIX.index``.

    Variables of the same bytes are stored once: their entries share a place,
    which TensorFlow reads as any other.

    Attributes:
        shared_bytes: What that has saved so far, where the source had them twice.
    """

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        self._entries: dict[bytes, bytes] = {
            b"": protos.BundleHeaderProto(
                num_shards=1, version=protos.VersionDef(producer=1)
            ).SerializeToString()
        }
        prefix.parent.mkdir(parents=True, exist_ok=True)
        self._file = prefix.with_name(shard_name(prefix.name, 0, 1)).open("xb")
        self._end = 0
        self._places: dict[tuple[int, int], list[tuple[int, memoryview]]] = {}
        self._origins: dict[tuple[int, int, int, int], int] = {}
        self.shared_bytes = 0

    def copy(self, source: Bundle, entry: Entry) -> None:
        """Take over a variable with all its parts; `source` must stay open until `finish`.

        Raises:
            LoadError: Its bytes do not have their checksum.
        """
        for piece in entry.pieces:
            source.check(piece)
        if entry.slices:
            self._entries[entry.key] = entry.record
        for piece in entry.pieces:
            origin = (id(source), piece.shard, piece.offset, piece.size)
            if origin not in self._origins:
                self._origins[origin] = self._place(source.data(piece), piece.crc32c)
            self._put(piece.key, piece.record, self._origins[origin])

    def add(self, name: str, dtype: int, shape: Sequence[int], data: bytes) -> None:
        """Write a variable of numbers; `dtype` is TensorFlow's number of the type."""
        crc = masked_crc32c(memoryview(data))
        entry = protos.BundleEntryProto(dtype=dtype, size=len(data), crc32c=crc)
        entry.shape.SetInParent()
        for size in shape:
            entry.shape.dim.add(size=size)
        self._put(name.encode(), entry.SerializeToString(), self._place(memoryview(data), crc))

    def add_string(self, name: str, value: bytes) -> None:
        """Write a variable that is a single string."""
        data, crc = written_string(value)
        entry = protos.BundleEntryProto(dtype=_STRING, size=len(data), crc32c=crc)
        entry.shape.SetInParent()
        self._put(name.encode(), entry.SerializeToString(), self._append(memoryview(data)))

    def finish(self) -> None:
        """Write the index, and see both files onto the disk."""
        self._places.clear()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        with self._prefix.with_name(f"{self._prefix.name}.index").open("xb") as index:
            index.write(write_table(self._entries))
            index.flush()
            os.fsync(index.fileno())

    def __enter__(self) -> BundleWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._places.clear()
        self._file.close()

    def _put(self, key: bytes, value: bytes, place: int) -> None:
        entry = protos.BundleEntryProto.FromString(value)
        entry.shard_id, entry.offset = 0, place
        self._entries[key] = entry.SerializeToString()

    def _place(self, data: memoryview, crc: int) -> int:
        """Where the bytes are, which are written unless they were before."""
        known = self._places.setdefault((len(data), crc), [])
        for place, before in known:
            if np.array_equal(np.frombuffer(data, np.uint8), np.frombuffer(before, np.uint8)):
                self.shared_bytes += len(data)
                return place
        place = self._append(data)
        known.append((place, data))
        return place

    def _append(self, data: memoryview) -> int:
        place = self._end
        for start in range(0, len(data), _PIECE):
            self._file.write(data[start : start + _PIECE])
        self._end += len(data)
        return place
