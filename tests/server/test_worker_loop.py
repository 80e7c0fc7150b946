"""What a worker does with frames: batches, order, deadlines, the drain; over real sockets."""

import gzip
import json
import os
import socket
import threading

import pytest

from cpr.server import worker_loop
from cpr.server.control import ControlSocket
from cpr.server.frames import (
    ALONE,
    ANSWER_PLACE_SIZE,
    DIALECT_NUMBERS,
    EXPIRED,
    EXPLAIN,
    GZIP,
    PLACED,
    PLACED_ANSWER,
    REPLY_SIZE,
    pack_place,
    pack_request,
    unpack_answer_place,
    unpack_reply,
)
from cpr.server.options import ServeOptions
from cpr.server.passage import PASSAGE_BYTES, FrontPassage
from cpr.server.progress import Progress, make_page
from cpr.server.worker_loop import WorkerLoop
from cpr.serving import open_routine

ROUTINE = '''
import gc

class Recorder:
    """Answers each instance with how many shared its predict."""

    batchable = {batchable}

    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        if "collects" in instances:
            return [gc.isenabled()] * len(instances)
        if "fail" in instances:
            raise ValueError("asked to")
        return [len(instances)] * len(instances)
'''


class FakeFront:
    """The front's end of a channel to a loop that runs in a thread."""

    def __init__(self, control, number):
        self.socket, theirs = socket.socketpair()
        page = make_page(PASSAGE_BYTES)
        self.progress = Progress(os.dup(page))
        self.passage = FrontPassage(self.progress.further)
        control.send({"do": "channel", "front": number}, [theirs.fileno(), page])
        theirs.close()
        os.close(page)
        self.data = b""
        self.placed = 0

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def receive(self, count):
        """So many replies as (number, status, document or None)."""
        replies = []
        while len(replies) < count:
            if len(self.data) >= REPLY_SIZE:
                length, number, status, *_ = unpack_reply(self.data, 0)
                is_placed, size = status & PLACED_ANSWER, length
                if is_placed:
                    status, length = status ^ PLACED_ANSWER, ANSWER_PLACE_SIZE
                if len(self.data) >= REPLY_SIZE + length:
                    body = self.data[REPLY_SIZE : REPLY_SIZE + length]
                    if is_placed:
                        self.placed += 1
                        body = bytes(self.passage.lend(*unpack_answer_place(body), size))
                    replies.append((number, status, json.loads(body) if body else None))
                    self.data = self.data[REPLY_SIZE + length :]
                    continue
            more = self.socket.recv(1 << 20)
            assert more, "the worker closed the channel"
            self.data += more
        return replies

    def close(self):
        self.socket.close()
        self.progress.close()


def call(number, instances, *, flags=0, deadline_ns=0):
    body = json.dumps({"instances": instances}).encode()
    if flags & GZIP:
        body = gzip.compress(body)
    dialect = DIALECT_NUMBERS["aiplatform"]
    return pack_request(len(body), number, deadline_ns, dialect, flags, 0, 0) + body


@pytest.fixture
def worker(tmp_path, request):
    """Fronts of a running loop; they are connected before it starts."""
    started = []

    def start(*, fronts=1, batchable=True, ready_made=False, sent=(), **options):
        source = tmp_path / "recorder.py"
        source.write_text(ROUTINE.format(batchable=batchable))
        ours, theirs = ControlSocket.pair()
        routine = open_routine(f"{source}:Recorder", str(tmp_path))
        routine.is_ready_made = ready_made
        made = [FakeFront(ours, number) for number in range(fronts)]
        made[0].send(*sent)
        loop = WorkerLoop(routine, theirs, ServeOptions(**options))
        thread = threading.Thread(target=loop.run)
        thread.start()
        started.append((ours, theirs, routine, thread, made))
        return made

    yield start
    for ours, theirs, routine, thread, made in started:
        ours.send({"do": "drain"})
        for front in made:
            front.close()
        thread.join(20)
        assert not thread.is_alive(), "the loop does not end when it is drained"
        routine.close()
        ours.close()
        theirs.close()


def test_calls_that_have_arrived_share_one_predict(worker):
    (front,) = worker(sent=[call(n, [n]) for n in range(5)])

    assert front.receive(5) == [(n, 200, {"predictions": [5]}) for n in range(5)]
    assert front.progress.taken == 5


def test_calls_of_a_predictor_that_is_not_batchable_do_not(worker):
    (front,) = worker(batchable=False, sent=[call(n, [n]) for n in range(3)])

    assert front.receive(3) == [(n, 200, {"predictions": [1]}) for n in range(3)]


def test_a_suspect_is_predicted_alone(worker):
    (front,) = worker(sent=[call(1, [0]), call(2, [0], flags=ALONE), call(3, [0]), call(4, [0])])

    counts = [document["predictions"][0] for _, _, document in front.receive(4)]

    assert counts == [1, 1, 2, 2]


def test_the_calls_of_two_fronts_are_answered_to_each(worker):
    one, two = worker(fronts=2)
    one.send(call(7, [1]))
    two.send(call(7, [1, 2, 3]))

    ((_, _, of_one),) = one.receive(1)
    ((_, _, of_two),) = two.receive(1)

    assert len(of_one["predictions"]) == 1
    assert len(of_two["predictions"]) == 3
    assert (one.progress.taken, two.progress.taken) == (1, 1)


def test_a_call_that_fails_does_not_fail_its_neighbours(worker):
    (front,) = worker(sent=[call(1, [0]), call(2, ["fail"]), call(3, [0])])

    replies = front.receive(3)

    assert [status for _, status, _ in replies] == [200, 500, 200]
    assert "ValueError: asked to" in replies[1][2]["error"]


