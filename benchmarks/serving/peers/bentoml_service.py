"""The service that BentoML runs; BENCH_BATCH turns its adaptive batching on."""

import os
from typing import Any

import bentoml
import numpy as np
import work

BATCHING: dict[str, Any] = (
    {"batchable": True, "max_batch_size": 1024, "max_latency_ms": 1000}
    if os.environ.get("BENCH_BATCH")
    else {}
)


@bentoml.service(
    workers=work.PROCESSES,
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    traffic={"timeout": 30, "max_concurrency": 256},
)
class Peer:
    """Arrays where the work takes arrays: BentoML decodes them faster than lists."""

    def __init__(self) -> None:
        self._predict = work.load()

    if work.WORK in ("sklearn", "savedmodel"):

        @bentoml.api(**BATCHING)
        def predict(self, instances: np.ndarray) -> np.ndarray:
            return np.asarray(self._predict(instances))

    else:

        @bentoml.api(**BATCHING)
        def predict(self, instances: list[Any]) -> list[Any]:
            return self._predict(instances)
