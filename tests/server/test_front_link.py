"""What a link writes to its worker and when: over a real socket, before the loop turns."""

import asyncio
import gc
import os
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from cpr.server.frames import (
    PLACED_ANSWER,
    RequestReader,
    pack_answer_place,
    pack_reply,
)
from cpr.server.front_exchange import Exchange
from cpr.server.front_link import Link
from cpr.server.passage import PASSAGE_BYTES, WorkerPassage
from cpr.server.progress import Progress, make_page
from cpr.wire.routes import Route

QUICK_NS, SLOW_NS = 1_000, 900_000_000


class Wire:
    """A link and the worker's end of it; `link` has already answered one call."""

    def __init__(self):
        self.sent = 0
        self.replies = []

    async def open(self, predict_ns, *, batch_size=1):
        ours, self.worker = socket.socketpair()
        ours.setblocking(False)
        self.worker.setblocking(False)
        page = make_page(PASSAGE_BYTES)
        self.progress = Progress(os.dup(page))
        self.passage = WorkerPassage(self.progress.further)
        self.reader = RequestReader(self.passage)
        loop = asyncio.get_running_loop()
        self.link = Link(loop, 1, "1", ours, Progress(page))
        self.link.on_reply = lambda exchange, link, outcome: self.replies.append(outcome)
        self.link.on_room = lambda link: None
        self.link.on_lost = lambda link, begun, untouched: None
        await loop.create_connection(lambda: self.link, sock=ours)
        self.send()
        (frame,) = await self.frames(1)
        reply = pack_reply(2, frame.number, 200, 0, 1, predict_ns, 1, 1, batch_size)
        self.worker.send(reply + b"{}")
        while not self.replies:
            await asyncio.sleep(0)

    def send(self, count=1, body=b"body"):
        for _ in range(count):
            self.sent += 1
            owner = SimpleNamespace(peer="")
            exchange = Exchange(owner, Route("kserve"), str(self.sent), b"POST", b"/", {})
            exchange.body = body
            self.link.send(exchange)

    def answer(self, frame, body):
        place = self.passage.put(body)
        figures = len(body), frame.number, 200 | PLACED_ANSWER, 0, 1, QUICK_NS, 1, 1, 1
        self.worker.send(pack_reply(*figures) + pack_answer_place(*place))
        return place

    def arrived(self):
        """The frames that are there without a turn of the loop."""
        try:
            return self.reader.feed(self.worker.recv(1 << 20))
        except BlockingIOError:
            return []

    async def frames(self, count):
        found = []
        while len(found) < count:
            data = await asyncio.get_running_loop().sock_recv(self.worker, 1 << 16)
            found += self.reader.feed(data)
        return found

    async def close(self):
        self.link.abort()
        self.worker.close()
        self.progress.close()
        await asyncio.sleep(0)


def run(scenario, predict_ns=QUICK_NS, **options):
    async def main():
        wire = Wire()
        await wire.open(predict_ns, **options)
        try:
            await asyncio.wait_for(scenario(wire), 60)
        finally:
            await wire.close()

    asyncio.run(main())


def names(frames):
    return [int(frame.call.request_id) for frame in frames]


def test_a_quick_worker_gets_its_first_calls_while_the_front_still_reads_others():
    async def scenario(wire):
        parts = []
        for _ in range(64):
            wire.send()
            parts.append(names(wire.arrived()))

        assert [len(part) for part in parts if part] == [16, 16, 32]
        assert [name for part in parts for name in part] == [*range(2, 66)]

    run(scenario)


def test_few_calls_are_written_together():
    async def scenario(wire):
        wire.send(15)
        assert wire.arrived() == []
        assert names(await wire.frames(15)) == [*range(2, 17)]

    run(scenario)


@pytest.mark.parametrize(("predict_ns", "batch_size"), [(SLOW_NS, 1), (QUICK_NS * 100, 64)])
def test_a_slow_worker_gets_all_calls_of_a_turn_in_one_batch(predict_ns, batch_size):
    async def scenario(wire):
        wire.send(64)
        assert wire.arrived() == []
        assert names(await wire.frames(64)) == [*range(2, 66)]

    run(scenario, predict_ns, batch_size=batch_size)


def test_what_a_full_channel_does_not_take_follows_whole_and_in_order():
    async def scenario(wire):
        body = bytes(range(256)) * 240
        wire.send(64, body)
        frames = await wire.frames(64)
        assert names(frames) == [*range(2, 66)]
        assert {frame.call.body for frame in frames} == {body}

    run(scenario)


