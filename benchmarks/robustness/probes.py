"""Ordinary requests on connections of their own, timed while something else goes on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger import PATH
from raw_http import Connection, IncompleteAnswer, request

_ANSWER_S = 30.0
_BODY = json.dumps({"instances": [{"id": "probe"}]}).encode()


@dataclass
class Probes:
    """How long each took, and how many were not answered with a prediction."""

    milliseconds: list[float] = field(default_factory=list)
    failed: int = 0

    def percentile(self, share: float) -> float:
        """Milliseconds that this share of the probes took at most."""
        return percentile(self.milliseconds, share)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


async def probe(host: str, port: int, *, seconds: float, every_s: float = 0.005) -> Probes:
    """Ask at even distances, on one connection that is kept."""
    probes = Probes()
    connection: Connection | None = None
    end = time.monotonic() + seconds
    while (start := time.monotonic()) < end:
        try:
            connection = connection or await Connection(host, port).open()
            await connection.send(request(PATH, _BODY))
            answer = await asyncio.wait_for(connection.answer(), _ANSWER_S)
            is_right = answer.status == 200 and json.loads(answer.body)["predictions"] != []
        except (OSError, IncompleteAnswer, asyncio.TimeoutError):
            is_right, connection = False, None
        probes.failed += not is_right
        probes.milliseconds.append((time.monotonic() - start) * 1e3)
        await asyncio.sleep(every_s)
    if connection is not None:
        connection.close()
    return probes
