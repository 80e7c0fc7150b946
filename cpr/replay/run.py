"""Sends recorded requests, times each, and compares what comes back."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import orjson

from cpr.errors import UsageError
from cpr.replay.compare import Comparer, Comparison
from cpr.replay.errors_seen import ErrorsSeen, named
from cpr.replay.latency import latency_of
from cpr.replay.recorded import RecordedRequest
from cpr.replay.results import Mismatch, ReplayResult, RequestResult
from cpr.replay.sending import Answer, Endpoint
from cpr.replay.tolerance import Tolerance

KEPT_OF_ONE = 1000
KEPT = 100_000
OnAnswer = Callable[[RecordedRequest, Answer], None]


@dataclass(frozen=True, slots=True)
class _Job:
    number: int
    request: RecordedRequest
    due_ns: int | None


def replay(
    endpoints: Sequence[Endpoint],
    requests: Sequence[RecordedRequest],
    *,
    tolerance: Tolerance | None = None,
    repeat: int = 1,
    speed: float | None = None,
    on_answer: OnAnswer = lambda request, answer: None,
) -> ReplayResult:
    """Send every request; one that fails does not stop the run.

    Args:
        endpoints: What answers; each has a thread of its own that sends to it,
            a single one the caller's.
        requests: The requests, in the order to send them; those that carry an
            expected response are compared.
        tolerance: Under which responses are compared.
        repeat: How many times to send the whole list.
        speed: Keep the recorded times, so many times faster; None sends as
            fast as answers come.
        on_answer: Called after each request, from one thread at a time.

    Raises:
        UsageError: The times are to be kept and a request has none.
    """
    jobs = _jobs(requests, repeat, speed)
    run = _Run(jobs, len(requests) * repeat, Comparer(tolerance or Tolerance()), on_answer)
    run.send_all(endpoints)
    return run.result(endpoints[0].name, len(endpoints), speed)


def _jobs(requests: Sequence[RecordedRequest], repeat: int, speed: float | None) -> Iterator[_Job]:
    if speed is None:
        every = itertools.chain.from_iterable(itertools.repeat(requests, repeat))
        return (_Job(number, request, None) for number, request in enumerate(every))
    times = []
    for request in requests:
        if request.time_s is None:
            raise UsageError(
                f"{request.place} has no time to keep.",
                hint='A record has one under "time"; without, use --speed max.',
            )
        times.append(request.time_s)
    start = min(times, default=0.0)
    order = sorted(range(len(requests)), key=times.__getitem__)
    due = [int((times[at] - start) / speed * 1e9) for at in order]
    return iter([_Job(n, requests[at], due[n]) for n, at in enumerate(order)])


class _Run:
    """The state that the sending threads share."""

    def __init__(
        self, jobs: Iterator[_Job], total: int, comparer: Comparer, on_answer: OnAnswer
    ) -> None:
        self._jobs = jobs
        self._comparer = comparer
        self._on_answer = on_answer
        self._results: list[RequestResult | None] = [None] * total
        self._errors = ErrorsSeen()
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._comparing_ns = 0
        self._lag_ns = 0
        self._room = KEPT
        self._start = perf_counter_ns()
        self._elapsed_ns = 0

    def send_all(self, endpoints: Sequence[Endpoint]) -> None:
        self._start = perf_counter_ns()
        if len(endpoints) == 1:
            self._work(endpoints[0])
        else:
            self._work_together(endpoints)
        wall_ns = perf_counter_ns() - self._start
        self._elapsed_ns = max(wall_ns - self._comparing_ns // len(endpoints), 1)

    def _work_together(self, endpoints: Sequence[Endpoint]) -> None:
        with ThreadPoolExecutor(len(endpoints)) as pool:
            try:
                for working in [pool.submit(self._work, endpoint) for endpoint in endpoints]:
                    working.result()
            except BaseException:
                self._is_over.set()
                raise

    def _work(self, endpoint: Endpoint) -> None:
        while not self._is_over.is_set():
            with self._lock:
                job = next(self._jobs, None)
            if job is None:
                return
            self._wait_for(job)
            start = perf_counter_ns()
            answer = endpoint.send(job.request)
            end = perf_counter_ns()
            self._note(job, answer, start, end)

    def _wait_for(self, job: _Job) -> None:
        if job.due_ns is None:
            return
        early_ns = job.due_ns - (perf_counter_ns() - self._start)
        if early_ns > 0:
            self._is_over.wait(early_ns / 1e9)
        late_ns = perf_counter_ns() - self._start - job.due_ns
        with self._lock:
            self._lag_ns = max(self._lag_ns, late_ns)

    def _note(self, job: _Job, answer: Answer, start: int, end: int) -> None:
        with self._lock:
            compared = self._compare(job.request, answer)
            self._results[job.number] = self._summed_up(job, answer, compared, start, end)
            self._on_answer(job.request, answer)
            self._comparing_ns += perf_counter_ns() - end

    def _compare(self, request: RecordedRequest, answer: Answer) -> Comparison | None:
        expected = request.expected
        if expected is None or answer.error is not None:
            return None
        return self._comparer.compare(expected.document, read_response(answer.body))

    def _summed_up(
        self,
        job: _Job,
        answer: Answer,
        compared: Comparison | None,
        start: int,
        end: int,
    ) -> RequestResult:
        error, expected = answer.error, job.request.expected
        if error is not None and expected is not None and expected.is_error:
            error = None
        if error is not None:
            self._errors.add(error, job.request)
        mismatches = compared.worst_first() if compared else []
        return RequestResult(
            place=job.request.place,
            instances=answer.instances,
            status=answer.status,
            latency_ms=(end - start) / 1e6,
            started_ms=(start - self._start) / 1e6,
            error=named(error) if error else "",
            mismatches=self._kept(mismatches),
            mismatch_count=len(mismatches),
            is_compared=expected is not None and error is None,
        )

    def _kept(self, mismatches: list[Mismatch]) -> tuple[Mismatch, ...]:
        """As many as there is room for, and always the worst."""
        kept = tuple(mismatches[: max(1, min(KEPT_OF_ONE, self._room))])
        self._room -= len(kept)
        return kept

    def result(self, name: str, concurrency: int, speed: float | None) -> ReplayResult:
        results = [item for item in self._results if item is not None]
        good = (item.latency_ms for item in results if not item.error and item.status < 400)
        is_compared = any(item.is_compared for item in results)
        unused = self._comparer.unused if is_compared else []
        return ReplayResult(
            name=name,
            requests=results,
            elapsed_s=self._elapsed_ns / 1e9,
            latency_ms=latency_of(good),
            tolerance=str(self._comparer.tolerance) if is_compared else "",
            concurrency=concurrency,
            lag_ms=None if speed is None else self._lag_ns / 1e6,
            errors=self._errors.groups(),
            notes=[f"{pattern} matched nothing in any response" for pattern in unused],
        )


def read_response(body: bytes) -> Any:
    """The document of a response; NaN, infinities and integers of any size are read too."""
    try:
        return json.loads(body)
    except RecursionError:
        return orjson.loads(body)  # up to 1024 levels, without the interpreter's stack
