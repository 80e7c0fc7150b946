"""A loaded routine: a list of calls in, a list of replies out.

The transport-free middle. The command line, a server's predictor process and
a batch job all answer calls here, so that what is tested on a laptop is what
is served.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from cpr import batching
from cpr.binding import Binding, stage_of
from cpr.config import PredictorSettings
from cpr.contract import Contract, where
from cpr.errors import (
    BadInput,
    CprError,
    PredictionFailed,
    UsageError,
    UserCodeError,
    shorten,
)
from cpr.messages import Call, Instances, Reply, Timing
from cpr.translation import AnswerLimits, Translation
from cpr.user_errors import describe, explained
from cpr.workdir import WorkingDirectory

logger = logging.getLogger(__name__)

_Member = tuple[Call, Instances, int]  # with the nanoseconds that decoding took


class Routine:
    """One predictor, loaded and ready; a context manager.

    `answer` may be called from any thread; calls wait for each other, since
    predictors are not expected to be thread-safe. Build one with
    `cpr.serving.open_routine`.

    Args:
        binding: The loaded predictor.
        name: Of its class, for messages.
        settings: How instances reach it and how answers leave it.
        is_ready_made: Whether the class is one of `cpr.predictors`.
        roots: The folders of user code, for tracebacks.
        model_dir: The local folder that the predictor was given.
        limits: What it takes, and how it tells errors.
        workdir: The current directory that the predictor runs in.
        resources: What is released at `close`, the predictor's own first.

    `translation` reads calls and writes what is said of errors.
    """

    def __init__(
        self,
        binding: Binding,
        *,
        name: str,
        settings: PredictorSettings,
        is_ready_made: bool = False,
        roots: Sequence[Path] = (),
        model_dir: Path | None = None,
        limits: AnswerLimits | None = None,
        workdir: WorkingDirectory | None = None,
        resources: ExitStack | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.is_ready_made = is_ready_made
        self.roots = tuple(roots)
        self.model_dir = model_dir
        self.predictor = binding.predictor
        self._binding = binding
        self._workdir = workdir if workdir is not None and workdir.is_own else None
        self._resources = resources or ExitStack()
        # Of a kind that a signal handler which closes the routine may take twice.
        self._lock = threading.RLock()
        self._is_closed = False
        self._warned_of_count = False
        self.translation = Translation(binding, settings, limits or AnswerLimits())

    @property
    def is_batchable(self) -> bool:
        """Whether several calls may share one predict: the setting, or else the class says so."""
        if self.settings.batchable == "auto":
            return self._binding.is_batchable
        return self.settings.batchable == "always" and self._binding.can_be_batched

    @property
    def contract(self) -> Contract:
        """Whose calling convention the predictor's class follows."""
        return self._binding.contract

    def answer(self, calls: Sequence[Call]) -> list[Reply]:
        """Answer each call, in order; one reply each, whatever happens.

        Where the predictor is batchable, calls with the same parameters share
        one predict; if that fails, each of them is tried alone, so that a bad
        call never fails its neighbours.

        Raises:
            UsageError: The routine is closed.
        """
        with self._lock:
            self._refuse_if_closed()
            if len(calls) == 1:
                return [self._answer_one(calls[0])]
            if not self.is_batchable:
                return [self._answer_one(call) for call in calls]
            return self._answer_many(calls)

    def run(self, call: Call) -> Any:
        """What predict itself returns for a call, before it is encoded; waits for nobody.

        Raises:
            CprError: The call is wrong, or user code raised: the `__cause__`.
        """
        return self._run(self.translation.decode(call))

    def predict(self, request: Instances) -> Any:
        """What predict returns for decoded instances; waits its turn, as `answer` does.

        Raises:
            CprError: As of `run`; or the routine is closed.
        """
        with self._lock:
            self._refuse_if_closed()
            return self._run(request)

    def close(self) -> None:
        """Run the predictor's close hook and release the rest; safe to call twice.

        Waits for calls that are being answered.
        """
        self.__exit__(None, None, None)

    def __enter__(self) -> Routine:
        return self

    def __exit__(self, *raised: Any) -> None:
        with self._lock:
            self._is_closed = True
            self._resources.__exit__(*raised)

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise UsageError(f"the routine of {self.name!r} is closed.")

    def _answer_one(self, call: Call) -> Reply:
        start = perf_counter_ns()
        try:
            request = self.translation.decode(call)
        except CprError as error:
            return self.translation.failed(call, error, Timing(perf_counter_ns() - start))
        return self._predict_one(call, request, perf_counter_ns() - start)

    def _predict_one(self, call: Call, request: Instances, decode_ns: int) -> Reply:
        start = perf_counter_ns()
        try:
            predictions = self._run(request)
        except CprError as error:
            timing = Timing(decode_ns, perf_counter_ns() - start)
            return self.translation.failed(call, error, timing, request.size)
        return self._encoded(call, request, predictions, (decode_ns, perf_counter_ns() - start))

    def _encoded(
        self,
        call: Call,
        request: Instances,
        predictions: Any,
        spent_ns: tuple[int, int],
        batch_size: int = 1,
    ) -> Reply:
        start = perf_counter_ns()
        try:
            body = self.translation.encode(call, request, predictions)
        except CprError as error:
            timing = Timing(*spent_ns, perf_counter_ns() - start)
            return self.translation.failed(call, error, timing, request.size)
        timing = Timing(*spent_ns, perf_counter_ns() - start)
        return Reply(200, body, timing, request.size, batch_size)

    def _answer_many(self, calls: Sequence[Call]) -> list[Reply]:
        replies: list[Reply | None] = [None] * len(calls)
        requests: list[Instances | None] = []
        decode = self.translation.decode
        start = perf_counter_ns()
        for position, call in enumerate(calls):
            try:
                requests.append(decode(call))
            except CprError as error:
                requests.append(None)
                timing = Timing((perf_counter_ns() - start) // (position + 1))
                replies[position] = self.translation.failed(call, error, timing)
        decode_ns = (perf_counter_ns() - start) // max(len(calls), 1)
        for group in batching.plan(requests, self.translation.limits.max_batch_size):
            members = [(calls[i], request, decode_ns) for i in group if (request := requests[i])]
            for position, reply in zip(group, self._answer_group(members), strict=True):
                replies[position] = reply
        return [reply for reply in replies if reply is not None]

    def _answer_group(self, members: list[_Member]) -> list[Reply]:
        """Answer calls that can share one predict; alone, if together fails."""
        if len(members) == 1:
            return [self._predict_one(*members[0])]
        start = perf_counter_ns()
        try:
            predictions = self._run(batching.join([request for _, request, _ in members]))
        except CprError as error:
            logger.info("a batch of %d calls failed; trying each alone: %s", len(members), error)
            # Decoded anew: the predict that failed may have changed its instances.
            return [self._answer_one(call) for call, _, _ in members]
        predict_ns = (perf_counter_ns() - start) // len(members)
        return self._answer_together(members, predictions, predict_ns)

    def _answer_together(
        self, members: list[_Member], predictions: Any, predict_ns: int
    ) -> list[Reply]:
        """The replies of calls from their joint predictions."""
        size = len(members)
        counts = [len(request.values) for _, request, _ in members]
        start = perf_counter_ns()
        calls = [call for call, _, _ in members]
        bodies = self.translation.encode_together(calls, predictions, counts)
        if bodies is not None:
            timing = Timing(members[0][2], predict_ns, (perf_counter_ns() - start) // size)
            return [
                Reply(200, body, timing, count, size)
                for body, count in zip(bodies, counts, strict=True)
            ]
        parts = batching.split(predictions, counts)
        if parts is None:
            self._warn_of_count(sum(counts))
            return [self._answer_one(call) for call in calls]
        return [
            self._encoded(call, request, part, (decode_ns, predict_ns), size)
            for (call, request, decode_ns), part in zip(members, parts, strict=True)
        ]

    def _warn_of_count(self, count: int) -> None:
        if not self._warned_of_count:
            self._warned_of_count = True
            logger.warning(
                "%s is batchable, but for %d instances its predict did not return as many "
                "predictions; such calls are answered one by one",
                self.name,
                count,
            )

    def _run(self, request: Instances) -> Any:
        """Predict, turning whatever user code raises into a CprError."""
        try:
            if self._workdir is None:
                return self._binding.run(request)
            with self._workdir:
                return self._binding.run(request)
        except (CprError, KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            # SystemExit and the like end a request, never the process that serves.
            raise self._explain(error) from error

    def _explain(self, error: BaseException) -> CprError:
        said = describe(error)
        if self.contract is Contract.VERTEX and (refusal := _http_refusal(error)):
            return refusal
        if self.is_ready_made:
            return PredictionFailed(f"the model failed: {said}")
        problem = f"{stage_of(error)} raised {said}"
        found = explained(UserCodeError, problem, error, self.roots)
        if self.settings.strict and not found.place and "'stats'" in said:
            found.hint = (
                f"{where(self.predictor.predict)}: AI Platform passed stats to every predict; "
                "let it take **kwargs."
            )
        return found


def _http_refusal(error: BaseException) -> BadInput | None:
    """What a class for Vertex AI says with FastAPI's HTTPException, of status 400 to 499."""
    status = getattr(error, "status_code", None)
    is_http = any(kind.__name__ == "HTTPException" for kind in type(error).__mro__)
    if not is_http or not isinstance(status, int) or not 400 <= status < 500:
        return None
    detail = getattr(error, "detail", "")
    refusal = BadInput(detail if isinstance(detail, str) else shorten(detail))
    refusal.http_status = status
    return refusal
