"""Who gets a call, and what becomes of it when its worker ends: links over real sockets."""

import asyncio
import os
import socket
from types import SimpleNamespace

import pytest

from cpr.server.frames import ALONE, EXPIRED, RequestReader, pack_reply
from cpr.server.front_exchange import Exchange
from cpr.server.front_link import Link
from cpr.server.front_pool import CRASHED, CRASHED_ONCE, Pool
from cpr.server.passage import PASSAGE_BYTES, WorkerPassage
from cpr.server.progress import Progress, make_page
from cpr.wire.routes import Route


class FakeWorker:
    """The worker's end of a channel: a test decides what it takes and answers."""

    def __init__(self, number, version="1", *, is_batchable=True):
        self.number, self.version, self.is_batchable = number, version, is_batchable
        ours, self.socket = socket.socketpair()
        ours.setblocking(False)
        self.socket.setblocking(False)
        page = make_page()
        self.progress = Progress(os.dup(page))
        self.theirs, self.page = ours, page
        self.reader = RequestReader(WorkerPassage(memoryview(bytearray(PASSAGE_BYTES))))
        self.frames = []

    async def receive(self, count):
        while len(self.frames) < count:
            data = await asyncio.get_running_loop().sock_recv(self.socket, 1 << 16)
            self.frames += self.reader.feed(data)
        return self.frames

    def answer(self, frame, body=b"{}", status=200):
        self.socket.send(pack_reply(len(body), frame.number, status, 0, 1, 2, 3, 1, 1) + body)

    def die(self):
        self.socket.close()


class Bench:
    """A pool, with all that it says kept in lists."""

    def __init__(self, loop, **options):
        self.finished, self.failed, self.told, self.counted = [], [], [], []
        self.workers, self.links = [], []
        self.pool = Pool(
            loop,
            lambda exchange, outcome: self.finished.append((exchange.request_id, outcome)),
            lambda exchange, status, text: self.failed.append((exchange.request_id, status, text)),
            self.told.append,
            count=self.counted.append,
            **{"may_retry": True, "request_timeout_s": 60.0, **options},
        )
        self.pool.default_version = "1"

    async def add(self, worker):
        loop = asyncio.get_running_loop()
        link = Link(
            loop,
            worker.number,
            worker.version,
            worker.theirs,
            Progress(worker.page),
            is_batchable=worker.is_batchable,
        )
        self.workers.append(worker)
        self.links.append(link)
        await self.pool.add(link)

    def submit(self, name, version=""):
        owner = SimpleNamespace(peer="")
        route = Route("aiplatform", version=version)
        exchange = Exchange(owner, route, name, b"POST", b"/", {})
        exchange.body = name.encode()
        self.pool.submit(exchange)
        return exchange

    async def until(self, holds):
        async def watch():
            while not holds():
                await asyncio.sleep(0)

        await asyncio.wait_for(watch(), 20)

    async def close(self):
        for worker in self.workers:
            worker.die()
            worker.progress.close()
        for link in self.links:
            link.close()
        await self.until(lambda: all(link.is_closed for link in self.links))


def run(scenario, **options):
    async def main():
        bench = Bench(asyncio.get_running_loop(), **options)
        try:
            await scenario(bench)
        finally:
            await bench.close()

    asyncio.run(main())


def test_a_call_is_answered_with_what_the_worker_says():
    async def scenario(bench):
        worker = FakeWorker(1)
        await bench.add(worker)
        bench.submit("a")
        (frame,) = await worker.receive(1)
        worker.answer(frame, b"said")
        await bench.until(lambda: bench.finished)

        ((name, outcome),) = bench.finished
        assert (name, outcome.status, outcome.body) == ("a", 200, b"said")
        assert outcome.stages == (1, 2, 3, 1, 1)
        assert bench.pool.in_flight == 0

    run(scenario)


