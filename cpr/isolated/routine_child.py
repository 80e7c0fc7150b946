"""What a child that holds one routine can be asked: load, answer, close."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from cpr.isolated.channel import Message
from cpr.isolated.child import Operation
from cpr.isolated.errors_json import error_to_json
from cpr.messages import Call, Reply
from cpr.routine import Routine
from cpr.serving import open_routine


class _Served:
    """The one routine of this process."""

    def __init__(self) -> None:
        self._routine: Routine | None = None

    def load(self, message: Message) -> Message:
        start, cpu = time.perf_counter(), time.process_time()
        self._routine = open_routine(**message.header["open_with"])
        return Message(
            {
                "name": self._routine.name,
                "is_batchable": self._routine.is_batchable,
                "seconds": time.perf_counter() - start,
                "cpu_s": time.process_time() - cpu,
            }
        )

    def answer(self, message: Message) -> Message:
        assert self._routine is not None
        calls = [
            Call(body, call["dialect"], call["request_id"])
            for call, body in zip(message.header["calls"], message.blobs, strict=True)
        ]
        replies = self._routine.answer(calls)
        return Message(
            {"replies": [_to_json(reply) for reply in replies]},
            tuple(reply.body for reply in replies),
        )

    def usage(self, message: Message) -> Message:
        return Message({})

    def close(self, message: Message) -> Message:
        if self._routine is not None:
            self._routine.close()
        return Message({})


def operations() -> Mapping[str, Operation]:
    """The operations, over a routine that is not loaded yet."""
    served = _Served()
    return {
        "load": served.load,
        "answer": served.answer,
        "usage": served.usage,
        "close": served.close,
    }


def _to_json(reply: Reply) -> dict[str, Any]:
    timing = reply.timing
    return {
        "status": reply.status,
        "timing": [timing.decode_ns, timing.predict_ns, timing.encode_ns],
        "instance_count": reply.instance_count,
        "batch_size": reply.batch_size,
        "content_type": reply.content_type,
        "error": error_to_json(reply.error) if reply.error else None,
    }
