"""Takes warm-up requests out of a model's file of them that its copy cannot answer."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from cpr.savedmodel import protos
from cpr.savedmodel.crc32c import masked_crc32c

WARMUP = "tf_serving_warmup_requests"
_DEFAULT = "serving_default"


def keep_answerable(path: Path, signatures: Collection[str]) -> int:
    """Leave the requests to these signatures; how many went is returned.

    A file that is not of TFRecords with ``PredictionLog`` messages is left as it is.
    TensorFlow Serving refuses a model whose warm-up fails.
    """
    try:
        records = list(_records(path.read_bytes()))
        kept = [record for record in records if _signatures(record) <= set(signatures)]
    except (ValueError, protos.DecodeError):
        return 0
    if len(kept) == len(records):
        return 0
    if kept:
        path.write_bytes(b"".join(_framed(record) for record in kept))
    else:
        path.unlink()
    return len(records) - len(kept)


def _records(data: bytes) -> Iterator[bytes]:
    """The records of a TFRecord file: length, its checksum, data, their checksum."""
    place = 0
    while place < len(data):
        head, place = data[place : place + 12], place + 12
        length = int.from_bytes(head[:8], "little")
        record, end = data[place : place + length], data[place + length : place + length + 4]
        if _checksum(head[:8]) != head[8:] or _checksum(record) != end:
            raise ValueError("a checksum is wrong")
        yield record
        place += length + 4


def _framed(record: bytes) -> bytes:
    head = len(record).to_bytes(8, "little")
    return head + _checksum(head) + record + _checksum(record)


def _checksum(data: bytes) -> bytes:
    return masked_crc32c(data).to_bytes(4, "little")


def _signatures(record: bytes) -> set[str]:
    """The signatures that a logged request asks."""
    log = protos.PredictionLog.FromString(record)
    kind = log.WhichOneof("log_type")
    if kind is None:
        return set()
    request = getattr(log, kind).request
    tasks = request.tasks if kind == "multi_inference_log" else [request]
    return {task.model_spec.signature_name or _DEFAULT for task in tasks}
