"""Control messages arrive whole, in order, with their descriptors."""

import os

import pytest

from cpr.server.control import ControlSocket


@pytest.fixture
def ends():
    pair = ControlSocket.pair()
    yield pair
    for end in pair:
        end.close()


@pytest.mark.parametrize("size", [1, 70_000, 5_000_000], ids=["short", "long", "longer"])
def test_messages_of_any_length_carry_descriptors(ends, size):
    ours, theirs = ends
    reading, writing = os.pipe()
    ours.send({"text": "ü" * size}, [reading])
    ours.send({"next": 1})
    os.close(reading)
    message, (received,) = theirs.receive()
    assert message == {"text": "ü" * size}
    os.write(writing, b"x")
    assert os.read(received, 1) == b"x"
    assert not os.get_inheritable(received)
    assert theirs.receive() == ({"next": 1}, [])
    os.close(received)
    os.close(writing)


def test_what_was_said_before_the_end_is_heard(ends):
    ours, theirs = ends
    theirs.send({"never": "read"})
    ours.send({"last": "word"})
    ours.close()
    assert theirs.receive() == ({"last": "word"}, [])
    assert theirs.receive() is None


def test_it_does_not_wait_where_it_must_not(ends):
    ours, theirs = ends
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):
        ours.receive()
    with pytest.raises(BlockingIOError):
        while True:
            ours.send({"text": "x" * 60_000})
    assert theirs.receive() == ({"text": "x" * 60_000}, [])
