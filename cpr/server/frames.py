"""Frames between a front and a worker: a fixed header, then the bytes as they are.

A request frame carries a body that nobody has looked into; a reply frame what
the client gets, and where the time went. Both sides number calls alike.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from cpr.messages import Call
from cpr.server.passage import WorkerPassage

# The order is the wire's: a front and its workers are of one version.
DIALECTS = ("aiplatform", "vertex", "tfserving", "kserve")
DIALECT_NUMBERS = {name: number for number, name in enumerate(DIALECTS)}
ALONE, GZIP, EXPLAIN = 1, 2, 4
PLACED = 8
"""A flag of a request whose body lies in the passage; the frame holds where."""
PLACED_ANSWER = 1 << 15
"""Added to the status of a reply whose body lies in the passage; the frame holds slot and place."""
LARGE_BYTES = 1 << 16
"""Bodies beyond this are worth a further system call, or a further object, for no copy."""

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
_PLACE, _ANSWER_PLACE = struct.Struct("<I"), struct.Struct("<II")
pack_place, pack_answer_place = _PLACE.pack, _ANSWER_PLACE.pack
unpack_answer_place = _ANSWER_PLACE.unpack_from
PLACE_SIZE, ANSWER_PLACE_SIZE = _PLACE.size, _ANSWER_PLACE.size


class RequestFrame(NamedTuple):
    """One request, as a worker gets it.

    `deadline_ns` is on the monotonic clock, 0 for none. `is_alone` forbids to
    predict it together with others: it may have killed a worker before.
    `is_explain` asks for an explanation of the prediction.
    """

    number: int
    call: Call
    deadline_ns: int
    is_alone: bool
    is_explain: bool


class RequestReader:
    """Collects bytes as they come and gives whole request frames.

    Args:
        passage: Where bodies lie that do not come with their frames.
    """

    def __init__(self, passage: WorkerPassage) -> None:
        self._passage = passage
        self._pieces: list[bytes] = []
        self._have = 0
        self._wanted = REQUEST_SIZE

    def feed(self, data: bytes | memoryview) -> list[RequestFrame]:
        """Take what was read; the frames that it completes, in order."""
        self._pieces.append(bytes(data))
        self._have += len(data)
        if self._have < self._wanted:
            return []
        pieces, self._wanted = self._pieces, REQUEST_SIZE
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        frames, start, size = [], 0, len(data)
        while size - start >= REQUEST_SIZE:
            length, number, deadline, dialect, flags, id_length, type_length = unpack_request(
                data, start
            )
            id_start = start + REQUEST_SIZE
            type_start = id_start + id_length
            body_start = type_start + type_length
            end = body_start + (PLACE_SIZE if flags & PLACED else length)
            if size < end:
                self._wanted = end - start
                break
            body = data[body_start:end]
            if flags & PLACED:
                (place,) = _PLACE.unpack(body)
                body = self._passage.body(place, length)
            content_type = data[type_start:body_start].decode("latin-1") if type_length else ""
            call = Call(
                body,
                DIALECTS[dialect],
                data[id_start:type_start].decode("latin-1"),
                "gzip" if flags & GZIP else "",
                content_type,
            )
            is_explain = flags & EXPLAIN != 0
            is_alone = is_explain or flags & ALONE != 0
            frames.append(RequestFrame(number, call, deadline, is_alone, is_explain))
            start = end
        self._pieces = [data[start:]] if start < size else []
        self._have = size - start
        return frames
