"""The checksum of tensors, index blocks and records."""

import random

import pytest

from cpr.savedmodel.crc32c import crc32c, mask, masked_crc32c


def by_bits(data, crc=0):
    """The definition, a bit at a time."""
    state = crc ^ 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


# RFC 3720, B.4.
KNOWN = {
    "digits": (b"123456789", 0xE3069283),
    "zeros": (bytes(32), 0x8A9136AA),
    "ones": (b"\xff" * 32, 0x62A8AB43),
    "upwards": (bytes(range(32)), 0x46DD794E),
    "nothing": (b"", 0),
}


@pytest.mark.parametrize(("data", "crc"), KNOWN.values(), ids=KNOWN)
def test_known_checksums(data, crc):
    assert crc32c(data) == crc


@pytest.mark.parametrize("size", [1, 7, 8, 511, 512, 513, 4095, 4096, 4103, 131071, 131072, 200001])
def test_any_length_has_the_checksum_of_the_definition(size):
    data = random.Random(size).randbytes(size)
    assert crc32c(data) == by_bits(data)


def test_a_checksum_goes_on_where_another_ended():
    data = random.Random(0).randbytes(70_000)
    whole = crc32c(data)
    for cut in (0, 1, 4096, 65_537, 70_000):
        assert crc32c(data[cut:], crc32c(data[:cut])) == whole


def test_pieces_of_large_data_count_as_one():
    data = bytes(range(256)) * (17 << 12)  # more than 16 MiB
    half = len(data) // 2 + 3
    assert crc32c(data) == crc32c(memoryview(data)[half:], crc32c(data[:half]))


def test_the_stored_form_is_rotated_and_shifted():
    assert mask(0) == 0xA282EAD8
    assert mask(1 << 15) == 0xA282EAD9
    assert masked_crc32c(b"123456789") == mask(0xE3069283)
