"""Frames come whole, in any pieces, or not at all."""

import socket

import pytest

from cpr.isolated.channel import Channel, ChannelBroken, FrameReader, Message, encode

FRAME = encode({"do": "answer", "text": "ü"}, [b"first", b"", b"\x00\xff"])
MESSAGE = Message({"do": "answer", "text": "ü"}, (b"first", b"", b"\x00\xff"))


@pytest.mark.parametrize("piece", [1, 7, len(FRAME), 2 * len(FRAME)])
def test_frames_come_whole_in_pieces_of_any_size(piece):
    reader, found = FrameReader(), []
    stream = FRAME * 3
    for start in range(0, len(stream), piece):
        reader.feed(stream[start : start + piece])
        while (message := reader.take()) is not None:
            found.append(message)
    assert found == [MESSAGE] * 3


@pytest.mark.parametrize("length", range(len(FRAME)))
def test_a_frame_cut_short_is_never_seen(length):
    reader = FrameReader()
    reader.feed(FRAME[:length])
    assert reader.take() is None


def test_what_is_no_frame_is_refused():
    reader = FrameReader()
    reader.feed(b"Hello, I am a print statement.\n")
    with pytest.raises(ChannelBroken, match="something else than cpr wrote"):
        reader.take()


def test_the_end_of_the_other_side_is_none():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(FRAME + FRAME[:10])
        theirs.shutdown(socket.SHUT_WR)
        channel = Channel(ours)
        assert channel.receive() == MESSAGE
        assert channel.receive() is None