def test_a_reply_may_arrive_in_pieces():
    async def scenario(bench):
        worker = FakeWorker(1)
        await bench.add(worker)
        bench.submit("a")
        bench.submit("b")
        first, second = await worker.receive(2)
        data = b"".join(
            pack_reply(4, frame.number, 200, 0, 0, 0, 0, 1, 1) + b"body"
            for frame in (first, second)
        )
        for position in range(len(data)):
            worker.socket.send(data[position : position + 1])
            await asyncio.sleep(0)
        await bench.until(lambda: len(bench.finished) == 2)

        assert [outcome.body for _, outcome in bench.finished] == [b"body", b"body"]

    run(scenario)


def test_of_a_worker_that_dies_the_begun_call_goes_alone_and_the_rest_as_before():
    async def scenario(bench):
        first, second = FakeWorker(1), FakeWorker(2)
        await bench.add(first)
        for name in "abc":
            bench.submit(name)
        await first.receive(3)
        first.progress.take(1)
        await bench.add(second)
        first.die()
        frames = await second.receive(3)

        assert {f.call.request_id: f.is_alone for f in frames} == {
            "a": True,
            "b": False,
            "c": False,
        }
        assert bench.counted == ["retried"]
        assert bench.told == [{"say": "lost", "worker": 1}]

    run(scenario)


def test_a_call_whose_second_worker_dies_too_is_given_up_and_nothing_else():
    async def scenario(bench):
        workers = [FakeWorker(number) for number in (1, 2, 3)]
        await bench.add(workers[0])
        bench.submit("poison")
        bench.submit("good")
        await workers[0].receive(2)
        workers[0].progress.take(2)
        await bench.add(workers[1])
        workers[0].die()
        frames = await workers[1].receive(2)
        assert [f.is_alone for f in frames] == [True, True]
        workers[1].progress.take(1)
        await bench.add(workers[2])
        workers[1].die()
        (frame,) = await workers[2].receive(1)
        workers[2].answer(frame)
        await bench.until(lambda: bench.finished)

        assert bench.failed == [("poison", 500, CRASHED)]
        assert bench.finished[0][0] == "good"

    run(scenario)


def test_without_retry_only_what_was_begun_is_given_up():
    async def scenario(bench):
        first, second = FakeWorker(1), FakeWorker(2)
        await bench.add(first)
        bench.submit("begun")
        bench.submit("untouched")
        await first.receive(2)
        first.progress.take(1)
        await bench.add(second)
        first.die()
        (frame,) = await second.receive(1)

        assert bench.failed == [("begun", 503, CRASHED_ONCE)]
        assert frame.call.request_id == "untouched"

    run(scenario, may_retry=False)


def test_a_reply_that_was_written_before_the_death_counts():
    async def scenario(bench):
        worker = FakeWorker(1)
        await bench.add(worker)
        bench.submit("a")
        (frame,) = await worker.receive(1)
        worker.progress.take(1)
        worker.answer(frame)
        worker.die()
        await bench.until(lambda: bench.told)

        assert [name for name, _ in bench.finished] == ["a"]
        assert bench.failed == []

    run(scenario)


def test_a_call_waits_for_a_worker_of_its_version():
    async def scenario(bench):
        bench.submit("a", version="2")
        await bench.add(FakeWorker(1, version="1"))
        second = FakeWorker(2, version="2")
        await bench.add(second)
        (frame,) = await second.receive(1)

        assert frame.call.request_id == "a"

    run(scenario)


def test_what_waits_for_a_version_that_is_gone_is_told_so():
    async def scenario(bench):
        bench.submit("a", version="2")
        bench.submit("b")
        bench.pool.fail_waiting(["1"], 404, "gone")

        assert bench.failed == [("a", 404, "gone")]
        assert bench.pool.in_flight == 1

    run(scenario)


def test_a_call_past_its_deadline_is_answered_504_and_its_worker_reported():
    async def scenario(bench):
        worker = FakeWorker(1)
        await bench.add(worker)
        bench.submit("a")
        await worker.receive(1)
        worker.progress.take(1)

        def has_hung():
            bench.pool.sweep()
            return bench.told

        await bench.until(has_hung)

        assert [(name, status) for name, status, _ in bench.failed] == [("a", 504)]
        assert bench.told == [{"say": "hung", "worker": 1, "seconds": 0.01}]

    run(scenario, request_timeout_s=0.01)


