"""The requests that TensorFlow Serving warms a model up with: how many, and for what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cpr.inspecting.inspection import Problem
from cpr.savedmodel import protos

_FILE = "assets.extra/tf_serving_warmup_requests"
# TensorFlow Serving refuses a model with more.
_MOST = 1000
_MOST_BYTES = 16_000_000
_LENGTH, _CHECKSUM = 8, 4


def warmup_facts(folder: Path) -> tuple[dict[str, str | bool | int], list[Problem]]:
    """What the file of warm-up requests holds, and what is wrong with it."""
    path = folder / _FILE
    if not path.is_file():
        return {}, []
    counts: Counter[str] = Counter()
    try:
        for record in _records(path):
            log = protos.PredictionLog.FromString(record)
            counts[str(log.WhichOneof("log_type") or "unknown").removesuffix("_log")] += 1
    except (ValueError, protos.DecodeError) as error:
        reason = "a record is no PredictionLog"
        if not isinstance(error, protos.DecodeError):
            reason = str(error)
        problem = f"{_FILE} is damaged: {reason}."
        return {}, [
            Problem(
                "warning",
                "warm-up-damaged",
                problem,
                "Write it again: TensorFlow Serving stops at it.",
            )
        ]
    total = sum(counts.values())
    text = ", ".join(f"{count} × {kind}" for kind, count in sorted(counts.items()))
    problems = []
    if total > _MOST:
        problems.append(
            Problem(
                "warning",
                "warm-up-too-long",
                f"{_FILE} has {total:,} requests; TensorFlow Serving takes at most {_MOST:,}.",
                "Leave the first thousand.",
            )
        )
    return {"warm-up requests": text or "none"}, problems


def _records(path: Path) -> Iterator[bytes]:
    """The records of a TFRecord file; their checksums are not compared."""
    with path.open("rb") as file:
        while head := file.read(_LENGTH + _CHECKSUM):
            size = int.from_bytes(head[:_LENGTH], "little")
            if len(head) < _LENGTH + _CHECKSUM or size > _MOST_BYTES:
                raise ValueError("it is not a file of records")
            data = file.read(size + _CHECKSUM)
            if len(data) < size + _CHECKSUM:
                raise ValueError("its last record is cut off")
            yield data[:size]
