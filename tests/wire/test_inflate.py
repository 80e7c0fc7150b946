"""Packed bodies: what comes out, and what never does."""

import gzip
import tracemalloc
import zlib

import pytest

from cpr.errors import BadInput, BodyTooLarge, UnknownEncoding
from cpr.wire.inflate import inflate

BODY = b'{"instances": [1, 2]}'
PACKED = gzip.compress(BODY)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", " GZIP "])
def test_a_packed_body_comes_out_as_it_went_in(encoding):
    assert inflate(PACKED, encoding, limit=len(BODY)) == BODY
    assert inflate(PACKED, encoding, limit=0) == BODY


@pytest.mark.parametrize("encoding", ["", "identity"])
def test_a_body_that_is_not_packed_stays(encoding):
    assert inflate(PACKED, encoding, limit=1) == PACKED


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "compress", "gzip, gzip", "x" * 999])
def test_any_other_encoding_is_unknown(encoding):
    with pytest.raises(UnknownEncoding, match="only gzip is understood") as caught:
        inflate(PACKED, encoding, limit=100)
    assert caught.value.http_status == 415
    assert len(caught.value.problem) < 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "cut short"),
        (PACKED[:5], "cut short"),
        (PACKED[:-9], "cut short"),
        (PACKED[:-1], "cut short"),
        (PACKED + b"junk", "something follows its end"),
        (PACKED + PACKED, "something follows its end"),
        (BODY, "incorrect header check"),
        (zlib.compress(BODY), "incorrect header check"),
        (PACKED[:-6] + b"\0\0" + PACKED[-4:], "incorrect data check"),
        (gzip.compress(PACKED)[:-3], "cut short"),
    ],
    ids=[
        "empty",
        "header_cut",
        "data_cut",
        "last_byte_cut",
        "junk",
        "second_member",
        "not_packed",
        "zlib",
        "wrong_checksum",
        "twice_and_cut",
    ],
)
def test_a_damaged_body_is_refused(body, message):
    with pytest.raises(BadInput, match=f"^the body is not valid gzip: .*{message}") as caught:
        inflate(body, "gzip", limit=1000)
    assert caught.value.http_status == 400


@pytest.mark.parametrize("limit", [1, len(BODY) - 1])
def test_a_body_beyond_the_limit_is_too_large(limit):
    with pytest.raises(BodyTooLarge, match=f"larger than {limit} bytes once it is unpacked"):
        inflate(PACKED, "gzip", limit=limit)


def test_a_bomb_costs_no_more_memory_than_the_limit():
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(bytes(1 << 20)) for _ in range(256)]
    bomb = b"".join([*parts, packer.flush()])
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        inflate(bomb, "gzip", limit=8 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 << 20


def test_what_unpacks_to_far_more_than_was_sent_is_whole():
    body = bytes(5_000_000)
    assert inflate(gzip.compress(body), "gzip", limit=len(body)) == body
