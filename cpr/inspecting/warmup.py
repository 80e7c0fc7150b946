"""The requests that TensorFlow Serving warms a model up with: how many, and for what."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from cpr.inspecting.inspection import Problem
from cpr.savedmodel import protos
from cpr.savedmodel.warmup_file import FILE, MOST, DamagedRecords, read_records


def warmup_facts(folder: Path) -> tuple[dict[str, str | bool | int], list[Problem]]:
    """What the file of warm-up requests holds, and what is wrong with it."""
    path = folder / FILE
    if not path.is_file():
        return {}, []
    counts: Counter[str] = Counter()
    try:
        for record in read_records(path, checks_data=False):
            log = protos.PredictionLog.FromString(record)
            counts[str(log.WhichOneof("log_type") or "unknown").removesuffix("_log")] += 1
    except (DamagedRecords, protos.DecodeError) as error:
        reason = "a record is no PredictionLog"
        if not isinstance(error, protos.DecodeError):
            reason = str(error)
        problem = f"{FILE} is damaged: {reason}."
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
    if total > MOST:
        problems.append(
            Problem(
                "warning",
                "warm-up-too-long",
                f"{FILE} has {total:,} requests; TensorFlow Serving takes at most {MOST:,}.",
                f"Leave the first {MOST:,}.",
            )
        )
    return {"warm-up requests": text or "none"}, problems