def test_a_worker_that_has_begun_nothing_is_not_reported():
    async def scenario(bench):
        worker = FakeWorker(1)
        await bench.add(worker)
        bench.submit("a")
        await worker.receive(1)

        def has_failed():
            bench.pool.sweep()
            return bench.failed

        await bench.until(has_failed)

        assert bench.told == []

    run(scenario, request_timeout_s=0.01)


def test_a_call_that_the_worker_finds_expired_is_answered_504():
    async def scenario(bench):
        worker = FakeWorker(1)
        await bench.add(worker)
        bench.submit("a")
        (frame,) = await worker.receive(1)
        worker.answer(frame, b"", status=EXPIRED)
        await bench.until(lambda: bench.failed)

        assert [(name, status) for name, status, _ in bench.failed] == [("a", 504)]
        assert bench.pool.in_flight == 0

    run(scenario)


def test_an_abandoned_call_is_neither_answered_nor_sent_again():
    async def scenario(bench):
        first, second = FakeWorker(1), FakeWorker(2)
        await bench.add(first)
        exchange = bench.submit("gone")
        bench.submit("here")
        await first.receive(2)
        bench.pool.abandon(exchange)
        await bench.add(second)
        first.die()
        (frame,) = await second.receive(1)

        assert frame.call.request_id == "here"
        assert bench.pool.in_flight == 1

    run(scenario)


def test_a_removed_worker_answers_what_it_has_and_gets_nothing_new():
    async def scenario(bench):
        old, new = FakeWorker(1), FakeWorker(2)
        await bench.add(old)
        bench.submit("a")
        (frame,) = await old.receive(1)
        await bench.add(new)
        bench.pool.remove(1)
        bench.submit("b")
        (second,) = await new.receive(1)
        old.answer(frame)
        await bench.until(lambda: bench.finished)
        closed = await asyncio.get_running_loop().sock_recv(old.socket, 1)

        assert second.call.request_id == "b"
        assert [name for name, _ in bench.finished] == ["a"]
        assert closed == b""
        assert bench.told == []

    run(scenario)


def test_calls_go_to_the_worker_that_has_the_fewest():
    async def scenario(bench):
        first, second = FakeWorker(1), FakeWorker(2)
        await bench.add(first)
        await bench.add(second)
        for name in "abcd":
            bench.submit(name)
        await first.receive(2)
        await second.receive(2)

        assert len(first.frames) == len(second.frames) == 2
        assert bench.pool.queued_by_version() == [("1", 4)]
        assert bench.pool.workers() == {"1": 2}

    run(scenario)


def test_no_call_is_stuck_behind_another_while_a_worker_is_free():
    async def scenario(bench):
        stuck, free = (FakeWorker(number, is_batchable=False) for number in (1, 2))
        await bench.add(stuck)
        await bench.add(free)
        for name in "abcd":
            bench.submit(name)
        await stuck.receive(1)
        for count in (1, 2, 3):
            await free.receive(count)
            free.answer(free.frames[-1])
        await bench.until(lambda: len(bench.finished) == 3)

        assert [frame.call.request_id for frame in stuck.frames] == ["a"]
        assert [frame.call.request_id for frame in free.frames] == ["b", "c", "d"]
        assert bench.pool.queued_by_version() == [("1", 1)]

    run(scenario)


def test_what_waits_for_a_free_worker_goes_to_the_last_that_is_left():
    async def scenario(bench):
        first, second = (FakeWorker(number, is_batchable=False) for number in (1, 2))
        await bench.add(first)
        await bench.add(second)
        for name in "abcd":
            bench.submit(name)
        await first.receive(1)
        await second.receive(1)
        first.progress.take(1)
        first.die()
        frames = await second.receive(4)

        assert [frame.call.request_id for frame in frames] == ["b", "c", "d", "a"]
        assert [frame.is_alone for frame in frames] == [False, False, False, True]

    run(scenario)


