"""The passage: bodies arrive as they left, and no place is used twice at a time."""

import mmap
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpr.server.passage import PASSAGE_BYTES, FrontPassage, Places, WorkerPassage

MOST = 8 << 20


@pytest.fixture
def sides():
    memory = memoryview(mmap.mmap(-1, PASSAGE_BYTES))
    return FrontPassage(memory), WorkerPassage(memory)


def body_of(size, seed=0):
    return random.Random(seed).randbytes(size)


def test_a_body_in_pieces_is_read_as_one(sides):
    front, worker = sides
    pieces = [b"one", bytearray(b"two"), b"three"]

    start = front.put(pieces, 11)

    assert worker.body(start, 11) == b"onetwothree"


def test_bodies_lie_side_by_side_until_they_are_taken_back(sides):
    front, worker = sides
    bodies = [body_of(100_000, n) for n in range(5)]
    starts = [front.put([body], len(body)) for body in bodies]
    assert [worker.body(start, 100_000) for start in starts] == bodies

    front.take_back(starts[2])

    assert front.put([b"x" * 100_000], 100_000) == starts[2]
    assert worker.body(starts[3], 100_000) == bodies[3]


def test_what_has_no_room_is_not_put(sides):
    front, worker = sides

    assert front.put([bytes(MOST)], MOST) == 0
    assert front.put([b"x"], 1) == -1
    assert worker.put(bytes(MOST + 1)) is None
    assert worker.put(bytes(MOST)) == (0, 0)
    assert worker.put(b"x") is None


def test_an_answer_keeps_its_place_as_long_as_anybody_has_a_view_of_it(sides):
    front, worker = sides
    answer = body_of(100_000)
    view = front.lend(*worker.put(answer), len(answer))
    # As a transport does: it casts what it is given, and cuts off what is written.
    rest = memoryview(view).cast("b")[60_000:]
    del view

    places = [worker.put(body_of(100_000, n)) for n in range(1, 6)]

    assert bytes(rest) == answer[60_000:]
    assert (0, 0) not in places
    del rest
    assert worker.put(b"x" * 100_000) == (0, 0)


def test_there_are_only_so_many_answers_at_a_time(sides):
    front, worker = sides
    views = [front.lend(*place, 1) for n in range(64) if (place := worker.put(bytes([n])))]
    assert [view[0] for view in views] == [*range(64)]

    assert worker.put(b"x") is None
    del views[10]
    assert worker.put(b"x") == (10, 10)


def test_without_memory_there_is_room_for_nothing():
    front, worker = FrontPassage(memoryview(b"")), WorkerPassage(memoryview(b""))

    assert front.put([b"x"], 1) == -1
    assert worker.put(b"x") is None


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=60))
def test_no_two_places_overlap(steps):
    places, taken = Places(100), {}
    for is_take, count in steps:
        if is_take:
            start = places.take(count)
            if start < 0:
                continue
            assert 0 <= start <= 100 - count
            assert all(start + count <= at or at + size <= start for at, size in taken.items())
            taken[start] = count
        elif taken:
            start = sorted(taken)[count % len(taken)]
            places.give_back(start)
            del taken[start]


@given(st.lists(st.integers(1, 40), max_size=20))
def test_what_is_given_back_is_free_again(counts):
    places = Places(100)
    for start in [places.take(count) for count in counts]:
        places.give_back(start)

    assert places.take(100) == 0
