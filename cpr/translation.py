"""Between bytes and instances, for one routine: every dialect, limit and error of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from cpr.binding import Binding
from cpr.config import PredictorSettings
from cpr.contract import Contract
from cpr.errors import BadInput, CprError
from cpr.messages import Call, Instances, Reply, Timing
from cpr.wire.aiplatform import LIMIT_STATUSES
from cpr.wire.depth import check_depth
from cpr.wire.dialects import Dialect, dialects, dialects_of_whole_bodies
from cpr.wire.inflate import inflate
from cpr.wire.vertex import check_content_type


@dataclass(frozen=True)
class AnswerLimits:
    """What a routine takes, and how it tells errors; 0 stands for no limit of its own.

    Attributes:
        max_batch_size: The most instances of a predict that calls share. A
            call that has more by itself is answered whole.
        body_bytes: The most bytes that a packed body may unpack to.
        json_depth: How many levels lists and objects of a body may nest. JSON
            beyond 1024 levels is refused in any case.
        error_status: What AI Platform's calls that fail in decoding,
            predicting or encoding are answered with; 0 for their true status.
        debug_errors: Whether the client sees the traceback of user code too.
    """

    max_batch_size: int = 0
    body_bytes: int = 0
    json_depth: int = 0
    error_status: int = 0
    debug_errors: bool = False


class Translation:
    """Decodes calls, and encodes predictions and errors, for one loaded predictor.

    Attributes:
        limits: What is refused.
    """

    def __init__(self, binding: Binding, settings: PredictorSettings, limits: AnswerLimits) -> None:
        self.limits = limits
        self._settings = settings
        self._with_b64 = settings.b64 == "always" or (
            settings.b64 == "auto" and bool(getattr(binding.predictor, "decodes_b64", False))
        )
        self._dialects = _dialects_of(binding)
        # Below this many bytes no document can be too deep: each level takes two.
        self._shallow_bytes = 2 * (limits.json_depth or 1 << 40)

    def decode(self, call: Call) -> Instances:
        """What the call's body holds.

        Raises:
            BadInput: Nothing that can be predicted.
        """
        body, name, _, encoding, content_type = call
        dialect = self._dialects[name]
        if encoding:
            body = inflate(body, encoding, limit=self.limits.body_bytes)
        if content_type and dialect.wants_json:
            check_content_type(content_type)
        request = dialect.decode(body, self._settings, with_b64=self._with_b64)
        if len(body) > self._shallow_bytes:
            try:
                check_depth(body, self.limits.json_depth)
            except BadInput as error:
                raise BadInput(f"The request's JSON cannot be used: {error.problem}") from error
        return request

    def encode(self, call: Call, request: Instances, predictions: Any) -> bytes:
        """The body that answers the call.

        Raises:
            BadOutput: The predictions have no JSON form.
        """
        return self._dialects[call.dialect].encoders[request.form](predictions, self._settings)

    def encode_together(
        self, calls: Sequence[Call], predictions: Any, counts: Sequence[int]
    ) -> list[bytes] | None:
        """The bodies of calls that shared a predict, from one text of all its rows.

        None where the predictions are no array of numbers, are not one row an
        instance, or where the calls speak several dialects.
        """
        names = {call.dialect for call in calls}
        dialect = self._dialects[calls[0].dialect]
        if self._settings.strict or (
            len(names) > 1 and any(self._dialects[name] is not dialect for name in names)
        ):
            return None
        texts = dialect.row_texts(predictions)
        if texts is None or len(texts) != sum(counts):
            return None
        if len(texts) == len(counts):
            return [b'{"predictions":[%b]}' % text for text in texts]
        bodies, start = [], 0
        for count in counts:
            bodies.append(b'{"predictions":[%b]}' % b",".join(texts[start : start + count]))
            start += count
        return bodies

    def failed(self, call: Call, error: CprError, timing: Timing, count: int = 0) -> Reply:
        """The reply that tells an error."""
        dialect = self._dialects[call.dialect]
        status = error.http_status
        if call.dialect == "aiplatform" and status not in LIMIT_STATUSES:
            status = self.limits.error_status or status
        body = dialect.encode_error(error, self._settings)
        if self.limits.debug_errors and error.user_traceback:
            told = error.user_traceback.encode("utf-8", "replace").decode()
            body = b'%b,"traceback":%b}' % (body[:-1], orjson.dumps(told))
        return Reply(status, body, timing, count, error=error)


def _dialects_of(binding: Binding) -> dict[str, Dialect]:
    if binding.contract is Contract.VERTEX:
        return dialects_of_whole_bodies()
    return dialects(
        has_tensors=binding.has_tensors,
        takes_parameters=binding.takes_parameters,
    )
