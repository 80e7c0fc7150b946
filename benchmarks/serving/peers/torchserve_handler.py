"""The handler that TorchServe's workers run."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

# The archive holds this file alone.
sys.path.insert(0, os.environ["BENCH_PEERS"])

import work


class Handler:
    """One answer for each request of a batch."""

    def initialize(self, context: Any) -> None:
        self._predict = work.load()

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[dict[str, Any]]:
        return [{"predictions": self._predict(_document(row)["instances"])} for row in data]


def _document(row: dict[str, Any]) -> Any:
    body = row.get("body") or row.get("data")
    return json.loads(body) if isinstance(body, (bytes, bytearray)) else body
