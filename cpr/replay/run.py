"""Sends recorded requests through a predictor, one at a time, and times each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cpr.errors import CprError
from cpr.messages import Call, Reply
from cpr.replay.requests import RecordedRequest


class Answerer(Protocol):
    """What answers calls: `cpr.serving.Routine`, in this process."""

    def answer(self, calls: Sequence[Call]) -> list[Reply]:
        """One reply for each call, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request."""

    request: RecordedRequest
    elapsed_ns: int
    instance_count: int
    error: CprError | None


@dataclass(frozen=True)
class Run:
    """All outcomes, in the order of sending, and how long the whole took."""

    outcomes: Sequence[Outcome]
    elapsed_ns: int


def replay(
    routine: Answerer,
    requests: Sequence[RecordedRequest],
    *,
    repeat: int = 1,
    on_answer: Callable[[], None] = lambda: None,
) -> Run:
    """Send every request, `repeat` times over; a request that fails does not stop the run.

    Args:
        routine: What answers.
        requests: The requests, in the order to send them.
        repeat: How many times to send the whole list.
        on_answer: Called after each request, for a progress bar.
    """
    outcomes = []
    start = time.perf_counter_ns()
    for _ in range(repeat):
        for request in requests:
            outcomes.append(_send(routine, request))
            on_answer()
    return Run(outcomes, time.perf_counter_ns() - start)


def _send(routine: Answerer, request: RecordedRequest) -> Outcome:
    call = Call(request.body, request_id=request.place)
    start = time.perf_counter_ns()
    [reply] = routine.answer([call])
    elapsed = time.perf_counter_ns() - start
    return Outcome(request, elapsed, reply.instance_count, reply.error)