def test_what_waits_follows_the_default_version():
    async def scenario(bench):
        old = [FakeWorker(number, is_batchable=False) for number in (1, 2)]
        for worker in old:
            await bench.add(worker)
        for name in "abc":
            bench.submit(name)
        new = FakeWorker(3, version="2", is_batchable=False)
        await bench.add(new)
        bench.pool.default_version = "2"
        bench.pool.sweep()
        (frame,) = await new.receive(1)

        assert frame.call.request_id == "c"

    run(scenario)


def test_a_worker_that_is_slow_gets_nothing_that_others_can_take(monkeypatch):
    monkeypatch.setattr("cpr.server.front_pool._SLOW_NS", 0)

    async def scenario(bench):
        slow, quick = FakeWorker(1), FakeWorker(2)
        await bench.add(slow)
        await bench.add(quick)
        bench.submit("a")
        await slow.receive(1)
        slow.progress.take(1)
        bench.pool.sweep()
        for name in "bcd":
            bench.submit(name)
        await quick.receive(3)

        assert len(slow.frames) == 1

    run(scenario)


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
def test_bodies_of_any_size_arrive_whole(size):
    async def scenario(bench):
        worker = FakeWorker(1)
        await bench.add(worker)
        owner = SimpleNamespace(peer="")
        exchange = Exchange(owner, Route("aiplatform"), "big", b"POST", b"/", {})
        exchange.body = b"x" * size
        exchange.flags = ALONE
        bench.pool.submit(exchange)
        (frame,) = await worker.receive(1)

        assert frame.call.body == exchange.body
        assert frame.is_alone

    run(scenario)


def test_a_call_that_goes_with_another_one_late_as_well_is_counted_once():
    async def scenario(bench):
        first, second = bench.submit("first"), bench.submit("second")
        tell = bench.pool._fail

        def fail(exchange, status, text):
            tell(exchange, status, text)
            if exchange is first:  # its answer was the last one of the connection of both
                bench.pool.abandon(second)

        bench.pool._fail = fail
        await bench.until(lambda: bench.pool.sweep() or bench.failed)

        assert [name for name, _, _ in bench.failed] == ["first"]
        assert bench.pool.in_flight == 0

    run(scenario, request_timeout_s=1e-9)


def test_a_worker_that_is_removed_while_it_is_taken_in_gets_nothing():
    async def scenario(bench):
        worker = FakeWorker(1)
        adding = asyncio.ensure_future(bench.add(worker))
        await asyncio.sleep(0)
        bench.pool.remove(1)
        await adding

        assert bench.pool.workers() == {}
        await bench.until(lambda: bench.links[0].is_closed)

    run(scenario)


def test_a_call_to_a_worker_that_leaves_has_its_deadline_and_the_worker_too():
    async def scenario(bench):
        worker = FakeWorker(1)
        await bench.add(worker)
        bench.submit("slow")
        await worker.receive(1)
        worker.progress.take(1)
        bench.pool.remove(1)
        await bench.until(lambda: bench.pool.sweep() or bench.told)

        assert [(name, status) for name, status, _ in bench.failed] == [("slow", 504)]
        assert [(told["say"], told["worker"]) for told in bench.told] == [("hung", 1)]

    run(scenario, request_timeout_s=1e-9)


def test_a_call_that_was_sent_again_is_late_in_its_own_time():
    async def scenario(bench):
        first, second = FakeWorker(1), FakeWorker(2)
        await bench.add(first)
        early = bench.submit("early")
        await first.receive(1)
        await bench.add(second)
        bench.pool.remove(1)
        bench.submit("later")
        await second.receive(1)
        first.die()
        await second.receive(2)
        early.deadline_ns = 1
        bench.pool.sweep()

        assert [(name, status) for name, status, _ in bench.failed] == [("early", 504)]

    run(scenario)