def test_a_call_past_its_deadline_is_not_predicted(worker):
    (front,) = worker(sent=[call(1, [0], deadline_ns=1), call(2, [0])])

    assert front.receive(2) == [(1, EXPIRED, None), (2, 200, {"predictions": [1]})]
    assert front.progress.taken == 2


def test_a_compressed_body_is_inflated(worker):
    (front,) = worker(sent=[call(1, [0, 0], flags=GZIP)])

    assert front.receive(1) == [(1, 200, {"predictions": [2, 2]})]


def test_no_more_calls_share_a_predict_than_may(worker):
    (front,) = worker(sent=[call(n, [n]) for n in range(5)], max_batch_size=2)

    counts = [document["predictions"][0] for _, _, document in front.receive(5)]

    assert counts == [2, 2, 2, 2, 1]


@pytest.mark.parametrize(
    ("quick_ns", "window_ms", "sizes"),
    [
        pytest.param(1 << 60, 0, [24, 24, 2], id="quick"),
        pytest.param(0, 0, [50], id="not quick"),
        pytest.param(1 << 60, 1, [50], id="with a window"),
    ],
)
def test_of_a_quick_predict_few_calls_share_one(worker, monkeypatch, quick_ns, window_ms, sizes):
    monkeypatch.setattr(worker_loop, "_QUICK_NS", quick_ns)
    (front,) = worker(sent=[call(0, [0])], batch_window_ms=window_ms)
    front.receive(1)
    front.send(*(call(n, [n]) for n in range(1, 51)))

    counts = [document["predictions"][0] for _, _, document in front.receive(50)]

    assert counts == [size for size in sizes for _ in range(size)]


def test_a_window_waits_for_company(worker):
    (front,) = worker(sent=[call(1, [0])], batch_window_ms=60_000, max_batch_size=3)
    front.send(call(2, [0]))
    front.send(call(3, [0]))

    assert [document["predictions"] for _, _, document in front.receive(3)] == [[3], [3], [3]]


def test_large_calls_are_not_joined(worker):
    large = ["x" * 200_000]
    (front,) = worker()
    front.send(call(1, large), call(2, large))

    assert [document["predictions"] for _, _, document in front.receive(2)] == [[1], [1]]


def test_a_front_that_is_gone_does_not_stop_the_others(worker):
    one, two = worker(fronts=2)
    one.send(call(1, [0]))
    one.close()
    two.send(call(2, [0]))

    assert two.receive(1)[0][1] == 200


def test_an_explanation_is_answered_by_itself(worker):
    (front,) = worker(sent=[call(1, [[1, 2]], flags=EXPLAIN), call(2, [0]), call(3, [0])])

    replies = {number: document for number, _, document in front.receive(3)}

    assert list(replies[1]) == ["explanations"]
    assert replies[2] == replies[3] == {"predictions": [2]}


def test_a_front_that_is_gone_while_its_explanation_is_made_does_not_stop_the_others(worker):
    one, two = worker(fronts=2, batchable=False)
    one.send(call(1, [[1.0] * 500] * 2, flags=EXPLAIN))
    two.send(call(2, [0]))
    assert two.receive(1) == [(2, 200, {"predictions": [1]})]
    one.close()
    two.send(call(3, [[1.0]], flags=EXPLAIN))

    assert two.receive(1)[0][:2] == (3, 200)


def test_a_supervisor_that_is_gone_ends_the_loop(tmp_path):
    source = tmp_path / "recorder.py"
    source.write_text(ROUTINE.format(batchable=True))
    ours, theirs = ControlSocket.pair()
    with open_routine(f"{source}:Recorder", str(tmp_path)) as routine:
        loop = WorkerLoop(routine, theirs, ServeOptions())
        ours.close()

        with pytest.raises(SystemExit):
            loop.run()
    theirs.close()


def test_large_bodies_and_answers_pass_through_memory(worker):
    (front,) = worker(batchable=False)
    body = json.dumps({"instances": [0] * 60_000}).encode()
    for turns in range(1, 40):  # 20 MB of each, where there is room for 8
        start = front.passage.put([body], len(body))
        head = pack_request(len(body), turns, 0, DIALECT_NUMBERS["kserve"], PLACED, 0, 0)
        front.send(head + pack_place(start))
        assert front.receive(1) == [(turns, 200, {"predictions": [60_000] * 60_000})]
        front.passage.take_back(start)
    assert front.placed == turns


def test_an_answer_without_room_goes_through_the_socket(worker):
    (front,) = worker(batchable=False)

    front.send(call(1, [0] * 1_500_000), call(2, [0]))
    (large, small) = front.receive(2)

    assert large == (1, 200, {"predictions": [1_500_000] * 1_500_000})
    assert (front.placed, small) == (0, (2, 200, {"predictions": [1]}))


@pytest.mark.parametrize(
    ("ready_made", "count", "is_enabled"),
    [(True, 60_000, False), (True, 10, True), (False, 60_000, True)],
    ids=["large", "small", "user-code"],
)
def test_no_garbage_is_collected_while_ready_made_code_has_a_large_body(
    worker, ready_made, count, is_enabled
):
    (front,) = worker(batchable=False, ready_made=ready_made)

    front.send(call(1, ["collects"] + [0] * count), call(2, ["collects"]))

    (_, _, large), (_, _, small) = front.receive(2)
    assert large["predictions"][0] is is_enabled
    assert small["predictions"] == [True]
