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
from types import ModuleType, TracebackType
from typing import Any

from cpr import batching
from cpr.binding import Binding, stage_of
from cpr.config import PredictorSettings
from cpr.contract import Contract, where
from cpr.errors import CprError, PredictionFailed, UsageError, UserCodeError
from cpr.messages import Call, Instances, Reply, Timing
from cpr.user_errors import describe, explained
from cpr.wire import aiplatform
from cpr.workdir import WorkingDirectory

logger = logging.getLogger(__name__)

DIALECTS: dict[str, ModuleType] = {"aiplatform": aiplatform}


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
        workdir: The current directory that the predictor runs in.
        resources: What is released at `close`, the predictor's own first.
    """

    def __init__(
        self,
        binding: Binding,
        *,
        name: str,
        settings: PredictorSettings,
        is_ready_made: bool = False,
        roots: Sequence[Path] = (),
        workdir: WorkingDirectory | None = None,
        resources: ExitStack | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.is_ready_made = is_ready_made
        self.roots = tuple(roots)
        self.predictor = binding.predictor
        self._binding = binding
        self._workdir = workdir if workdir is not None and workdir.is_own else None
        self._resources = resources or ExitStack()
        # Of a kind that a signal handler which closes the routine may take twice.
        self._lock = threading.RLock()
        self._is_closed = False
        self._warned_of_count = False
        self._with_b64 = settings.b64 == "always" or (
            settings.b64 == "auto" and bool(getattr(binding.predictor, "decodes_b64", False))
        )

    @property
    def is_batchable(self) -> bool:
        """Whether several calls may share one predict."""
        return self._binding.is_batchable

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
            if self._is_closed:
                raise UsageError(f"the routine of {self.name!r} is closed.")
            if len(calls) == 1:
                return [self._answer_one(calls[0])]
            if not self.is_batchable:
                return [self._answer_one(call) for call in calls]
            return self._answer_many(calls)

    def run(self, call: Call) -> Any:
        """What predict itself returns for a call, before it is encoded.

        Unlike `answer` it waits for nobody: it is there to find out what a
        predictor does when several threads call it at once.

        Raises:
            CprError: The call is wrong, or user code raised; its exception is
                the `__cause__`.
        """
        decode = DIALECTS[call.dialect].decode
        return self._run(decode(call.body, self.settings, with_b64=self._with_b64))

    def close(self) -> None:
        """Run the predictor's close hook and release the rest; safe to call twice.

        Waits for calls that are being answered.
        """
        self.__exit__(None, None, None)

    def __enter__(self) -> Routine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._is_closed = True
            self._resources.__exit__(kind, error, trace)

    def _answer_one(self, call: Call) -> Reply:
        dialect = DIALECTS[call.dialect]
        start = perf_counter_ns()
        try:
            request = dialect.decode(call.body, self.settings, with_b64=self._with_b64)
        except CprError as error:
            return self._failed(call, error, Timing(perf_counter_ns() - start))
        return self._predict_one(call, request, perf_counter_ns() - start)

    def _predict_one(self, call: Call, request: Instances, decode_ns: int) -> Reply:
        start = perf_counter_ns()
        try:
            predictions = self._run(request)
        except CprError as error:
            timing = Timing(decode_ns, perf_counter_ns() - start)
            return self._failed(call, error, timing, _count(request))
        return self._encoded(call, request, predictions, (decode_ns, perf_counter_ns() - start))

    def _encoded(
        self,
        call: Call,
        request: Instances,
        predictions: Any,
        spent_ns: tuple[int, int],
        batch_size: int = 1,
    ) -> Reply:
        dialect = DIALECTS[call.dialect]
        encode = dialect.encode_body if self._binding.answers_whole_body else dialect.encode
        start = perf_counter_ns()
        try:
            body = encode(predictions, self.settings)
        except CprError as error:
            timing = Timing(*spent_ns, perf_counter_ns() - start)
            return self._failed(call, error, timing, _count(request))
        timing = Timing(*spent_ns, perf_counter_ns() - start)
        return Reply(200, body, timing, _count(request), batch_size)

    def _answer_many(self, calls: Sequence[Call]) -> list[Reply]:
        replies: list[Reply | None] = [None] * len(calls)
        requests: list[Instances | None] = []
        decode_ns = []
        for position, call in enumerate(calls):
            start = perf_counter_ns()
            try:
                decode = DIALECTS[call.dialect].decode
                request = decode(call.body, self.settings, with_b64=self._with_b64)
            except CprError as error:
                request = None
                replies[position] = self._failed(call, error, Timing(perf_counter_ns() - start))
            requests.append(request)
            decode_ns.append(perf_counter_ns() - start)
        for group in batching.plan(requests):
            members = [(calls[i], request, decode_ns[i]) for i in group if (request := requests[i])]
            for position, reply in zip(group, self._answer_group(members), strict=True):
                replies[position] = reply
        return [reply for reply in replies if reply is not None]

    def _answer_group(self, members: list[tuple[Call, Instances, int]]) -> list[Reply]:
        """Answer calls that can share one predict; alone, if together fails."""
        if len(members) == 1:
            return [self._predict_one(*members[0])]
        start = perf_counter_ns()
        parts = self._predict_together([request for _, request, _ in members])
        if parts is None:
            # Decoded anew: the predict that failed may have changed its instances.
            return [self._answer_one(call) for call, _, _ in members]
        share = (perf_counter_ns() - start) // len(members)
        return [
            self._encoded(call, request, part, (decode_ns, share), len(members))
            for (call, request, decode_ns), part in zip(members, parts, strict=True)
        ]

    def _predict_together(self, requests: list[Instances]) -> list[Any] | None:
        """The predictions of each request from one predict; None if that cannot be had."""
        counts = [len(request.values) for request in requests]
        try:
            predictions = self._run(batching.join(requests))
        except CprError as error:
            logger.info("a batch of %d calls failed; trying each alone: %s", len(counts), error)
            return None
        parts = batching.split(predictions, counts)
        if parts is None and not self._warned_of_count:
            self._warned_of_count = True
            logger.warning(
                "%s is batchable, but for %d instances its predict did not return as many "
                "predictions; such calls are answered one by one",
                self.name,
                sum(counts),
            )
        return parts

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

    def _failed(self, call: Call, error: CprError, timing: Timing, count: int = 0) -> Reply:
        body = DIALECTS[call.dialect].encode_error(error, self.settings)
        return Reply(error.http_status, body, timing, count, error=error)


def _count(request: Instances) -> int:
    return len(request.values) if isinstance(request.values, (list, dict, str)) else 1
