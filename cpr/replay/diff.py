"""Sends the same requests to two sides and says what changed from A to B."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from cpr.replay.compare import Comparer, Comparison
from cpr.replay.distributions import Outputs
from cpr.replay.errors_seen import ErrorsSeen, named
from cpr.replay.latency import latency_of
from cpr.replay.recorded import RecordedRequest
from cpr.replay.results import DiffResult, Mismatch, RequestDiff, Side
from cpr.replay.run import KEPT, KEPT_OF_ONE, read_response
from cpr.replay.sending import Answer, Endpoint
from cpr.replay.tolerance import Tolerance


def diff(
    a: Endpoint,
    b: Endpoint,
    requests: Sequence[RecordedRequest],
    *,
    names: tuple[str, str],
    tolerance: Tolerance | None = None,
    repeat: int = 1,
    on_answer: Callable[[], None] = lambda: None,
) -> DiffResult:
    """Send every request to both sides, one after the other.

    Which side goes first alternates, so that neither always finds warm caches
    or a busier machine.

    Args:
        a: The reference: relative tolerances refer to its values.
        b: The other side.
        requests: What to send; responses recorded with them are not looked at.
        names: What to call the two sides.
        tolerance: Under which responses count as equal.
        repeat: How many times to send the whole list; only latency is taken
            from all times, changes from the first.
        on_answer: Called after each request.
    """
    run = _Run(a, b, Comparer(tolerance or Tolerance()))
    start = perf_counter_ns()
    for time in range(repeat):
        for number, request in enumerate(requests):
            run.send(request, b_first=bool((number + time) % 2), is_compared=time == 0)
            on_answer()
    return run.result(names, (perf_counter_ns() - start) / 1e9)


@dataclass(frozen=True, slots=True)
class _Sent:
    answer: Answer
    start_ns: int
    end_ns: int


class _Run:
    def __init__(self, a: Endpoint, b: Endpoint, comparer: Comparer) -> None:
        self._sides = (a, b)
        self._comparer = comparer
        self._outputs = Outputs()
        self._errors = (ErrorsSeen(), ErrorsSeen())
        self._results: list[RequestDiff] = []
        self._values = self._differing = self._beyond = 0
        self._room = KEPT
        self._start = perf_counter_ns()

    def send(self, request: RecordedRequest, *, b_first: bool, is_compared: bool) -> None:
        second = self._send(1, request) if b_first else None
        first = self._send(0, request)
        second = second or self._send(1, request)
        compared, predictions, changed = None, 0, 0
        if is_compared and not (first.answer.error or second.answer.error):
            left, right = read_response(first.answer.body), read_response(second.answer.body)
            compared = self._comparer.compare(left, right, on_pair=self._outputs.add)
            predictions, changed = _count_changed(left, right, compared)
            self._values += compared.values
            self._differing += compared.differing
            self._beyond += len(compared.mismatches)
        mismatches = compared.worst_first() if compared else []
        self._results.append(
            RequestDiff(
                place=request.place,
                instances=max(first.answer.instances, second.answer.instances),
                a=self._side(first),
                b=self._side(second),
                predictions=predictions,
                changed=changed,
                mismatches=self._kept(mismatches),
                mismatch_count=len(mismatches),
            )
        )

    def _send(self, side: int, request: RecordedRequest) -> _Sent:
        start = perf_counter_ns()
        answer = self._sides[side].send(request)
        end = perf_counter_ns()
        if answer.error is not None:
            self._errors[side].add(answer.error, request)
        return _Sent(answer, start, end)

    def _side(self, sent: _Sent) -> Side:
        error = sent.answer.error
        return Side(
            status=sent.answer.status,
            latency_ms=(sent.end_ns - sent.start_ns) / 1e6,
            started_ms=(sent.start_ns - self._start) / 1e6,
            error=named(error) if error else "",
        )

    def _kept(self, mismatches: list[Mismatch]) -> tuple[Mismatch, ...]:
        """As many as there is room for, and always the worst."""
        kept = tuple(mismatches[: max(1, min(KEPT_OF_ONE, self._room))])
        self._room -= len(kept)
        return kept

    def result(self, names: tuple[str, str], elapsed_s: float) -> DiffResult:
        numbers, labels = self._outputs.shifts()
        requests = self._results
        # Of both or of neither: a side that fails what is slow would look fast.
        good = [item for item in requests if not (item.a.error or item.b.error)]
        return DiffResult(
            *names,
            requests,
            elapsed_s=elapsed_s,
            latency_a_ms=latency_of(item.a.latency_ms for item in good),
            latency_b_ms=latency_of(item.b.latency_ms for item in good),
            values=self._values,
            differing=self._differing,
            beyond=self._beyond,
            numbers=numbers,
            labels=labels,
            errors_a=self._errors[0].groups(),
            errors_b=self._errors[1].groups(),
            tolerance=str(self._comparer.tolerance),
            notes=[f"{text} matched nothing in any response" for text in self._comparer.unused],
        )


def _count_changed(left: Any, right: Any, compared: Comparison) -> tuple[int, int]:
    """How many predictions there are, and how many of them differ beyond tolerance."""
    lists = [_predictions(document) for document in (left, right)]
    if lists[0] is None or lists[1] is None:
        return 1, int(bool(compared.mismatches))
    lengths = [len(predictions) for predictions in lists if predictions is not None]
    places = [
        path[1] for path, _ in compared.mismatches if path[:1] == ("predictions",) and path[1:]
    ]
    return max(lengths), len(set(places)) + abs(lengths[0] - lengths[1])


def _predictions(document: Any) -> list[Any] | None:
    found = document.get("predictions") if isinstance(document, dict) else None
    return found if isinstance(found, list) else None
