"""Takes warm-up requests out of a model's file of them that its copy cannot answer."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from cpr.savedmodel import protos
from cpr.savedmodel.layout import DEFAULT_SIGNATURE
from cpr.savedmodel.warmup_file import DamagedRecords, framed, read_records


def keep_answerable(path: Path, signatures: Collection[str]) -> int:
    """Leave the requests to these signatures; how many went is returned.

    A file that is not of TFRecords with ``PredictionLog`` messages is left as it is.
    TensorFlow Serving refuses a model whose warm-up fails.
    """
    try:
        records = list(read_records(path))
        kept = [record for record in records if _signatures(record) <= set(signatures)]
    except (DamagedRecords, protos.DecodeError):
        return 0
    if len(kept) == len(records):
        return 0
    if kept:
        path.write_bytes(b"".join(framed(record) for record in kept))
    else:
        path.unlink()
    return len(records) - len(kept)


def _signatures(record: bytes) -> set[str]:
    """The signatures that a logged request asks."""
    log = protos.PredictionLog.FromString(record)
    kind = log.WhichOneof("log_type")
    if kind is None:
        return set()
    request = getattr(log, kind).request
    tasks = request.tasks if kind == "multi_inference_log" else [request]
    return {task.model_spec.signature_name or DEFAULT_SIGNATURE for task in tasks}