def test_calls_sent_to_a_worker_that_has_just_ended_are_reported_as_lost():
    async def scenario(wire):
        lost = []
        wire.link.on_lost = lambda link, begun, untouched: lost.extend(begun + untouched)
        wire.worker.close()
        wire.send(20)
        while not lost:
            await asyncio.sleep(0)
        assert len(lost) == 20

    run(scenario)


LARGE = bytes(range(256)) * 1024


def test_a_large_body_lies_in_the_passage_and_its_answer_too():
    async def scenario(wire):
        wire.send(3, LARGE)
        wire.send(1, [LARGE, bytearray(b"in"), b"pieces"])
        await turn()
        data = wire.worker.recv(1 << 20)
        assert len(data) < 1024
        frames = wire.reader.feed(data)
        assert [frame.call.body for frame in frames] == [LARGE] * 3 + [LARGE + b"inpieces"]

        answers = [bytes([n]) * 100_000 for n in range(4)]
        for frame, answer in zip(frames, answers, strict=True):
            wire.answer(frame, answer)
        while len(wire.replies) < 5:
            await asyncio.sleep(0)
        assert [(r.status, bytes(r.body)) for r in wire.replies[1:]] == [
            (200, answer) for answer in answers
        ]

    run(scenario)


def test_the_places_of_what_was_answered_are_used_again():
    async def scenario(wire):
        for turns in range(1, 200):  # 50 MB of each, where there is room for 8
            wire.send(1, LARGE)
            (frame,) = await wire.frames(1)
            assert frame.call.body == LARGE
            assert wire.answer(frame, LARGE) == (0, 0)
            while len(wire.replies) < 2:
                await asyncio.sleep(0)
            assert bytes(wire.replies.pop().body) == LARGE, turns

    run(scenario)


def test_an_answer_that_nobody_waits_for_gives_its_place_back():
    async def scenario(wire):
        wire.send(1, LARGE)
        (exchange,) = wire.link.pending.values()
        exchange.owner = None
        (frame,) = await wire.frames(1)
        assert wire.answer(frame, LARGE) == (0, 0)
        while wire.link.pending:
            await asyncio.sleep(0)
        assert wire.passage.put(b"next") == (0, 0)

    run(scenario)


def test_an_answer_outlives_its_worker():
    async def scenario(wire):
        wire.send(1, LARGE)
        (frame,) = await wire.frames(1)
        wire.answer(frame, LARGE)
        while len(wire.replies) < 2:
            await asyncio.sleep(0)
        wire.worker.close()
        wire.progress.close()
        while not wire.link.is_closed:
            await asyncio.sleep(0)
        assert bytes(wire.replies[1].body) == LARGE

    run(scenario)


def test_what_has_no_room_in_the_passage_goes_through_the_socket():
    async def scenario(wire):
        wire.send(40, LARGE)  # 10 MB
        frames = await wire.frames(40)
        assert {frame.call.body for frame in frames} == {LARGE}
        assert names(frames) == [*range(2, 42)]

    run(scenario)


def test_a_worker_that_takes_one_call_at_a_time_has_the_next_before_one_is_answered():
    async def scenario(wire):
        arrived = []
        wire.link.is_batchable = False
        wire.link.on_room = lambda link: wire.send() if wire.sent < 3 else None
        wire.link.on_reply = lambda exchange, link, outcome: arrived.append(names(wire.arrived()))
        wire.send()
        (frame,) = await wire.frames(1)
        wire.answer(frame, LARGE)
        while not arrived:
            await asyncio.sleep(0)
        assert arrived == [[3]]

    run(scenario)


def test_the_memory_shared_with_a_worker_goes_with_the_last_of_its_answers():
    async def scenario(wire):
        wire.send(1, LARGE)
        (frame,) = await wire.frames(1)
        wire.answer(frame, LARGE)
        while len(wire.replies) < 2:
            await asyncio.sleep(0)
        both = mappings()
        wire.worker.close()
        while not wire.link.is_closed:
            await asyncio.sleep(0)
        assert mappings() == both
        assert bytes(wire.replies.pop().body) == LARGE
        assert mappings() == both - 1

    gc.disable()
    try:
        run(scenario)
    finally:
        gc.enable()


def mappings():
    return Path("/proc/self/maps").read_text().count("cpr-progress")


async def turn():
    """Let the loop write what is queued."""
    for _ in range(2):
        await asyncio.sleep(0)
