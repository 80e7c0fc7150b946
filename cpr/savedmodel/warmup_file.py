"""The file of requests that TensorFlow Serving warms a model up with: records of a TFRecord."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cpr.savedmodel.crc32c import masked_crc32c

FILE = "assets.extra/tf_serving_warmup_requests"
"""Where it is in a SavedModel's directory; a record is a ``PredictionLog``."""
MOST = 1000
"""TensorFlow Serving refuses to load a model that brings more records."""
_LENGTH, _CHECKSUM = 8, 4


class DamagedRecords(ValueError):
    """The file is no TFRecord file, or not all of one."""


def read_records(path: Path, *, checks_data: bool = True) -> Iterator[bytes]:
    """The records of a TFRecord file, one in memory at a time.

    Args:
        path: The file.
        checks_data: Whether to compare the checksums of the records too, and not
            of their lengths only.

    Raises:
        DamagedRecords: It is no such file, is cut off, or a checksum is wrong.
    """
    left = path.stat().st_size
    with path.open("rb") as file:
        while head := file.read(_LENGTH + _CHECKSUM):
            length = int.from_bytes(head[:_LENGTH], "little")
            if _checksum(head[:_LENGTH]) != head[_LENGTH:]:
                raise DamagedRecords("it is not a file of records")
            left -= len(head) + length + _CHECKSUM
            if left < 0:
                raise DamagedRecords("its last record is cut off")
            record, checksum = file.read(length), file.read(_CHECKSUM)
            if checks_data and _checksum(record) != checksum:
                raise DamagedRecords("the checksum of a record is wrong")
            yield record


def framed(record: bytes) -> bytes:
    """A record as it stands in the file."""
    length = len(record).to_bytes(_LENGTH, "little")
    return length + _checksum(length) + record + _checksum(record)


def _checksum(data: bytes) -> bytes:
    return masked_crc32c(data).to_bytes(_CHECKSUM, "little")
