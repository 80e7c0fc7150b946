"""Frames: what a front writes is what a worker reads, however the bytes arrive."""

import mmap
import struct

import pytest

from cpr.server.frames import (
    ALONE,
    DIALECT_NUMBERS,
    DIALECTS,
    GZIP,
    PLACED,
    REPLY_SIZE,
    REQUEST_SIZE,
    RequestReader,
    pack_place,
    pack_reply,
    pack_request,
    unpack_reply,
)
from cpr.server.passage import PASSAGE_BYTES, FrontPassage, WorkerPassage


def frame(number, body, *, dialect="tfserving", flags=0, request_id=b"r-1", content_type=b""):
    names = request_id + content_type
    sizes = len(request_id), len(content_type)
    head = pack_request(len(body), number, 77, DIALECT_NUMBERS[dialect], flags, *sizes)
    return head + names + body


def reader_of():
    """A reader whose passage is empty."""
    return RequestReader(WorkerPassage(memoryview(bytearray(PASSAGE_BYTES))))


def test_a_frame_is_read_as_it_was_written():
    data = frame(3, b'{"instances": []}', dialect="vertex", content_type=b"application/json")

    (read,) = reader_of().feed(data)

    assert read.number == 3
    assert read.call.body == b'{"instances": []}'
    assert (read.call.dialect, read.call.request_id) == ("vertex", "r-1")
    assert (read.call.content_type, read.deadline_ns) == ("application/json", 77)
    assert (read.is_alone, bool(read.call.encoding)) == (False, False)


@pytest.mark.parametrize(
    ("flags", "is_alone", "is_gzip"),
    [(ALONE, True, False), (GZIP, False, True), (ALONE | GZIP, True, True)],
    ids=["alone", "gzip", "both"],
)
def test_flags_are_told_apart(flags, is_alone, is_gzip):
    (read,) = reader_of().feed(frame(1, b"x", flags=flags))

    assert (read.is_alone, bool(read.call.encoding)) == (is_alone, is_gzip)


@pytest.mark.parametrize("piece", [1, 2, 7, REQUEST_SIZE, REQUEST_SIZE + 1, 1000])
def test_frames_may_arrive_in_pieces_of_any_size(piece):
    bodies = [b"", b"a", b"b" * 300, b"c" * 5000]
    data = b"".join(frame(n, body) for n, body in enumerate(bodies))
    reader = reader_of()

    read = [f for at in range(0, len(data), piece) for f in reader.feed(data[at : at + piece])]

    assert [f.call.body for f in read] == bodies
    assert [f.number for f in read] == [0, 1, 2, 3]


def test_a_frame_that_lacks_a_byte_is_not_given():
    data = frame(1, b"whole") + frame(2, b"half")
    reader = reader_of()

    assert [f.number for f in reader.feed(data[:-1])] == [1]
    assert [f.call.body for f in reader.feed(data[-1:])] == [b"half"]


def test_a_body_that_lies_in_the_passage_is_read_from_there():
    memory = memoryview(mmap.mmap(-1, PASSAGE_BYTES))
    front = FrontPassage(memory)
    bodies = [bytes([n]) * 100_000 for n in range(3)]
    starts = [front.put([body], len(body)) for body in bodies]
    heads = [pack_request(100_000, n, 0, 0, PLACED, 3, 0) + b"r-1" for n in range(3)]
    frames = [head + pack_place(start) for head, start in zip(heads, starts, strict=True)]
    data = frame(7, b"small") + b"".join(frames) + frame(8, b"small")
    reader = RequestReader(WorkerPassage(memory))

    read = [f for at in range(0, len(data), 13) for f in reader.feed(data[at : at + 13])]

    assert [f.number for f in read] == [7, 0, 1, 2, 8]
    assert [f.call.body for f in read] == [b"small", *bodies, b"small"]
    assert {f.call.request_id for f in read} == {"r-1"}


def test_every_dialect_has_a_number():
    assert [DIALECTS[DIALECT_NUMBERS[name]] for name in DIALECTS] == list(DIALECTS)


def test_a_reply_holds_what_was_put_in():
    figures = (5, 9, 200, 0, 1 << 40, 2, 3, 64, 8)

    assert unpack_reply(pack_reply(*figures), 0) == figures
    assert len(pack_reply(*figures)) == REPLY_SIZE


def test_a_number_that_does_not_fit_is_refused():
    with pytest.raises(struct.error):
        pack_request(1 << 33, 1, 0, 0, 0, 0, 0)
