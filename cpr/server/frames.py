"""Frames between a front and a worker: a fixed header, then the bytes as they are.

A request frame carries a body that nobody has looked into; a reply frame what
the client gets, and where the time went. Both sides number calls alike.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

# The order is the wire's: a front and its workers are of one version.
DIALECTS = ("aiplatform", "vertex", "tfserving", "kserve")
DIALECT_NUMBERS = {name: number for number, name in enumerate(DIALECTS)}
ALONE, GZIP, EXPLAIN = 1, 2, 4

# body, call, deadline, dialect, flags, length of the request id, of the content type
_REQUEST = struct.Struct("<IIQBBHH")
# body, call, status, length of the content type; then decode, predict, encode, instances, batch
_ANSWER, _STAGES = struct.Struct("<IIHH"), struct.Struct("<QQQII")
_REPLY = struct.Struct("<IIHHQQQII")
REQUEST_SIZE, REPLY_SIZE = _REQUEST.size, _REPLY.size
EXPIRED = 0
"""The status of a reply to a call whose deadline had passed before it was begun."""

pack_request = _REQUEST.pack
unpack_request = _REQUEST.unpack_from
pack_reply = _REPLY.pack
unpack_reply = _REPLY.unpack_from
unpack_answer, unpack_stages = _ANSWER.unpack_from, _STAGES.unpack
ANSWER_SIZE = _ANSWER.size


class RequestFrame(NamedTuple):
    """One request, as a worker gets it.

    `deadline_ns` is on the monotonic clock, 0 for none. `is_alone` forbids to
    predict it together with others: it may have killed a worker before.
    `is_explain` asks for an explanation of the prediction.
    """

    number: int
    body: bytes
    dialect: str
    request_id: str
    content_type: str
    deadline_ns: int
    is_alone: bool
    is_gzip: bool
    is_explain: bool


class RequestReader:
    """Collects bytes as they come and gives whole request frames."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._wanted = REQUEST_SIZE

    def feed(self, data: bytes | memoryview) -> list[RequestFrame]:
        """Take what was read; the frames that it completes, in order."""
        pending = self._pending
        pending += data
        if len(pending) < self._wanted:
            return []
        frames, start, size = [], 0, len(pending)
        while size - start >= REQUEST_SIZE:
            length, number, deadline, dialect, flags, id_length, type_length = unpack_request(
                pending, start
            )
            body_start = start + REQUEST_SIZE + id_length + type_length
            if size < body_start + length:
                self._wanted = body_start + length - start
                break
            names = pending[start + REQUEST_SIZE : body_start].decode("latin-1")
            frames.append(
                RequestFrame(
                    number,
                    bytes(pending[body_start : body_start + length]),
                    DIALECTS[dialect],
                    names[:id_length],
                    names[id_length:],
                    deadline,
                    bool(flags & (ALONE | EXPLAIN)),
                    bool(flags & GZIP),
                    bool(flags & EXPLAIN),
                )
            )
            start = body_start + length
            self._wanted = REQUEST_SIZE
        del pending[:start]
        return frames
